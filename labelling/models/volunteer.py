"""Somebody who classifies: signed in, or anonymous behind a signed cookie."""

import uuid

from django.conf import settings
from django.db import models


class Volunteer(models.Model):
    """One identity that votes. No name, address or IP is kept here."""

    key = models.UUIDField(
        unique=True, default=uuid.uuid4, help_text="what the signed cookie of an anonymous volunteer holds"
    )
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="volunteer"
    )
    is_simulated = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.user.get_username() if self.user else f"anonymous {str(self.key)[:8]}"
