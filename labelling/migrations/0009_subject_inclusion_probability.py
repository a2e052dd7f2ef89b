from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("labelling", "0008_information_after_ten_votes")]

    operations = [
        migrations.AddField(
            model_name="subject",
            name="inclusion_probability",
            field=models.FloatField(
                blank=True,
                help_text="part of the fixed random order reached when the uniform walk came to it; empty: not yet",
                null=True,
            ),
        ),
    ]
