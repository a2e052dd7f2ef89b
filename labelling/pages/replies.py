"""What the classifying page is answered: shapes of JSON, and the one place that says what a volunteer may know.

Before the vote nothing tells why a galaxy was served, nor whether it is simulated or practice: arm, priority, model
stay unknown. Where to see it in the sky is told after the vote as well: a drawn galaxy is nowhere in it, and the want
of a link would tell.
"""

from datetime import datetime, timedelta
from typing import NotRequired, TypedDict
from urllib.parse import urlencode

from django.urls import reverse

from labelling import practice, rounds
from labelling.assignment import token
from labelling.models import (
    Assignment,
    Classification,
    Galaxy,
    Image,
    Practice,
    PracticeWalk,
    Project,
    Volunteer,
)

SKY = "https://www.legacysurvey.org/viewer"
SKY_LAYER, SKY_ZOOM = "ls-dr10", 14  # a field of a few arcminutes


class GalaxyJson(TypedDict):
    """What a galaxy is called."""

    survey: str
    name: str


class ImageJson(TypedDict):
    """Where the picture is, how large, and which way is north: counter-clockwise from upward."""

    url: str
    width_px: int
    height_px: int
    pixel_scale_arcsec: float | None
    north_deg: float | None
    east_is_left: bool | None


class AssignmentJson(TypedDict):
    """A lease as its volunteer sees it."""

    token: str
    expires_at: str
    galaxy: GalaxyJson
    image: ImageJson | None


class NextJson(TypedDict):
    """The galaxies to look at; `why` there is none."""

    signed_in: bool
    assignments: list[AssignmentJson]
    why: NotRequired[str]


class UndoneJson(TypedDict):
    """The galaxy of a vote that was taken back, and its answers."""

    assignment: AssignmentJson
    walk: object


class FirstJson(TypedDict):
    """A galaxy that nobody had classified before."""

    name: str
    url: str | None


class RoundJson(TypedDict):
    """The last ten, looked back on."""

    n: int
    n_first: int
    first: list[FirstJson]


class PracticeJson(TypedDict):
    """How a practice galaxy was answered."""

    is_right: dict[str, bool]
    expected: dict[str, str | list[str]]
    explanation: str


class ToldJson(TypedDict):
    """What is told once the answer is in."""

    is_simulated: bool
    practice: PracticeJson | None
    round_up: RoundJson | None
    subject: int | None
    sky_url: str | None


class AcceptedJson(TypedDict):
    """The acknowledgement of a vote."""

    classification: int | None
    late: str
    n_classifications_by_you: int
    told: ToldJson


def assignment_json(assignment: Assignment) -> AssignmentJson:
    """A lease, with the galaxy's first picture."""
    return _assignment_json(assignment.subject.galaxy, token(assignment), assignment.expires_at)


def practice_assignment_json(wanted: Practice, volunteer: Volunteer, project: Project, now: datetime) -> AssignmentJson:
    """A practice galaxy, which nothing here tells from any other; it is held as long as the others of its batch."""
    expires_at = now + timedelta(seconds=project.lease_seconds)
    return _assignment_json(wanted.galaxy, practice.token(wanted, volunteer), expires_at)


def _assignment_json(galaxy: Galaxy, token: str, expires_at: datetime) -> AssignmentJson:
    picture = galaxy.images.order_by("position").first()
    return {
        "token": token,
        "expires_at": expires_at.isoformat(),
        "galaxy": {"survey": galaxy.survey, "name": galaxy.name},
        "image": image_json(picture) if picture else None,
    }


def image_json(picture: Image) -> ImageJson:
    """A picture; which way is up only where its file said so."""
    return {
        "url": image_url(picture),
        "width_px": picture.page_width_px,
        "height_px": picture.page_height_px,
        "pixel_scale_arcsec": picture.pixel_scale_arcsec,
        "north_deg": picture.north_deg,
        "east_is_left": picture.east_is_left,
    }


def image_url(picture: Image) -> str:
    """The address of its page rendition."""
    return reverse("image", kwargs={"sha256": picture.page_sha256})


def sky_url(galaxy: Galaxy) -> str | None:
    """Where a real galaxy of known position can be seen in its surroundings; asked for by a click alone."""
    if galaxy.is_simulated or galaxy.ra_deg is None or galaxy.dec_deg is None:
        return None
    where = {"ra": f"{galaxy.ra_deg:.5f}", "dec": f"{galaxy.dec_deg:.5f}", "layer": SKY_LAYER, "zoom": SKY_ZOOM}
    return f"{SKY}?{urlencode(where)}"


def accepted_json(vote: Classification) -> AcceptedJson:
    """A vote that is stored; after every tenth in the project, a look back on the ten."""
    n = rounds.n_classified(vote.volunteer, vote.subject.project)
    return {
        "classification": vote.pk,
        "late": vote.late,
        "n_classifications_by_you": n,
        "told": {
            "is_simulated": vote.subject.galaxy.is_simulated,
            "practice": None,
            "round_up": _round_json(vote) if n and n % rounds.N == 0 else None,
            "subject": vote.subject_id,
            "sky_url": sky_url(vote.subject.galaxy),
        },
    }


def practised_json(walk: PracticeWalk) -> AcceptedJson:
    """A practice walk that is stored, and what was expected; the count of galaxies stays as it was."""
    own = walk.practice
    return {
        "classification": None,
        "late": "",
        "n_classifications_by_you": rounds.n_classified(walk.volunteer, own.project),
        "told": {
            "is_simulated": own.galaxy.is_simulated,
            "practice": {
                "is_right": walk.is_right,
                "expected": own.expected,
                "explanation": practice.explanation(walk),
            },
            "round_up": None,
            "subject": None,
            "sky_url": sky_url(own.galaxy),
        },
    }


def _round_json(vote: Classification) -> RoundJson:
    first = rounds.round_of(vote.volunteer, vote.subject.project).first
    shown: list[FirstJson] = [
        {"name": galaxy.name, "url": image_url(picture) if picture else None} for galaxy, picture in first
    ]
    return {"n": rounds.N, "n_first": len(shown), "first": shown}
