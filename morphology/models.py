"""What needs both sides: jobs and cycles, training sets, model versions, their scores and segments, releases.

A job row is the truth about background work; a model version is never changed after `ready`.
"""

from datetime import timedelta
from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from labelling.models import Project, Subject

MAX_ATTEMPTS = 5


class Cycle(models.Model):
    """One turn of the loop for a project: freeze, embed, train, predict, gate, refill; one at a time a project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="cycles")
    number = models.PositiveIntegerField()
    reason = models.CharField(max_length=200, help_text="why it started: enough new votes, or who asked")
    n_classifications = models.PositiveIntegerField(help_text="the project's classifications when it started")
    seed = models.BigIntegerField(help_text="of training and of the draw of priorities")
    training_set = models.ForeignKey("TrainingSet", null=True, on_delete=models.SET_NULL, related_name="cycles")
    model_version = models.ForeignKey("ModelVersion", null=True, on_delete=models.SET_NULL, related_name="cycles")
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=200, blank=True, help_text="went live, refused by the gate, failed and why")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="cycle_number"),
            models.UniqueConstraint(
                fields=["project"], name="one_cycle_at_a_time", condition=Q(finished_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.project} cycle {self.number}"

    @property
    def seconds(self) -> int | None:
        """How long it took; None while it runs."""
        return None if self.finished_at is None else round((self.finished_at - self.started_at).total_seconds())


def _is_stale() -> Q:
    """Running, and silent for so long that whoever ran it is taken for dead; by the one clock that workers share."""
    return Q(state="running", heartbeat_at__lt=Now() - timedelta(seconds=settings.JOB_STALE_SECONDS))


class JobQuerySet(models.QuerySet["Job"]):
    """Jobs by what is to be done about them.

    The conditions are plain ones, without a subquery: an UPDATE that waited for a row looks at them again.
    """

    def unfinished(self) -> Self:
        return self.filter(state__in=["queued", "running"])

    def stale(self) -> Self:
        return self.filter(_is_stale())

    def claimable(self) -> Self:
        """Queued, or stale; but not for ever."""
        return self.filter(Q(state="queued") | _is_stale(), attempt__lt=MAX_ATTEMPTS)

    def worn_out(self) -> Self:
        """Due once more after the last attempt allowed."""
        return self.filter(Q(state="queued") | _is_stale(), attempt__gte=MAX_ATTEMPTS)


class Job(models.Model):
    """What a worker is doing. Celery carries a nudge with this row's id; the row is the truth."""

    class Kind(models.TextChoices):
        INGEST = "ingest", "ingest galaxies"
        FREEZE = "freeze", "freeze the training set"
        EMBED = "embed", "embed the galaxies"
        TRAIN = "train", "train"
        PREDICT = "predict", "predict and score"
        GATE = "gate", "gate"
        REPORT = "report", "report on the hold-out"
        REFILL = "refill", "refill the queue"
        ADAPT = "adapt", "adapt the encoder to the survey"
        TUNE = "tune", "fine-tune the encoder on votes"
        EXPORT = "export", "export a catalogue"
        WEIGH = "weigh", "weigh the votes"
        RETALLY = "retally", "count a volunteer's votes anew"

    class State(models.TextChoices):
        QUEUED = "queued", "queued"
        RUNNING = "running", "running"
        DONE = "done", "done"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    project = models.ForeignKey(Project, null=True, on_delete=models.CASCADE, related_name="jobs")
    cycle = models.ForeignKey(Cycle, null=True, blank=True, on_delete=models.CASCADE, related_name="jobs")
    arguments = models.JSONField(default=dict, blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    n_done = models.PositiveBigIntegerField(default=0)
    n_total = models.PositiveBigIntegerField(null=True, blank=True, help_text="empty until it is known")
    message = models.TextField(blank=True)
    attempt = models.PositiveIntegerField(default=0, help_text="raised by each claim; a fencing token")
    worker = models.CharField(max_length=200, blank=True, help_text="the name of the worker that claimed it last")
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    nudged_at = models.DateTimeField(null=True, blank=True, help_text="when a message was last sent for it")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cycle", "kind"], name="one_job_a_step", condition=Q(cycle__isnull=False))
        ]
        indexes = [
            # reconcile: due and stale rows
            models.Index(
                fields=["state", "heartbeat_at"], name="unfinished", condition=Q(state__in=["queued", "running"])
            ),
            models.Index(F("project"), F("id").desc(), name="jobs_of_a_project"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"


class TrainingSet(models.Model):
    """Which votes of which galaxies a model learned from: a manifest by sha256, frozen."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="training_sets")
    manifest_sha256 = models.CharField(max_length=64, help_text="the rows (galaxy, counts, asked), as a Parquet file")
    schema_hash = models.CharField(max_length=64)
    n_galaxies = models.PositiveIntegerField()
    n_votes = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.n_galaxies} galaxies, {self.n_votes} votes of {self.project}"


class ModelVersion(models.Model):
    """An encoder and a Bayesian head, trained on a frozen set; after `ready` only its state changes."""

    class State(models.TextChoices):
        CANDIDATE = "candidate", "candidate"
        READY = "ready", "ready"
        LIVE = "live", "live"
        RETIRED = "retired", "retired"
        REFUSED = "refused", "refused by the gate"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="model_versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.CANDIDATE)
    training_set = models.ForeignKey(TrainingSet, on_delete=models.PROTECT, related_name="model_versions")
    schema_hash = models.CharField(max_length=64)
    encoder = models.CharField(max_length=200)
    encoder_hash = models.CharField(max_length=64)
    checkpoint_sha256 = models.CharField(max_length=64)
    n_samples = models.PositiveSmallIntegerField()
    seed = models.BigIntegerField()
    metrics = models.JSONField(default=dict, blank=True, help_text="of training: losses, epochs, seconds")
    gate = models.JSONField(
        default=dict, blank=True, help_text="paired difference, its standard error, n galaxies, verdict"
    )
    report = models.JSONField(default=dict, blank=True, help_text="how good it is on the report half of the hold-out")
    created_at = models.DateTimeField(auto_now_add=True)
    live_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="model_version_number"),
            models.UniqueConstraint(fields=["project"], name="one_live_model", condition=Q(state="live")),
        ]

    def __str__(self) -> str:
        return f"{self.project} model {self.number}"


class Representation(models.Model):
    """An encoder of this installation's own, made from another: named, kept by content, shared by its projects."""

    class How(models.TextChoices):
        ADAPTED = "adapted", "adapted to a survey's pictures, without votes"
        TUNED = "tuned", "fine-tuned on votes"

    name = models.CharField(max_length=200, unique=True, help_text="what Project.encoder may say")
    encoder_hash = models.CharField(max_length=64)
    weights_sha256 = models.CharField(max_length=64)
    card = models.JSONField(help_text="what ml.encoders needs beside the weights")
    how = models.CharField(max_length=10, choices=How.choices)
    parent = models.CharField(max_length=200, help_text="the encoder that it was made from")
    project = models.ForeignKey(Project, null=True, on_delete=models.SET_NULL, related_name="representations")
    report = models.JSONField(default=dict, blank=True, help_text="of the training: losses, epochs, seconds")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Segment(models.Model):
    """An immutable shard of what is wide; a segment without a row does not exist."""

    class Kind(models.TextChoices):
        PIXELS = "pixels", "decoded pictures (uint8)"
        EMBEDDINGS = "embeddings", "embeddings (float16)"
        POSTERIOR = "posterior", "posterior summaries"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    encoder_hash = models.CharField(max_length=64)
    model_version = models.ForeignKey(ModelVersion, null=True, on_delete=models.CASCADE, related_name="segments")
    sha256 = models.CharField(max_length=64)
    galaxy_ids = ArrayField(models.BigIntegerField(), help_text="galaxy ids, in the order of the segment's rows")
    first_galaxy_id = models.BigIntegerField()
    last_galaxy_id = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["kind", "encoder_hash", "first_galaxy_id"], name="segments_in_order")]

    def __str__(self) -> str:
        return f"{self.kind} of {len(self.galaxy_ids)} galaxies from {self.first_galaxy_id}"


