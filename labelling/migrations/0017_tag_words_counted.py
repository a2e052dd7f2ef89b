from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("labelling", "0016_tag_words")]

    operations = [
        migrations.RunSQL(
            """
            INSERT INTO labelling_tagword (project_id, word, n)
            SELECT project_id, word, count(*) FROM labelling_tag GROUP BY project_id, word
            """,
            migrations.RunSQL.noop,
        ),
    ]
