import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("labelling", "0015_weights_in_words")]

    operations = [
        migrations.CreateModel(
            name="TagWord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("word", models.CharField(db_collation="C", max_length=40)),
                ("n", models.PositiveIntegerField(default=0)),
                (
                    "project",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tag_words",
                        to="labelling.project",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["project", "-n", "word"], name="words_by_frequency")],
                "constraints": [models.UniqueConstraint(fields=("project", "word"), name="one_count_a_word")],
            },
        ),
    ]
