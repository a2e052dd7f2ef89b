"""Somebody who classifies: signed in, or anonymous behind a signed cookie."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower


class Volunteer(models.Model):
    """One identity that votes. No name, address or IP is kept here."""

    key = models.UUIDField(
        unique=True, default=uuid.uuid4, help_text="what the signed cookie of an anonymous volunteer holds"
    )
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="volunteer"
    )
    is_simulated = models.BooleanField(default=False)
    public_name = models.CharField(
        max_length=40, blank=True, help_text="chosen by the volunteer, for the leaderboard and beside comments"
    )
    is_on_leaderboard = models.BooleanField(default=False)
    set_aside_at = models.DateTimeField(
        null=True, blank=True, help_text="since when its votes are kept but not counted; see SetAside for who and why"
    )
    merged_into = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="merged",
        help_text="the signed-in volunteer that an anonymous one turned out to be",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("public_name"), name="one_public_name_each", condition=~Q(public_name=""))
        ]

    def __str__(self) -> str:
        return self.user.get_username() if self.user else f"anonymous {str(self.key)[:8]}"
