from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('labelling', '0013_volunteers_page'),
    ]

    operations = [
        migrations.AddField(
            model_name='assignment',
            name='browser',
            field=models.CharField(blank=True, default='', help_text="which of a signed-in volunteer's browsers holds it: a hash of its session", max_length=16),
            preserve_default=False,
        ),
        migrations.AddIndex(
            model_name='assignment',
            index=models.Index(fields=['expires_at'], name='lease_expires'),
        ),
    ]
