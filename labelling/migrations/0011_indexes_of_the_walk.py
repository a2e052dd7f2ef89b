from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("labelling", "0010_fill_inclusion_probability")]

    operations = [
        migrations.RemoveIndex(model_name="subject", name="subject_by_priority"),
        migrations.RemoveIndex(model_name="subject", name="subject_by_rank"),
        migrations.AddIndex(
            model_name="subject",
            index=models.Index(
                F("project"),
                F("side"),
                F("inclusion_probability").asc(nulls_first=True),
                F("priority").desc(nulls_last=True),
                F("uniform_rank"),
                name="subject_by_priority",
                condition=Q(retired_at__isnull=True),
            ),
        ),
        migrations.AddIndex(
            model_name="subject",
            index=models.Index(
                fields=["project", "uniform_rank"],
                name="subject_of_pool_by_rank",
                condition=Q(
                    Q(retired_at__isnull=True) | Q(retired_reason__in=("consensus", "information")), side="pool"
                ),
            ),
        ),
    ]
