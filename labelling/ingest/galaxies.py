"""Galaxies in: each row of a manifest becomes a Galaxy with its Image, and a Subject of the project.

A row is one transaction, so a run that was killed goes on where it stopped, and running it again adds nothing twice.
Which side of the hold-out a galaxy is on is fixed here, once, by the hash of its identity.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import IntegrityError, transaction

from labelling import files
from labelling.errors import IngestError
from labelling.ingest import manifest
from labelling.ingest.manifest import Rejected, Row
from labelling.ingest.originals import Original, read_original
from labelling.ingest.pictures import picture_of
from labelling.ingest.raster import Picture
from labelling.ingest.renditions import PAGE_MEDIA_TYPE, network_rendition, page_rendition
from labelling.models import Galaxy, Image, Project, Subject
from labelling.models.galaxy import identity_hash, side_of

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class IngestReport:
    """What became of a manifest's rows."""

    n_rows: int
    n_added: int  # galaxies that this project did not have
    n_known: int
    n_rejected: int
    rejects_path: Path | None  # where the rejected rows are listed; None without any


@dataclass(frozen=True)
class _Source:
    """What is the same for every row."""

    project: Project
    images: Path
    survey: str
    holdout_fraction: float
    is_simulated: bool


def ingest(
    project: Project,
    manifest_path: Path,
    images: Path,
    *,
    survey: str | None = None,
    holdout_fraction: float | None = None,
    is_simulated: bool = False,
    rejects: Path | None = None,
    progress: Progress = lambda n_done, n_total: None,
) -> IngestReport:
    """Take a manifest's galaxies into a project; rows that cannot be taken are listed in `rejects`.

    `survey` (the project's slug unless given) and a row's id together are a galaxy's identity. `rejects` is
    `<manifest>.rejects.csv` beside the manifest unless given. IngestError when the manifest as a whole is refused.
    """
    source = _Source(
        project=project,
        images=images,
        survey=_checked_survey(survey or project.slug),
        holdout_fraction=settings.HOLDOUT_FRACTION if holdout_fraction is None else holdout_fraction,
        is_simulated=is_simulated,
    )
    _check_start(source)
    _, n_rows = manifest.check(manifest_path)
    n_added = n_known = 0
    rejects = rejects or manifest_path.with_suffix(".rejects.csv")
    if rejects.resolve() == manifest_path.resolve():
        raise IngestError(f"the rejects file {rejects} is the manifest itself")
    with RejectsFile(rejects) as rejected:
        for row in manifest.read(manifest_path):
            try:
                is_new = _take(source, row)
                n_added += is_new
                n_known += not is_new
            except IngestError as reason:
                rejected.add(row, str(reason))
            progress(row.number, n_rows)
    return IngestReport(n_rows, n_added, n_known, rejected.n_rows, rejected.path if rejected.n_rows else None)


def _checked_survey(survey: str) -> str:
    try:
        validate_slug(survey)
    except ValidationError as wrong:
        raise IngestError(f"survey {survey!r}: expected letters, digits, hyphens and underscores") from wrong
    if len(survey) > 80:
        raise IngestError(f"survey {survey!r}: expected at most 80 characters")
    return survey


def _check_start(source: _Source) -> None:
    if source.project.tree_version is None:
        raise IngestError(f"project {source.project.slug!r} has no decision tree yet: give it one before its galaxies")
    if not source.images.is_dir():
        raise IngestError(f"the images folder {source.images} does not exist")
    if not 0 <= source.holdout_fraction <= 1:
        raise IngestError(f"hold-out fraction {source.holdout_fraction}: expected 0 to 1")