class Score(models.Model):
    """How much a vote on this subject would teach, by this model version; per-question terms kept apart."""

    model_version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="scores")
    subject = models.ForeignKey(Subject, on_delete=models.CASCADE, related_name="scores")
    acquisition = models.CharField(
        max_length=20, default="tree_bald", help_text="the strategy whose terms these are: see ml/acquisition.py"
    )
    information_nats = models.FloatField(help_text="unweighted sum of the terms: nats, where the strategy's are")
    terms_nats = ArrayField(models.FloatField(), help_text="per question, in the tree's order")
    n_answers = models.FloatField(
        null=True,
        blank=True,
        help_text="questions that the next walk is expected to answer; empty unless the project counts them",
    )
    unknown_nats = models.FloatField(
        null=True, blank=True, help_text="what one more vote is expected to tell of the galaxy's own fractions"
    )
    is_tempered = models.BooleanField(
        default=False, help_text="so few samples fit the votes so far that their weights were evened out"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model_version", "subject"], name="one_score_a_subject")]

    def __str__(self) -> str:
        return f"{self.information_nats:.3f} nats for {self.subject}"


class Release(models.Model):
    """A published catalogue file; its rows, columns and model version are named for ever."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="releases")
    model_version = models.ForeignKey(ModelVersion, null=True, on_delete=models.PROTECT, related_name="releases")
    format = models.CharField(max_length=10)
    sha256 = models.CharField(max_length=64)
    n_bytes = models.PositiveBigIntegerField()
    n_rows = models.PositiveBigIntegerField()
    columns = models.JSONField(help_text="the data dictionary: name, type, unit, UCD, description")
    schema_hash = models.CharField(max_length=64)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.project} {self.format} of {self.created_at:%Y-%m-%d}"
