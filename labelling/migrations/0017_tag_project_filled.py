from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("labelling", "0016_tag_by_word")]

    operations = [
        migrations.RunSQL(
            """
            UPDATE labelling_tag SET project_id = labelling_subject.project_id
            FROM labelling_subject
            WHERE labelling_subject.id = labelling_tag.subject_id AND labelling_tag.project_id IS NULL
            """,
            migrations.RunSQL.noop,
        ),
    ]
