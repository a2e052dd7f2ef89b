"""`/projects/<slug>/translate/`: a project's texts beside their translations, for who runs it and its translators."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from labelling.errors import TranslationRefused
from labelling.models import Project
from labelling.pages.access import translated_project
from labelling.translating import State, lines_of, progress_of, translate

NAMES = dict(settings.LANGUAGES)


@login_required
@require_safe
@never_cache
def languages(request: HttpRequest, slug: str) -> HttpResponse:
    """How far each language is."""
    project = translated_project(request.user, slug)
    progress = [(each, NAMES[each.language]) for each in progress_of(project)]
    return render(request, "labelling/translations.html", {"project": project, "progress": progress})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def translations(request: HttpRequest, slug: str, language: str) -> HttpResponse:
    """Every text with its translation, what is missing first; one is saved at a time, and the next is at hand."""
    project = translated_project(request.user, slug)
    if language not in NAMES:
        raise Http404(f"no language {language!r} here")
    if request.method == "POST":
        return _saved(request, project, language)
    return _shown(request, project, language)


def _saved(request: HttpRequest, project: Project, language: str) -> HttpResponse:
    assert isinstance(request.user, User)  # login_required
    key, text = request.POST.get("key", ""), request.POST.get("text", "").replace("\r\n", "\n")
    keys = [line.key for line in lines_of(project, language)]
    following = keys[keys.index(key) + 1 :][:1] if key in keys else []
    try:
        if "\0" in text:
            raise TranslationRefused(gettext("There is an invisible character in this text."))
        translate(project, language, key, text, sha256=request.POST.get("sha256", ""), by=request.user)
    except TranslationRefused as refused:
        messages.error(request, str(refused))
        return _shown(request, project, language, unsaved=(key, text))
    messages.success(request, gettext("Saved."))
    here = reverse("translate", kwargs={"slug": project.slug, "language": language})
    return redirect(f"{here}?at={following[0]}" if following else here)


def _shown(
    request: HttpRequest, project: Project, language: str, unsaved: tuple[str, str] | None = None
) -> HttpResponse:
    lines = lines_of(project, language)
    at = unsaved[0] if unsaved else request.GET.get("at", "")
    n_done = sum(line.state in (State.DONE, State.SHIPPED) for line in lines)
    context = {
        "project": project,
        "language": language,
        "name": NAMES[language],
        "lines": lines,
        "at": at,
        "unsaved": unsaved[1] if unsaved else None,
        "n_done": n_done,
        "n": len(lines),
        "others": [(code, name) for code, name in settings.LANGUAGES if code != language],
    }
    return render(request, "labelling/translate.html", context, status=409 if unsaved else 200)
