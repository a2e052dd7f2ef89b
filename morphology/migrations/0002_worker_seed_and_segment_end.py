"""Jobs say who claimed them, cycles with which seed and on which training set, segments where they end."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("morphology", "0001_cycles_jobs_models")]

    operations = [
        migrations.AddField(
            model_name="job",
            name="worker",
            field=models.CharField(
                blank=True, default="", help_text="the name of the worker that claimed it last", max_length=200
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="cycle",
            name="seed",
            field=models.BigIntegerField(default=0, help_text="of training and of the draw of priorities"),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="cycle",
            name="training_set",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="cycles",
                to="morphology.trainingset",
            ),
        ),
        migrations.AddField(
            model_name="segment",
            name="last_galaxy_id",
            field=models.BigIntegerField(default=0),
            preserve_default=False,
        ),
    ]
