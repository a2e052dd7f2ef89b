"""How far a volunteer's votes are to be trusted: skill, suspicion, and the recorded act of setting votes aside."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labelling.models.project import Project
from labelling.models.volunteer import Volunteer


class Skill(models.Model):
    """What a volunteer's answers to one question are worth, when last estimated (labelling.weighting)."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="skills")
    volunteer = models.ForeignKey(Volunteer, on_delete=models.CASCADE, related_name="skills")
    question = models.CharField(max_length=120)
    confusion = models.JSONField(
        help_text="[i][j]: expected answers j where i is true, prior included; of boxes a table each; empty if none"
    )
    n_answers = models.PositiveIntegerField(help_text="answers that it was estimated from")
    weight = models.FloatField(help_text="0 to 1: how much an answer tells, against the crowd's")
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "volunteer", "question"], name="one_skill_a_question")
        ]

    def __str__(self) -> str:
        return f"{self.volunteer} on {self.question}: {self.weight:.2f}"


class Suspicion(models.Model):
    """Something unusual in a volunteer's day, for a person to look at; by itself it changes nothing."""

    class Kind(models.TextChoices):
        FAST = "fast", _("more than one classification a second")
        MANY = "many", _("more than five thousand a day")
        ONE_ANSWER = "one_answer", _("always the same answers")
        LONG = "long", _("more than six hours without a break")

    volunteer = models.ForeignKey(Volunteer, on_delete=models.CASCADE, related_name="suspicions")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    day = models.DateField(help_text="UTC")
    measured = models.JSONField(default=dict, help_text="what `told` says in words: numbers, by the kind")
    created_at = models.DateTimeField(auto_now_add=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["volunteer", "kind", "day"], name="one_suspicion_a_day")]
        indexes = [models.Index(fields=["-day"], name="open_suspicions", condition=Q(reviewed_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.volunteer}, {self.day}: {self.kind}"

    @property
    def told(self) -> str:
        """What was measured, in the reader's words."""
        texts = {
            self.Kind.FAST: gettext("%(n_in_minute)s classifications within one minute, %(n)s in the day"),
            self.Kind.MANY: gettext("%(n)s classifications in the day"),
            self.Kind.LONG: gettext("%(hours)s hours without a break of %(minutes)s minutes"),
            self.Kind.ONE_ANSWER: gettext(
                "“%(answer)s” on %(n)s of %(n_galaxies)s galaxies, where others would give it on about %(n_expected)s"
            ),
        }
        return texts[self.Kind(self.kind)] % self.measured if self.measured else self.get_kind_display()


class SetAside(models.Model):
    """The act of counting a volunteer's votes no longer: by whom, why, and when it was undone."""

    volunteer = models.ForeignKey(Volunteer, on_delete=models.CASCADE, related_name="set_asides")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    why = models.CharField(max_length=500)
    created_at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["volunteer"], name="one_open_set_aside", condition=Q(undone_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"votes of {self.volunteer} set aside"
