"""What a researcher makes: a decision tree, a set of galaxies, people, rules."""

import json
from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from ml.errors import SchemaError
from ml.schema import DecisionTree, from_json


class Project(models.Model):
    """One tagging project. Its numbers are the rules of the queue, of retirement and of the cycle."""

    class Acquisition(models.TextChoices):
        """How a refill turns scores into priorities."""

        MARGIN = "margin", "closest call (margin)"
        TREE_BALD = "tree_bald", "information about the network (tree-BALD)"
        EPIG = "epig", "information about the catalogue (EPIG)"
        RANDOM = "random", "random"

    class Practising(models.TextChoices):
        """How often a galaxy with a known answer comes: the less, the more one has seen (labelling.practice)."""

        GALAXY_ZOO = "galaxy_zoo", "often at first: 40, 30, 20, then 10 %"
        SPACE_WARPS = "space_warps", "33, 20, then 10 %"
        PLANET_HUNTERS = "planet_hunters", "33, 5, then 1 %"
        NEVER = "never", "never"

    class Weighting(models.TextChoices):
        """How the weighted fractions, which stand beside the plain ones, weigh a volunteer (labelling.weighting)."""

        SKILL = "skill", "by skill, a question"
        CONSISTENCY = "consistency", "by agreement with others, as Galaxy Zoo 2 did"

    slug = models.SlugField(max_length=80, unique=True)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="projects")
    tree_version = models.ForeignKey("TreeVersion", null=True, on_delete=models.PROTECT, related_name="+")
    is_live = models.BooleanField(default=False, help_text="volunteers can classify")
    created_at = models.DateTimeField(auto_now_add=True)

    lease_seconds = models.PositiveIntegerField(default=900, validators=[MinValueValidator(1)])
    retirement_limit = models.PositiveIntegerField(
        default=40, validators=[MinValueValidator(1)], help_text="classifications after which a subject retires"
    )
    consensus_fraction = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0.5), MaxValueValidator(1)],
        help_text="retire early when this part agrees on every first question (empty: never)",
    )
    consensus_n_votes = models.PositiveIntegerField(default=10, help_text="earliest count at which consensus retires")
    information_threshold_nats = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="retire when the next vote is expected to teach less about the galaxy's own fractions (empty: never)",
    )
    information_n_votes = models.PositiveIntegerField(
        default=10, validators=[MinValueValidator(1)], help_text="earliest count at which information retires"
    )
    pool_uniform_share = models.FloatField(
        default=0.075,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="part of servings that walk the pool in its fixed random order",
    )
    holdout_uniform_share = models.FloatField(
        default=0.075,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="part of servings that walk the hold-out in its fixed random order",
    )
    acquisition = models.CharField(max_length=20, choices=Acquisition.choices, default=Acquisition.MARGIN)
    is_scored_per_answer = models.BooleanField(
        default=False, help_text="count the clicks of a walk: a score is divided by the answers that it takes"
    )
    question_weights = models.JSONField(default=dict, blank=True, help_text="{question: weight}; missing means 1")
    votes_per_cycle = models.PositiveIntegerField(
        default=500, validators=[MinValueValidator(1)], help_text="new classifications that start a cycle"
    )
    encoder = models.CharField(max_length=200, default="voorwerp-small", help_text="any encoder that ml.encoders knows")
    tunes_encoder = models.BooleanField(
        default=False,
        help_text="fine-tune the encoder on the votes, in the background, whenever they have grown enough",
    )
    n_samples = models.PositiveSmallIntegerField(default=32, validators=[MinValueValidator(2)])

    research = models.TextField(blank=True, help_text="for volunteers: what the answers are needed for")
    results = models.TextField(blank=True, help_text="for volunteers: what has come of them so far")
    practice = models.CharField(max_length=16, choices=Practising.choices, default=Practising.GALAXY_ZOO)
    weighting = models.CharField(max_length=12, choices=Weighting.choices, default=Weighting.SKILL)
    learned_until = models.DateTimeField(
        null=True,
        blank=True,
        help_text="the live model has learned from the votes before this moment (empty: no model)",
    )

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        """The uniform shares are parts of one whole: for forms, the admin and `create_project` alike."""
        shares = (self.pool_uniform_share or 0) + (self.holdout_uniform_share or 0)
        if shares > 1:
            why = f"the two uniform shares together are {shares:g}; expected at most 1"
            raise ValidationError({"holdout_uniform_share": why})

    @property
    def tree(self) -> DecisionTree:
        """The decision tree that volunteers walk now."""
        if self.tree_version is None:
            raise SchemaError(f"project {self.slug!r} has no decision tree yet")
        return self.tree_version.tree


class Membership(models.Model):
    """Who may do what in a project; the owner may do everything without a row."""

    class Role(models.TextChoices):
        RESEARCHER = "researcher", _("researcher")
        MODERATOR = "moderator", _("moderator")
        TRANSLATOR = "translator", _("translator")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "user"], name="one_role_a_project")]

    def __str__(self) -> str:
        return f"{self.user} in {self.project}: {self.role}"


class TreeVersion(models.Model):
    """A decision tree of a project; frozen from its first vote on."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tree_versions")
    version = models.PositiveIntegerField()
    schema = models.JSONField(help_text="what ml.schema.from_json reads")
    schema_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    frozen_at = models.DateTimeField(null=True, blank=True, help_text="when its first vote came")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "version"], name="tree_version_number")]

    def __str__(self) -> str:
        return f"{self.project} tree {self.version}"

    @property
    def tree(self) -> DecisionTree:
        return _parsed(json.dumps(self.schema))


@lru_cache(maxsize=64)
def _parsed(text: str) -> DecisionTree:
    """Trees are immutable, so one parse serves every request that meets the same text."""
    return from_json(json.loads(text))
