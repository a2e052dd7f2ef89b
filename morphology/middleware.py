"""What is refused before any page sees it, and what no page need say."""

from collections.abc import Callable

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponseBase


def refuse_nul(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Answer 400 to a NUL in the query: PostgreSQL has no text with one, and not every filter of the admin looks."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        if "%00" in request.META["QUERY_STRING"]:
            raise SuspiciousOperation("there is a NUL in the query")
        return get_response(request)

    return answer


def same_for_all(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Let a file that never changes vary by nothing: whoever asks in whichever language, a cache keeps it once."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if "immutable" in response.get("Cache-Control", ""):
            del response["Vary"]
        return response

    return answer
