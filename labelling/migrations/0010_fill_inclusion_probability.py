from django.db import migrations


class Migration(migrations.Migration):
    """Of the uniform share is what its walk has served, whatever served it first, or passed as full of votes."""

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
        migrations.RunSQL(
            """
            UPDATE labelling_subject AS subject SET inclusion_probability = walk.reached
            FROM (
                SELECT project_id, max(uniform_rank) AS last_rank, max(inclusion_probability) AS reached
                FROM labelling_subject WHERE side = 'pool' AND inclusion_probability IS NOT NULL GROUP BY project_id
            ) AS walk
            WHERE subject.project_id = walk.project_id AND subject.side = 'pool' AND subject.retired_reason = 'count'
            AND subject.inclusion_probability IS NULL AND subject.uniform_rank < walk.last_rank
            """,
            migrations.RunSQL.noop,
        ),
    ]
