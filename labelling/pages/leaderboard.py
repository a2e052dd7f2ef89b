"""`/projects/<slug>/leaderboard/`: who has classified most, this week or of all time."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from labelling.identity import known_volunteer
from labelling.leaderboard import leaderboard, week_start
from labelling.pages.access import visible_project
from labelling.translating import translated


@require_safe
@never_cache
def leaderboard_page(request: HttpRequest, slug: str) -> HttpResponse:
    """The list, and the visitor's own place, which is told to them alone."""
    project = visible_project(request.user, slug)
    is_all_time = request.GET.get("of") == "all"
    volunteer = known_volunteer(request)
    board = leaderboard(project, volunteer, since=None if is_all_time else week_start())
    shown = {"project": translated(project), "volunteer": volunteer}
    context = {**shown, "board": board, "is_all_time": is_all_time}
    return render(request, "labelling/leaderboard.html", context)
