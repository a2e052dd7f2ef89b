from django.db import migrations


class Migration(migrations.Migration):
    """A subject that a uniform walk has served is of the uniform share, whatever served it first."""

    dependencies = [("labelling", "0009_subject_inclusion_probability")]

    operations = [
        migrations.RunSQL(
            """
            UPDATE labelling_subject AS subject SET inclusion_probability = walked.probability
            FROM (
                SELECT subject_id, min(inclusion_probability) AS probability FROM labelling_assignment
                WHERE arm IN ('pool_uniform', 'holdout_uniform') GROUP BY subject_id
            ) AS walked
            WHERE subject.id = walked.subject_id
            """,
            migrations.RunSQL.noop,
        ),
    ]
