"""`/projects/<slug>/tags/`: a project's words, and the galaxies of each; researchers take all of it away as CSV."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from labelling import tags
from labelling.disclosure import shown
from labelling.errors import TalkRefused
from labelling.identity import known_volunteer
from labelling.models import Image, Project, Subject
from labelling.pages.access import moderated_projects, own_project, own_projects, visible_project
from labelling.pages.talk import why_silent
from labelling.tags import Tagged
from labelling.translating import translated

PAGE = 48
N_WORDS = 200


@dataclass(frozen=True)
class Card:
    """A galaxy in a list, with its picture; `n` what is told of it in numbers."""

    subject: Subject
    picture: Image | None
    n: int = 0


class _Line:
    """What csv writes to: it hands each line back."""

    def write(self, line: str) -> str:
        return line


@require_safe
@never_cache
def tag_list(request: HttpRequest, slug: str) -> HttpResponse:
    """The words of a project, the most frequent first; `?starts=` those that begin so."""
    project = visible_project(request.user, slug)
    starts = request.GET.get("starts", "").strip()
    context = {
        "project": translated(project),
        "starts": starts,
        "words": tags.words(project, starts, N_WORDS),
        "runs_it": own_projects(request.user).filter(pk=project.pk).exists(),
    }
    return render(request, "labelling/tags.html", context)


@require_safe
@never_cache
def tag_page(request: HttpRequest, slug: str, word: str) -> HttpResponse:
    """The galaxies of a tag that this visitor may see, the most tagged first; `?after=` a place goes on from there.

    A word that is hidden has no page, but for the moderators.
    """
    project = visible_project(request.user, slug)
    try:
        proper = tags.normalised(word)
    except TalkRefused as none:
        raise Http404(str(none)) from none
    if proper != word:
        return redirect("tag", slug=slug, word=proper)
    volunteer = known_volunteer(request)
    everything = moderated_projects(request.user).filter(pk=project.pk).exists()
    is_hidden = tags.hidden(project).filter(word=word).exists()
    if is_hidden and not everything:
        raise Http404(f"#{word} is hidden")
    open_ones = None if everything else shown(Subject.objects.filter(project=project), volunteer)
    found = tags.tagged(project, word, open_ones, after=_place(request.GET.get("after", "")), limit=PAGE + 1)
    page = found[:PAGE]
    context = {
        "project": translated(project),
        "word": word,
        "n": tags.n_tagged(project, word),
        "cards": cards_of([place.subject_id for place in page], {place.subject_id: place.n for place in page}),
        "is_first": "after" not in request.GET,
        "next": urlencode({"after": f"{page[-1].n}-{page[-1].subject_id}"}) if len(found) > PAGE else "",
        "shows_all": everything,
        "is_hidden": is_hidden,
        "why_silent": why_silent(request, volunteer, project),
    }
    return render(request, "labelling/tag.html", context)


@require_safe
@never_cache
def tags_csv(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Every tag as a row a galaxy and word, streamed: id_str, survey, word, how many volunteers put it there."""
    project = own_project(request.user, slug)
    response = StreamingHttpResponse(_csv_lines(project), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{project.slug}-tags.csv"'
    return response


def cards_of(subject_ids: list[int], numbers: dict[int, int] | None = None) -> list[Card]:
    """These subjects in this order, each with its first picture."""
    found = with_pictures(Subject.objects.filter(pk__in=subject_ids)).in_bulk()
    numbers = numbers or {}
    return [card_of(found[pk], numbers.get(pk, 0)) for pk in subject_ids if pk in found]


def with_pictures(subjects: QuerySet[Subject]) -> QuerySet[Subject]:
    """The subjects, ready for `card_of`."""
    in_order = Prefetch("galaxy__images", Image.objects.order_by("position"), to_attr="in_order")
    return subjects.select_related("galaxy", "project").prefetch_related(in_order)


def card_of(subject: Subject, n: int = 0) -> Card:
    """A subject of `with_pictures` with its first picture."""
    pictures: list[Image] = getattr(subject.galaxy, "in_order", [])
    return Card(subject, pictures[0] if pictures else None, n)


def _csv_lines(project: Project) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield writer.writerow(["id_str", "survey", "word", "n_volunteers"])
    for row in tags.rows_for_csv(project):
        yield writer.writerow(row)


def _place(text: str) -> Tagged | None:
    n, _, subject_id = text.partition("-")
    if not (n.isdecimal() and subject_id.isdecimal() and max(len(n), len(subject_id)) < 19):
        return None
    return Tagged(int(subject_id), int(n))
