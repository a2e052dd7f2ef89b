"""What a project teaches, as JSON for the classifying page, and the pictures that its researchers have put there."""

import hashlib

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.cache import get_conditional_response, patch_cache_control
from django.views.decorators.http import require_safe

from labelling import files
from labelling.errors import FileMissing
from labelling.guide import guide_of
from labelling.models import Example, GuidePage
from labelling.pages.access import visible_project
from labelling.translating import words_of

_A_YEAR_SECONDS = 365 * 24 * 3600


@require_safe
def guide_json(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Tutorial, field guide and examples; a browser that has them asks whether they are still the same."""
    project = visible_project(request.user, slug)
    if project.tree_version is None:
        raise Http404(f"project {slug!r} has no decision tree yet")
    response = JsonResponse(guide_of(project, words_of([project])[project.pk]))
    response["ETag"] = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    patch_cache_control(response, private=True, no_cache=True)
    return get_conditional_response(request, etag=response["ETag"], response=response) or response


@require_safe
def guide_picture(request: HttpRequest, sha256: str) -> HttpResponseBase:
    """A picture that a guide page or an example names; the same bytes for ever."""
    of_this = Q(picture_sha256=sha256)
    if not (GuidePage.objects.filter(of_this).exists() or Example.objects.filter(of_this).exists()):
        raise Http404("no page has this picture")
    try:
        content = files.read(sha256)
    except FileMissing as missing:
        raise Http404(str(missing)) from missing
    response = HttpResponse(content, content_type="image/jpeg")
    response["X-Content-Type-Options"] = "nosniff"
    patch_cache_control(response, public=True, immutable=True, max_age=_A_YEAR_SECONDS)
    return response
