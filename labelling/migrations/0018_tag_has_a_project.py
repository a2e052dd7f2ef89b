import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("labelling", "0017_tag_project_filled")]

    operations = [
        migrations.AlterField(
            model_name="tag",
            name="project",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="labelling.project",
            ),
        ),
        migrations.AddIndex(
            model_name="tag",
            index=models.Index(fields=["project", "word", "subject"], name="tag_by_word"),
        ),
    ]
