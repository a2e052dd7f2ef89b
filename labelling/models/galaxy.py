"""An object on the sky with its images and survey columns; projects share galaxies."""

import hashlib

from django.db import models
from django.db.models import Q


class Galaxy(models.Model):
    """One object. `survey` and `name` are its identity: what a manifest calls it, within the survey that named it."""

    class Side(models.TextChoices):
        """For ever in the pool, or in one half of the hold-out; decided by `side_of` from the identity alone."""

        POOL = "pool", "pool"
        GATE = "gate", "hold-out, gate half"
        REPORT = "report", "hold-out, report half"

    survey = models.SlugField(max_length=80)
    name = models.CharField(max_length=200)
    ra_deg = models.FloatField(null=True, blank=True, help_text="right ascension, ICRS degrees, 0 <= ra < 360")
    dec_deg = models.FloatField(null=True, blank=True, help_text="declination, ICRS degrees, -90 to 90")
    redshift = models.FloatField(null=True, blank=True)
    columns = models.JSONField(default=dict, blank=True, help_text="the survey's own columns, kept as they came")
    identity_hash = models.BigIntegerField(help_text="63 bits of sha256 of the identity; the uniform share's order")
    side = models.CharField(max_length=6, choices=Side.choices)
    is_simulated = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "galaxies"
        constraints = [
            models.UniqueConstraint(fields=["survey", "name"], name="galaxy_identity"),
            models.CheckConstraint(
                # A comparison with NULL is not false, so a half position has to be refused by name.
                condition=Q(ra_deg__isnull=True, dec_deg__isnull=True)
                | Q(ra_deg__isnull=False, dec_deg__isnull=False)
                & Q(ra_deg__gte=0, ra_deg__lt=360, dec_deg__gte=-90, dec_deg__lte=90),
                name="galaxy_on_the_sky",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_holdout(self) -> bool:
        return self.side != self.Side.POOL


def identity_hash(survey: str, name: str) -> int:
    """63 bits of sha256 of a galaxy's identity: the same on every machine, for ever."""
    return int.from_bytes(hashlib.sha256(f"{survey}/{name}".encode()).digest()[:8], "big") >> 1


def side_of(hashed: int, holdout_fraction: float) -> Galaxy.Side:
    """Pool or hold-out by where the hash lies in its range; which half of the hold-out by the hash's last bit."""
    if hashed >= holdout_fraction * 2**63:
        return Galaxy.Side.POOL
    return Galaxy.Side.GATE if hashed % 2 == 0 else Galaxy.Side.REPORT


class Image(models.Model):
    """One picture of a galaxy: the original files by sha256, and the renditions for page and network."""

    galaxy = models.ForeignKey(Galaxy, on_delete=models.CASCADE, related_name="images")
    position = models.PositiveSmallIntegerField(default=0)
    originals = models.JSONField(help_text="[{name, sha256, bytes}]: one file, or one a band")
    page_sha256 = models.CharField(max_length=64, help_text="what volunteers see: JPEG, or the original when it is one")
    page_media_type = models.CharField(max_length=40)
    page_width_px = models.PositiveIntegerField()
    page_height_px = models.PositiveIntegerField()
    network_sha256 = models.CharField(
        max_length=64, help_text="what the network sees: a lossless RGB PNG, 128 px square"
    )
    pixel_scale_arcsec = models.FloatField(null=True, blank=True, help_text="arcsec per pixel of the page rendition")
    stretch = models.JSONField(default=dict, blank=True, help_text="how FITS became RGB: bands, stretch, Q, minimum")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["galaxy", "position"], name="image_position")]
        # Asked by the image view, which serves what an image row names and nothing else.
        indexes = [models.Index(fields=["page_sha256"], name="image_page_sha256")]

    def __str__(self) -> str:
        return f"{self.galaxy} [{self.position}]"

    @property
    def north_deg(self) -> float | None:
        """From the upward direction of the page rendition, counter-clockwise; None where its file did not say."""
        north_deg: float | None = self.stretch.get("north_deg")
        return north_deg

    @property
    def east_is_left(self) -> bool | None:
        """Whether east is left of north, as on the sky; None where its file did not say."""
        is_left: bool | None = self.stretch.get("east_is_left_of_north")
        return is_left
