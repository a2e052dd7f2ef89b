"""What a form or a script posts about a galaxy: taken in one way, and answered to each in its own.

A script posts a JSON object and is answered in JSON, a refusal {"error": why}; a form goes on to a page, or to why not.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeGuard

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from labelling.errors import LabellingError, TalkClosed, TalkRefused, TalkTooOften, VoteRefused

MOST_BYTES = 64 * 1024
TOO_LARGE = f"a request has at most {MOST_BYTES} bytes"
_NO_TEXT = re.compile("[\0\ud800-\udfff]")  # NUL and half characters, which JSON may spell and PostgreSQL does not take

Body = Mapping[str, object]


def posted(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Call `view(request, body, ...)` with what was posted; each refusal has its status: 400, 403, or 429."""

    @never_cache
    @require_POST
    @wraps(view)
    def answer(request: HttpRequest, **arguments: Any) -> HttpResponseBase:
        try:
            return view(request, _body(request), **arguments)
        except (TalkRefused, VoteRefused) as refused:
            return _refusal(request, refused)

    return answer


def answered(request: HttpRequest, told: Mapping[str, object], to: str) -> HttpResponseBase:
    """`told` to a script; a form goes on to the page `to`."""
    return JsonResponse(told) if is_script(request) else redirect(to)


def is_script(request: HttpRequest) -> bool:
    """Whether this came from a script of ours, and not from a form."""
    return request.content_type == "application/json"


def text_in(body: Body, name: str) -> str:
    """A text of what was posted; TalkRefused when it is none."""
    text = body.get(name)
    if not is_text(text):
        raise TalkRefused(f"{name} is {text!r:.80}; expected a text")
    return text


def flag_in(body: Body, name: str) -> bool:
    """True or false, as JSON has it, or a form's value of these names."""
    value = body.get(name)
    if value in (True, "true"):
        return True
    if value in (False, "false"):
        return False
    raise TalkRefused(f"{name} is {value!r:.80}; expected true or false")


def id_in(body: Body, name: str) -> int:
    """The id of a row: a whole number, or a form's digits."""
    value = body.get(name)
    if isinstance(value, str) and value.isdecimal() and len(value) < 19:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return value
    raise TalkRefused(f"{name} is {value!r:.80}; expected an id")


def is_too_large(request: HttpRequest) -> bool:
    """Whether this is more than any request of ours."""
    return int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES


def object_of(request: HttpRequest) -> dict[str, Any]:
    """The JSON object that was posted; ValueError says why there is none."""
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError) as broken:
        raise ValueError(f"the body is not JSON: {broken}") from broken
    if not isinstance(body, dict):
        raise ValueError(f"the body is {body!r:.80}; expected an object")
    return body


def is_text(value: object) -> TypeGuard[str]:
    """Whether it is a text that PostgreSQL takes."""
    return isinstance(value, str) and not _NO_TEXT.search(value)


def _body(request: HttpRequest) -> Body:
    if not is_script(request):
        return request.POST.dict()
    if is_too_large(request):
        raise TalkRefused(TOO_LARGE)
    try:
        return object_of(request)
    except ValueError as broken:
        raise TalkRefused(str(broken)) from broken


def _refusal(request: HttpRequest, refused: LabellingError) -> HttpResponse:
    status = 403 if isinstance(refused, TalkClosed) else 429 if isinstance(refused, TalkTooOften) else 400
    if is_script(request):
        response: HttpResponse = JsonResponse({"error": str(refused)}, status=status)
    else:
        context = {"title": gettext("That was not taken"), "why": str(refused)}
        response = render(request, "labelling/refused.html", context, status=status)
    if isinstance(refused, TalkTooOften):
        response["Retry-After"] = str(refused.retry_after_seconds)
    return response
