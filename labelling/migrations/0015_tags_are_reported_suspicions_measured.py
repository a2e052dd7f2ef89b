import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("labelling", "0014_volunteers_page")]

    operations = [
        migrations.AddField("tagword", "hidden_at", models.DateTimeField(blank=True, null=True)),
        migrations.CreateModel(
            name="TagReport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("settled_at", models.DateTimeField(blank=True, null=True)),
                (
                    "volunteer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="labelling.volunteer"
                    ),
                ),
                (
                    "word",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="reports", to="labelling.tagword"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("settled_at__isnull", True)), fields=["word"], name="open_tag_reports"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("word", "volunteer"), name="one_tag_report_each"),
                ],
            },
        ),
        migrations.AddField(
            "moderation",
            "word",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="moderations",
                to="labelling.tagword",
            ),
        ),
        migrations.AlterField(
            "moderation",
            "comment",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="moderations",
                to="labelling.comment",
            ),
        ),
        migrations.AddConstraint(
            "moderation",
            models.CheckConstraint(
                condition=models.Q(("comment__isnull", True), ("word__isnull", True), _connector="XOR"),
                name="of_a_comment_or_a_word",
            ),
        ),
        migrations.AddField(
            "suspicion",
            "measured",
            models.JSONField(default=dict, help_text="what `told` says in words: numbers, by the kind"),
        ),
        # With a default, so that it can be undone; of earlier rows the kind alone is told from now on.
        migrations.AlterField("suspicion", "told", models.CharField(default="", max_length=200)),
        migrations.RemoveField("suspicion", "told"),
    ]
