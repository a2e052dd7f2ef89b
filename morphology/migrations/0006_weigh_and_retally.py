from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("morphology", "0005_score_n_answers")]

    operations = [
        migrations.AlterField(
            model_name="job",
            name="kind",
            field=models.CharField(
                choices=[
                    ("ingest", "ingest galaxies"),
                    ("freeze", "freeze the training set"),
                    ("embed", "embed the galaxies"),
                    ("train", "train"),
                    ("predict", "predict and score"),
                    ("gate", "gate"),
                    ("report", "report on the hold-out"),
                    ("refill", "refill the queue"),
                    ("adapt", "adapt the encoder to the survey"),
                    ("tune", "fine-tune the encoder on votes"),
                    ("export", "export a catalogue"),
                    ("weigh", "weigh the votes"),
                    ("retally", "count a volunteer's votes anew"),
                ],
                max_length=12,
            ),
        ),
    ]
