import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("labelling", "0015_classification_by_time"),
    ]

    operations = [
        migrations.AddField(
            model_name="tag",
            name="project",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="labelling.project",
            ),
        ),
        migrations.RemoveIndex(model_name="tag", name="tag_word"),
        migrations.AlterField(
            model_name="tag",
            name="word",
            field=models.CharField(db_collation="C", help_text="lower case, without the #", max_length=40),
        ),
        migrations.CreateModel(
            name="Moderation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("verdict", models.CharField(choices=[("hide", "hidden"), ("let_be", "let be")], max_length=6)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "comment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="moderations", to="labelling.comment"
                    ),
                ),
            ],
            options={"ordering": ["created_at", "pk"]},
        ),
        migrations.AddIndex(
            model_name="comment",
            index=models.Index(fields=["volunteer", "created_at"], name="comment_of_volunteer"),
        ),
        migrations.AddIndex(
            model_name="commentreport",
            index=models.Index(
                condition=models.Q(("settled_at__isnull", True)), fields=["comment"], name="open_comment_reports"
            ),
        ),
        migrations.AddIndex(
            model_name="collection",
            index=models.Index(condition=models.Q(("is_public", True)), fields=["-id"], name="public_collections"),
        ),
    ]
