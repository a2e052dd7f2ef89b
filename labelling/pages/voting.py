"""The classifying page's own requests, as JSON: galaxies to look at, votes, second thoughts, leases; and the images.

`labelling.pages.replies` holds what is answered.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from uuid import UUID

import numpy as np
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import condition, require_safe

from labelling import files, practice, queue
from labelling.assignment import give_back, named, serve_ahead
from labelling.classification import accept
from labelling.errors import FileMissing, VoteConflict, VoteRefused, VoteUnknown
from labelling.identity import known_volunteer, remember, volunteer_of
from labelling.models import Image, Project
from labelling.pages.posted import TOO_LARGE, is_text, is_too_large, object_of
from labelling.pages.replies import (
    NextJson,
    UndoneJson,
    accepted_json,
    assignment_json,
    practice_assignment_json,
    practised_json,
)
from labelling.project import is_open_to
from labelling.reporting import report
from labelling.skipping import skip
from labelling.undo import undo

MOST_AHEAD = 6
MOST_HELD = 100  # tokens that a browser names: of all its tabs, and of votes that are still on their way
_A_YEAR_SECONDS = 365 * 24 * 3600

View = Callable[..., HttpResponseBase]


def _posted(view: View) -> View:
    """Take a small POST, and answer every refusal as {"error": why} with its status."""

    @never_cache
    @wraps(view)
    def answer(request: HttpRequest, **arguments: Any) -> HttpResponseBase:
        if request.method != "POST":
            response = _error(405, f"{request.method} is not taken here; expected POST")
            response["Allow"] = "POST"
            return response
        if is_too_large(request):
            return _error(413, TOO_LARGE)
        try:
            return view(request, **arguments)
        except VoteConflict as conflict:
            return _error(409, str(conflict))
        except (VoteUnknown, Http404) as unknown:
            return _error(404, str(unknown))
        except VoteRefused as refused:
            return _error(400, str(refused))

    return answer


@_posted
def next_galaxy(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Serve `n` more galaxies of this project (1 unless told; 0 only renews), beside those whose tokens are in `have`.

    `have` is everything that the browser still holds, whichever of its tabs does: these leases are renewed and not sent
    again, and one that is not named is taken to be a dead tab's and handed out first. `why` there is nothing to send is
    told of this volunteer, so a page that holds something itself need not say it. `signed_in` tells a page that was
    opened under an account when its session has ended.
    """
    project = Project.objects.filter(slug=slug).first()
    if project is None or not is_open_to(project, request.user):
        raise Http404(f"there is no project {slug!r} to classify in")
    n, have = _wish(request)
    volunteer, now, rng = volunteer_of(request), timezone.now(), np.random.default_rng()
    in_hand = practice.named(have)
    to_practise = practice.draw(project, volunteer, n=n, in_hand=in_hand, rng=rng)
    served = serve_ahead(
        project,
        volunteer,
        n=n - len(to_practise),
        have=named(have),
        practised={*in_hand.values(), *(own.galaxy_id for own in to_practise)},
        browser=_browser(request),
        now=now,
    )
    shown = [assignment_json(assignment) for assignment in served]
    for own in to_practise:  # anywhere among the others
        shown.insert(int(rng.integers(len(shown) + 1)), practice_assignment_json(own, volunteer, project, now))
    body: NextJson = {"signed_in": isinstance(request.user, User), "assignments": shown}
    if not shown and n:
        body["why"] = "in_other_hands" if queue.has_work_for(project, volunteer) else "all_done"
    response = JsonResponse(body)
    remember(response, volunteer)
    return response


@_posted
def classifications(request: HttpRequest) -> HttpResponseBase:
    """Take a vote: 201 when it is new, 200 when this very vote was taken before. It is stored when we answer."""
    body = _object(request, {"uuid", "token", "walk"}, {"uuid", "token"})
    if practice.is_practice(body["token"]):
        practised = practice.accept(token=body["token"], uuid=_uuid(body["uuid"]), walk=body["walk"])
        return JsonResponse(practised_json(practised.walk), status=201 if practised.is_new else 200)
    accepted = accept(token=body["token"], uuid=_uuid(body["uuid"]), walk=body["walk"])
    return JsonResponse(accepted_json(accepted.classification), status=201 if accepted.is_new else 200)


