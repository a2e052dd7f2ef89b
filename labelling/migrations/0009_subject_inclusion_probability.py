from django.db import migrations, models


class Migration(migrations.Migration):
    """That of the uniform walk, whatever showed the subject first: the next migration fills in those that were acquired."""

    dependencies = [("labelling", "0008_information_after_ten_votes")]

    operations = [
        migrations.RenameField(
            model_name="subject", old_name="first_inclusion_probability", new_name="inclusion_probability"
        ),
        migrations.AlterField(
            model_name="subject",
            name="inclusion_probability",
            field=models.FloatField(
                blank=True,
                help_text="part of the fixed random order reached when the uniform walk came to it; empty: not yet",
                null=True,
            ),
        ),
    ]
