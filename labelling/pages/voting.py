"""The classifying page's own requests, as JSON: the next galaxy, a vote, a lease given back; and the images.

Nothing here tells why a galaxy was served: arm, priority and model stay unknown until the vote is in.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, TypedDict
from uuid import UUID

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import condition, require_safe

from labelling import files, queue
from labelling.assignment import give_back, serve, token
from labelling.classification import accept
from labelling.errors import FileMissing, VoteConflict, VoteRefused
from labelling.identity import remember, volunteer_of
from labelling.models import Assignment, Classification, Image, Project
from labelling.project import is_open_to

MAX_BODY_BYTES = 64 * 1024
_A_YEAR_SECONDS = 365 * 24 * 3600

View = Callable[..., HttpResponseBase]


class GalaxyJson(TypedDict):
    """What a volunteer is told of the galaxy: its name, and whether it is real."""

    survey: str
    name: str
    is_simulated: bool


class ImageJson(TypedDict):
    """Where the picture is, and how large."""

    url: str
    width_px: int
    height_px: int
    pixel_scale_arcsec: float | None


class AssignmentJson(TypedDict):
    """A lease as its volunteer sees it."""

    token: str
    expires_at: str
    galaxy: GalaxyJson
    image: ImageJson | None


def _posted(view: View) -> View:
    """Take a small POST, and answer every refusal as {"error": why} with its status."""

    @never_cache
    @wraps(view)
    def answer(request: HttpRequest, **arguments: Any) -> HttpResponseBase:
        if request.method != "POST":
            response = _error(405, f"{request.method} is not taken here; expected POST")
            response["Allow"] = "POST"
            return response
        if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY_BYTES:
            return _error(413, f"a request has at most {MAX_BODY_BYTES} bytes")
        try:
            return view(request, **arguments)
        except VoteConflict as conflict:
            return _error(409, str(conflict))
        except VoteRefused as refused:
            return _error(400, str(refused))
        except Http404 as unknown:
            return _error(404, str(unknown))

    return answer


@_posted
def next_galaxy(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Serve the volunteer a galaxy of this project: the one in hand again, or the queue's next.

    `signed_in` tells a page that was opened under an account when its session has ended.
    """
    project = Project.objects.filter(slug=slug).first()
    if project is None or not is_open_to(project, request.user):
        raise Http404(f"there is no project {slug!r} to classify in")
    volunteer = volunteer_of(request)
    assignment = serve(project, volunteer)
    body: dict[str, Any] = {"signed_in": isinstance(request.user, User), "assignment": None}
    if assignment is not None:
        body["assignment"] = _assignment_json(assignment)
    else:
        body["why"] = "in_other_hands" if queue.has_work_for(project, volunteer) else "all_done"
    response = JsonResponse(body)
    remember(response, volunteer)
    return response


@_posted
def classifications(request: HttpRequest) -> HttpResponseBase:
    """Take a vote: 201 when it is new, 200 when this very vote was taken before. It is stored when we answer."""
    vote = _vote(request)
    accepted = accept(token=vote["token"], uuid=vote["uuid"], walk=vote["walk"])
    classification = accepted.classification
    n_by_you = (
        Classification.objects.standing()
        .filter(volunteer=classification.volunteer_id, subject__project=classification.subject.project_id)
        .count()
    )
    return JsonResponse(
        {"classification": classification.pk, "late": classification.late, "n_classifications_by_you": n_by_you},
        status=201 if accepted.is_new else 200,
    )


@csrf_exempt  # a beacon of a page that is being left carries no header; the signed token is the authority
@_posted
def return_assignment(request: HttpRequest) -> HttpResponseBase:
    """Give a lease back. To give back twice, or after the vote, changes nothing."""
    give_back(request.POST.get("token", ""))
    return HttpResponse(status=204)


def _etag(request: HttpRequest, sha256: str) -> str:
    return f'"{sha256}"'


@require_safe
@condition(etag_func=_etag)
def image(request: HttpRequest, sha256: str) -> HttpResponseBase:
    """The page rendition that an image row names; the same bytes for ever, so a browser asks once."""
    media_type = Image.objects.filter(page_sha256=sha256).values_list("page_media_type", flat=True).first()
    if media_type is None:
        raise Http404("no image has this sha256")
    try:
        content = files.read(sha256)
    except FileMissing as missing:
        raise Http404(str(missing)) from missing
    response = HttpResponse(content, content_type=media_type)
    response["X-Content-Type-Options"] = "nosniff"
    patch_cache_control(response, public=True, immutable=True, max_age=_A_YEAR_SECONDS)
    return response


def _assignment_json(assignment: Assignment) -> AssignmentJson:
    galaxy = assignment.subject.galaxy
    picture = galaxy.images.order_by("position").first()
    return {
        "token": token(assignment),
        "expires_at": assignment.expires_at.isoformat(),
        "galaxy": {"survey": galaxy.survey, "name": galaxy.name, "is_simulated": galaxy.is_simulated},
        "image": _image_json(picture) if picture else None,
    }


def _image_json(picture: Image) -> ImageJson:
    return {
        "url": reverse("image", kwargs={"sha256": picture.page_sha256}),
        "width_px": picture.page_width_px,
        "height_px": picture.page_height_px,
        "pixel_scale_arcsec": picture.pixel_scale_arcsec,
    }


class _Vote(TypedDict):
    uuid: UUID
    token: str
    walk: object


def _vote(request: HttpRequest) -> _Vote:
    """The three parts of a vote's body; VoteRefused names the one that is wrong."""
    if request.content_type != "application/json":  # Django has taken a form's body apart by now
        raise VoteRefused(f"a vote is sent as application/json, not {request.content_type!r:.80}")
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError) as broken:
        raise VoteRefused(f"the body is not JSON: {broken}") from broken
    if not isinstance(body, dict) or set(body) != {"uuid", "token", "walk"}:
        raise VoteRefused("a vote is an object of uuid, token and walk")
    if not isinstance(body["token"], str) or not isinstance(body["uuid"], str):
        raise VoteRefused("uuid and token of a vote are texts")
    try:
        uuid = UUID(body["uuid"])
    except ValueError as broken:
        raise VoteRefused(f"{body['uuid']!r:.80} is not a UUID") from broken
    return {"uuid": uuid, "token": body["token"], "walk": body["walk"]}


def _error(status: int, text: str) -> JsonResponse:
    return JsonResponse({"error": text}, status=status)
