"""A galaxy within a project: its votes so far, its priority, and when and why it was retired."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from labelling.models.galaxy import Galaxy
from labelling.models.project import Project


class Arm(models.TextChoices):
    """Why a subject was served: the selection arm that the catalogue publishes."""

    ACQUIRED = "acquired", "acquired for its score"
    UNSCORED = "unscored", "no score yet: fixed random order"
    RANDOM = "random", "in random order, by the project's rule"
    POOL_UNIFORM = "pool_uniform", "uniform share of the pool"
    HOLDOUT_UNIFORM = "holdout_uniform", "uniform share of the hold-out"


EARLY = ("consensus", "information")
"""Reasons to retire before the full count; the uniform walk opens such a subject again."""


class Subject(models.Model):
    """The row that a vote updates: counts, n_classifications and retired_at change together, under its lock."""

    class Retired(models.TextChoices):
        COUNT = "count", "full count"
        CONSENSUS = "consensus", "consensus"
        INFORMATION = "information", "nothing more to learn"
        BROKEN = "broken", "broken image"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="subjects")
    galaxy = models.ForeignKey(Galaxy, on_delete=models.PROTECT, related_name="subjects")
    # Copied from the galaxy, where they never change, so that the queue reads one table.
    side = models.CharField(max_length=6, choices=Galaxy.Side.choices)
    uniform_rank = models.BigIntegerField(help_text="place in the fixed random order: the galaxy's identity_hash")

    counts = ArrayField(models.IntegerField(), help_text="votes in the frozen tree's answer order")
    n_classifications = models.PositiveIntegerField(default=0)
    n_late = models.PositiveIntegerField(default=0, help_text="of these, after the lease or after retirement")
    retired_at = models.DateTimeField(null=True, blank=True)
    retired_reason = models.CharField(max_length=12, choices=Retired.choices, blank=True)
    paused_at = models.DateTimeField(
        null=True, blank=True, help_text="served to nobody since: three volunteers reported its image"
    )
    weighted_counts = ArrayField(
        models.FloatField(),
        null=True,
        blank=True,
        help_text="counts by volunteers' weights when last weighed; after them the volunteers asked each question",
    )

    priority = models.FloatField(null=True, blank=True, help_text="higher is served sooner; empty before any score")
    priority_reason = models.CharField(max_length=200, blank=True)
    scored_by = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="id of the model version that scored it"
    )
    is_most_uncertain = models.BooleanField(default=False, help_text="in the most uncertain tenth when last scored")

    inclusion_probability = models.FloatField(
        null=True,
        blank=True,
        help_text="part of the fixed random order reached when the uniform walk came to it; empty: not yet",
    )

    # Of the first serving, for the catalogue: how this galaxy came to be labelled.
    first_arm = models.CharField(max_length=16, choices=Arm.choices, blank=True)
    first_scored_by = models.PositiveBigIntegerField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "galaxy"], name="one_subject_a_galaxy")]
        indexes = [
            # queue: the best open subject of the pool, those of the uniform walk last
            models.Index(
                models.F("project"),
                models.F("side"),
                models.F("inclusion_probability").asc(nulls_first=True),
                models.F("priority").desc(nulls_last=True),
                models.F("uniform_rank"),
                name="subject_by_priority",
                condition=Q(retired_at__isnull=True),
            ),
            # queue: the next of the pool's fixed random order; what has all its votes leaves the index
            models.Index(
                fields=["project", "uniform_rank"],
                name="subject_of_pool_by_rank",
                condition=Q(Q(retired_at__isnull=True) | Q(retired_reason__in=EARLY), side=Galaxy.Side.POOL),
            ),
            # queue: the next of the hold-out's fixed random order, which goes through both its halves
            models.Index(
                fields=["project", "uniform_rank"],
                name="subject_of_holdout_by_rank",
                condition=Q(retired_at__isnull=True) & ~Q(side=Galaxy.Side.POOL),
            ),
            # training_set: subjects with votes
            models.Index(fields=["project", "id"], name="subject_with_votes", condition=Q(n_classifications__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.galaxy} in {self.project}"