@_posted
def undo_classification(request: HttpRequest, uuid: UUID) -> HttpResponseBase:
    """Take back one of the volunteer's last votes: the answer is its galaxy, leased again, and its walk."""
    volunteer = known_volunteer(request)
    if volunteer is None:
        raise VoteUnknown(gettext("This browser is not known here, so none of the votes is its own."))
    undone = undo(uuid, volunteer)
    body: UndoneJson = {"assignment": assignment_json(undone.assignment), "walk": undone.walk}
    return JsonResponse(body)


@_posted
def skip_assignment(request: HttpRequest) -> HttpResponseBase:
    """The volunteer cannot tell: the galaxy goes to others, and does not return."""
    token = _object(request, {"token"}, {"token"})["token"]
    if practice.is_practice(token):
        practice.pass_over(token)
    else:
        skip(token)
    return HttpResponse(status=204)


@_posted
def report_assignment(request: HttpRequest) -> HttpResponseBase:
    """Something is wrong with the image: one of ImageReport.Why, and a few words or none."""
    body = _object(request, {"token", "why", "text"}, {"token", "why", "text"})
    if practice.is_practice(body["token"]):
        practice.report(body["token"], body["why"], body["text"])
    else:
        report(body["token"], body["why"], body["text"])
    return HttpResponse(status=204)


@csrf_exempt  # a beacon of a page that is being left carries no header; the signed token is the authority
@_posted
def return_assignment(request: HttpRequest) -> HttpResponseBase:
    """Give leases back. To give back twice, or after the vote, changes nothing."""
    refused = None
    for text in request.POST.getlist("token") or [""]:
        try:
            if not practice.is_practice(text):  # of which no lease is held
                give_back(text)
        except VoteRefused as refusal:
            refused = refusal  # the others are given back all the same
    if refused:
        raise refused
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


def _browser(request: HttpRequest) -> str:
    """Which of a signed-in volunteer's browsers this is; an anonymous one has but one, which holds the cookie."""
    key = request.session.session_key if isinstance(request.user, User) else None
    return salted_hmac("labelling.browser", key).hexdigest()[:16] if key else ""


def _wish(request: HttpRequest) -> tuple[int, list[str]]:
    """How many more galaxies are wanted, and the tokens of those in hand."""
    body = _object(request, {"n", "have"}, set(), has_defaults=True)
    n, have = body.get("n", 1), body.get("have", [])
    if not isinstance(n, int) or isinstance(n, bool) or not 0 <= n <= MOST_AHEAD:
        raise VoteRefused(f"n is {n!r:.80}; expected 0 to {MOST_AHEAD}")
    if not isinstance(have, list) or len(have) > MOST_HELD or not all(isinstance(text, str) for text in have):
        raise VoteRefused(f"have is a list of at most {MOST_HELD} tokens")
    return n, have


def _object(request: HttpRequest, keys: set[str], texts: set[str], *, has_defaults: bool = False) -> Mapping[str, Any]:
    """The JSON object of a request; VoteRefused names what is wrong with it."""
    if request.content_type != "application/json":  # Django has taken a form's body apart by now
        raise VoteRefused(f"expected application/json, not {request.content_type!r:.80}")
    try:
        body = object_of(request)
    except ValueError as broken:
        raise VoteRefused(str(broken)) from broken
    if not (keys >= set(body) if has_defaults else keys == set(body)):
        raise VoteRefused(f"expected an object of {', '.join(sorted(keys))}")
    for key in sorted(texts):
        if not is_text(body[key]):
            raise VoteRefused(f"{key} is {body[key]!r:.80}; expected a text")
    return body


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as broken:
        raise VoteRefused(f"{text!r:.80} is not a UUID") from broken


def _error(status: int, text: str) -> JsonResponse:
    return JsonResponse({"error": text}, status=status)
