"""`/`: what happens here, and the live projects."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_cookie

from labelling.models import Project
from labelling.pages.mine import classifications_by
from labelling.pages.progress import lately, portrait_of, progress_of, some_pictures
from labelling.translating import words_of

N_PICTURES = 3


@require_safe
@vary_on_cookie
def home(request: HttpRequest) -> HttpResponse:
    """A galaxy with its first question, live numbers, and a card for each live project, newest first."""
    projects = list(Project.objects.filter(is_live=True).select_related("tree_version").order_by("-created_at"))
    progress = progress_of(projects)
    words = words_of(projects)
    cards = [
        (words[project.pk].project(project), progress[project.pk], some_pictures(project, N_PICTURES))
        for project in projects
    ]
    # The first that has something to ask, better with something to show; none is fine.
    open_cards = [card for card in cards if card[0].tree_version and card[1].is_open]
    first = next((card for card in open_cards if card[2]), next(iter(open_cards), None))
    context = {
        "cards": cards,
        "first": first[0] if first else None,
        "is_simulated": bool(first and first[1].is_simulated),
        "portrait": portrait_of(first[0]) if first else None,
        "lately": lately(projects),
        "n_mine": classifications_by(request).count(),
    }
    return render(request, "labelling/home.html", context)