class RejectsFile:
    """The list of rows that were not taken; it comes into being with its first row."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.n_rows = 0

    def __enter__(self) -> "RejectsFile":
        self.path.unlink(missing_ok=True)  # of an earlier run
        return self

    def __exit__(self, *raised: object) -> None:
        if self.n_rows:
            self._lines.close()

    def add(self, row: Row | Rejected, reason: str) -> None:
        if not self.n_rows:
            try:
                self._lines = self.path.open("w", encoding="utf-8", newline="")
            except OSError as wrong:
                raise IngestError(f"the rejects file {self.path} cannot be written: {wrong.strerror}") from wrong
            csv.writer(self._lines).writerow(["row", "line", "id", "reason"])
        csv.writer(self._lines).writerow([row.number, row.line, row.name, reason])
        self.n_rows += 1


def _take(source: _Source, row: Row | Rejected) -> bool:
    """Take one row; whether the project has a new subject by it."""
    if isinstance(row, Rejected):
        raise IngestError(row.reason)
    originals = [read_original(source.images, name) for name in row.files]
    known = _known(source, row)
    if known is not None:
        return _take_known(source, known, originals)
    try:
        _add(source, row, originals)
    except IntegrityError:  # another run took the same galaxy in the meantime
        known = _known(source, row)
        if known is None:
            raise
        return _take_known(source, known, originals)
    return True


def _known(source: _Source, row: Row) -> Galaxy | None:
    return Galaxy.objects.filter(survey=source.survey, name=row.name).prefetch_related("images").first()


def _take_known(source: _Source, galaxy: Galaxy, originals: Sequence[Original]) -> bool:
    kept = [entry["sha256"] for image in galaxy.images.all() for entry in image.originals]
    if kept != [original.sha256 for original in originals]:
        raise IngestError(f"id {galaxy.name!r} is taken in survey {galaxy.survey!r} by a galaxy with other image files")
    if Subject.objects.filter(project=source.project, galaxy=galaxy).exists():
        return False
    with transaction.atomic():
        _add_subject(source.project, galaxy)
    return True


def _add(source: _Source, row: Row, originals: Sequence[Original]) -> None:
    picture = picture_of(originals, row.bands)
    image = _image(row, originals, picture)
    hashed = identity_hash(source.survey, row.name)
    ra_deg, dec_deg = (row.ra_deg, row.dec_deg) if row.ra_deg is not None else picture.centre_deg or (None, None)
    with transaction.atomic():
        image.galaxy = Galaxy.objects.create(
            survey=source.survey,
            name=row.name,
            ra_deg=ra_deg,
            dec_deg=dec_deg,
            redshift=row.redshift,
            columns=row.columns,
            identity_hash=hashed,
            side=side_of(hashed, source.holdout_fraction),
            is_simulated=source.is_simulated,
        )
        image.save(force_insert=True)
        _add_subject(source.project, image.galaxy)


def _image(row: Row, originals: Sequence[Original], picture: Picture) -> Image:
    """Store the files; the row that names them is saved with its galaxy."""
    for original in originals:
        files.put(original.content)
    page = page_rendition(picture, originals[0].content)
    scale_arcsec = row.pixel_scale_arcsec or picture.pixel_scale_arcsec
    return Image(
        originals=[original.entry for original in originals],
        page_sha256=files.put(page.content),
        page_media_type=PAGE_MEDIA_TYPE,
        page_width_px=page.width_px,
        page_height_px=page.height_px,
        network_sha256=files.put(network_rendition(picture)),
        pixel_scale_arcsec=scale_arcsec and scale_arcsec * picture.rgb.width / page.width_px,
        stretch=picture.stretch,
    )


def _add_subject(project: Project, galaxy: Galaxy) -> None:
    # Under this lock no new tree version comes in between, which would leave counts in the old one's order.
    locked = Project.objects.select_for_update(no_key=True, of=("self",)).select_related("tree_version")
    Subject.objects.create(
        project=project,
        galaxy=galaxy,
        side=galaxy.side,
        uniform_rank=galaxy.identity_hash,
        counts=[0] * len(locked.get(pk=project.pk).tree.columns),
    )
