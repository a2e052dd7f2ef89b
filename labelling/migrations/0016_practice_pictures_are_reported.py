from django.db import migrations, models

_WHY = [
    ("blank", "no picture, or an empty one"),
    ("artefact", "a satellite trail, a ghost, missing data"),
    ("wrong_object", "no galaxy in the middle"),
    ("other", "something else"),
]


class Migration(migrations.Migration):
    dependencies = [("labelling", "0015_tags_are_reported_suspicions_measured")]

    operations = [
        migrations.AddField(
            "practicewalk",
            "report_why",
            models.CharField(
                blank=True, choices=_WHY, default="", help_text="what was found wrong with the picture", max_length=12
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "practicewalk",
            "report_text",
            models.CharField(blank=True, default="", max_length=300),
            preserve_default=False,
        ),
    ]
