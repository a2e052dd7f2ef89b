"""Practice galaxies that the simulator draws: clear ones, of every branch of a project's tree.

They are galaxies and never subjects, so no vote, model or catalogue meets them. What is expected of each is what the
simulated crowd would say, as far as at least four in five of those who are asked agree.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import PIL.Image
from django.conf import settings
from django.db import transaction

from labelling import files
from labelling.ingest.originals import Original
from labelling.ingest.raster import Picture
from labelling.ingest.renditions import PAGE_MEDIA_TYPE, PAGE_QUALITY, network_rendition
from labelling.models import Galaxy, Image, Practice, Project
from labelling.models.galaxy import identity_hash, side_of
from labelling.practice import add_practice
from ml.schema import DecisionTree, Walk
from ml.simulate.galaxies import SimulatedGalaxy, simulate_one
from ml.simulate.questions import check_known
from ml.simulate.teaching import TEACHING, candidates, clear_walks

N = 24
LEAST = 0.8
N_LOOKED_AT = 5000
SIZE_PX = 424  # Galaxy Zoo's, for a project without pictures


@dataclass(frozen=True)
class Made:
    """What a project has practice on now."""

    n_new: int
    uncovered: list[str]
    """Answers that no galaxy of the simulated sky shows clearly enough."""


@dataclass(frozen=True)
class _Manner:
    """What a project's own galaxies look like, so that these do, too."""

    survey: str
    are_simulated: bool
    size_px: int
    has_scale: bool
    orientation: dict[str, Any]
    """Which way is north, as Image.stretch has it; empty where the project's files did not say."""


def make_practice(project: Project, n: int = N) -> Made:
    """Draw `n` practice galaxies and give them to the project; done again, those that are there stay as they are.

    SchemaError: the tree asks what no simulated galaxy answers.
    """
    version = project.tree_version
    tree = project.tree
    assert version is not None  # `tree` has refused otherwise
    check_known(tree)
    seed = int(tree.hash[:12], 16)
    chosen, uncovered = _choose(tree, n, seed)
    manner, n_new = _manner_of(project), 0
    for index, expected in chosen:
        drawn = simulate_one(seed, index, manner.size_px, TEACHING)
        with transaction.atomic():
            galaxy = _galaxy(drawn, manner)
            if not Practice.objects.filter(project=project, galaxy=galaxy).exists():
                add_practice(version, galaxy.pk, expected)
                n_new += 1
    return Made(n_new, uncovered)


def _choose(tree: DecisionTree, n: int, seed: int) -> tuple[list[tuple[int, Walk]], list[str]]:
    """Galaxies by their place in the sky, with what is expected: first those that show most answers yet unseen."""
    found = candidates(tree, N_LOOKED_AT, seed)
    walks = list(clear_walks(found, LEAST))
    shows = np.array([_shown(tree, walk) for walk in walks], dtype=np.float64)  # (G, A)
    looks = np.array([0.5 + 0.5 * min(m.radius / 0.5, 1) * min(m.brightness / 45, 1) for m in found.latent])
    is_rare = np.array([bool(m.oddity) or m.kind == "artifact" for m in found.latent])
    missing, chosen = np.ones(len(tree.columns)), list[int]()
    while len(chosen) < n:
        worth = looks * (shows @ missing)
        worth[chosen] = 0
        if not worth.any():  # every answer has its galaxy: the rest are plain ones, lest all the sky seem odd
            worth = looks * shows.any(axis=1) * ~is_rare
            worth[chosen] = 0
        if not worth.any():
            break
        chosen.append(int(worth.argmax()))
        missing[shows[chosen[-1]] > 0] = 0
    n_clear = shows.sum(axis=0).tolist()
    never = [column for column, n_galaxies in zip(tree.columns, n_clear, strict=True) if not n_galaxies]
    return [(index, walks[index]) for index in chosen], never


def _shown(tree: DecisionTree, walk: Walk) -> list[bool]:
    """Which answers a walk has, (A,)."""
    given = {(key, answer) for key, value in walk.items() for answer in ([value] if isinstance(value, str) else value)}
    return [tuple(column.rsplit("_", 1)) in given for column in tree.columns]


def _manner_of(project: Project) -> _Manner:
    galaxies = Galaxy.objects.filter(subjects__project=project)
    first = galaxies.order_by("subjects__pk").first()
    picture = Image.objects.filter(galaxy=first).order_by("position").first() if first else None
    return _Manner(
        survey=first.survey if first else project.slug,
        are_simulated=first is not None and first.is_simulated,
        size_px=min(picture.page_width_px, picture.page_height_px) if picture else SIZE_PX,
        has_scale=picture is None or picture.pixel_scale_arcsec is not None,
        orientation=_orientation(picture),
    )


def _orientation(picture: Image | None) -> dict[str, Any]:
    if picture is None or picture.north_deg is None:
        return {}
    return {"north_deg": picture.north_deg, "east_is_left_of_north": picture.east_is_left}


def _galaxy(drawn: SimulatedGalaxy, manner: _Manner) -> Galaxy:
    """The row and its picture, made when there is none; named as a survey would, unless the others are not."""
    name = drawn.name if manner.are_simulated else _designation(drawn.ra_deg, drawn.dec_deg)
    known = Galaxy.objects.filter(survey=manner.survey, name=name).first()
    if known is not None:
        return known
    hashed = identity_hash(manner.survey, name)
    galaxy = Galaxy.objects.create(
        survey=manner.survey,
        name=name,
        identity_hash=hashed,
        side=side_of(hashed, settings.HOLDOUT_FRACTION),
        is_simulated=True,
    )
    rgb = PIL.Image.fromarray(drawn.image)
    content = io.BytesIO()
    rgb.save(content, "JPEG", quality=PAGE_QUALITY, subsampling=0)
    original = Original(f"{name}.jpg", content.getvalue())
    native_px = drawn.latent["noise_length"] * rgb.width / 2
    Image.objects.create(
        galaxy=galaxy,
        originals=[original.entry],
        page_sha256=files.put(original.content),
        page_media_type=PAGE_MEDIA_TYPE,
        page_width_px=rgb.width,
        page_height_px=rgb.height,
        network_sha256=files.put(network_rendition(Picture(rgb))),
        stretch=manner.orientation,
        pixel_scale_arcsec=TEACHING.pixel_arcsec / native_px if manner.has_scale else None,
    )
    return galaxy


def _designation(ra_deg: float, dec_deg: float) -> str:
    """A name from a position, as the IAU has it: JHHMMSS.ss+DDMMSS.s, truncated."""
    ra, dec = int(ra_deg / 15 * 3600 * 100), int(abs(dec_deg) * 3600 * 10)
    hours, minutes, seconds = _sixties(ra, 100)
    degrees, arcmin, arcsec = _sixties(dec, 10)
    sign = "-" if dec_deg < 0 else "+"
    return f"J{hours:02d}{minutes:02d}{seconds / 100:05.2f}{sign}{degrees:02d}{arcmin:02d}{arcsec / 10:04.1f}"


def _sixties(value: int, parts: int) -> Sequence[int]:
    minutes, seconds = divmod(value, 60 * parts)
    return (*divmod(minutes, 60), seconds)
