"""What volunteers say of a galaxy, posted by its own page and by the panel of the classifying page.

Nobody writes about, or reads of, a galaxy on which the own vote is still open: `labelling.disclosure`.
"""

from typing import TypedDict

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_cookie

from labelling import comments, tags
from labelling.collections import set_favourite, set_favourite_by_token
from labelling.disclosure import check_sees, check_talks
from labelling.errors import TalkClosed, TalkRefused
from labelling.identity import known_volunteer, remember, volunteer_of
from labelling.models import Classification, Comment, Favourite, Project, Subject, Volunteer
from labelling.pages.access import moderated_projects, visible_project, visible_projects
from labelling.pages.posted import Body, answered, flag_in, id_in, posted, text_in


class TagJson(TypedDict):
    """A word on a galaxy, or in a project."""

    word: str
    n: int
    is_mine: bool


class TalkJson(TypedDict):
    """What the panel shows of a galaxy that has just been classified."""

    tags: list[TagJson]
    n_comments: int
    is_favourite: bool


def subject_for(request: HttpRequest, pk: int) -> Subject:
    """The subject; 404 where its project is not for the visitor, unless they classified it before it was paused."""
    subject = get_object_or_404(Subject.objects.select_related("project__tree_version", "galaxy"), pk=pk)
    if not visible_projects(request.user).filter(pk=subject.project_id).exists():
        voted = Classification.objects.standing().filter(subject=subject, volunteer=known_volunteer(request))
        if not voted.exists():
            raise Http404(f"no subject {pk} for this visitor")
    return subject


def sees_all(request: HttpRequest, subject: Subject) -> bool:
    """Whether the visitor runs or moderates the project."""
    return moderated_projects(request.user).filter(pk=subject.project_id).exists()


def reader_of(request: HttpRequest, subject: Subject) -> Volunteer | None:
    """The volunteer behind the request, if there is one yet; TalkClosed unless they may see what is said here."""
    volunteer = known_volunteer(request)
    check_sees(subject, volunteer, sees_all=sees_all(request, subject))
    return volunteer


def _writer_of(request: HttpRequest, subject: Subject) -> Volunteer:
    """The volunteer; refused unless they may see what is said here, and join in."""
    check_sees(subject, _known(request), sees_all=sees_all(request, subject))
    return writer_in(request, subject.project)


def writer_in(request: HttpRequest, project: Project) -> Volunteer:
    """The volunteer; TalkRefused unless they may join in what is said in the project."""
    known = _known(request)
    check_talks(known, project)
    return known or volunteer_of(request)


def _known(request: HttpRequest) -> Volunteer | None:
    """The volunteer; of one who has signed in a moment ago, with what was done before."""
    return volunteer_of(request) if isinstance(request.user, User) else known_volunteer(request)


def why_silent(request: HttpRequest, volunteer: Volunteer | None, project: Project) -> str:
    """Why this visitor reads and does not write here; empty when they may."""
    if request.user.is_authenticated:
        return ""
    try:
        check_talks(volunteer, project)
    except TalkRefused as refused:
        return str(refused)
    return ""


@require_safe
@never_cache
def talk(request: HttpRequest, pk: int) -> HttpResponseBase:
    """What the panel needs to know of a galaxy."""
    subject = subject_for(request, pk)
    try:
        volunteer = reader_of(request, subject)
    except TalkClosed as closed:
        return JsonResponse({"error": str(closed)}, status=403)
    favourites = Favourite.objects.filter(subject=subject, volunteer=volunteer) if volunteer else None
    told: TalkJson = {
        "tags": _tags_json(subject, volunteer),
        "n_comments": subject.comments.exclude(text="").filter(hidden_at__isnull=True).count(),
        "is_favourite": favourites is not None and favourites.exists(),
    }
    return JsonResponse(told)


@posted
def tag_subject(request: HttpRequest, body: Body, pk: int) -> HttpResponseBase:
    """Put a word on the galaxy, or take an own one off."""
    subject = subject_for(request, pk)
    volunteer = _writer_of(request, subject)
    change = tags.put if flag_in(body, "is_on") else tags.remove
    word = change(subject, volunteer, text_in(body, "word"))
    told = {"word": word, "tags": _tags_json(subject, volunteer)}
    return answered(request, told, f"{page_of(subject)}#tags")


@posted
def comment_on_subject(request: HttpRequest, body: Body, pk: int) -> HttpResponseBase:
    """Say something about the galaxy."""
    subject = subject_for(request, pk)
    comment = comments.say(subject, _writer_of(request, subject), text_in(body, "text"))
    return answered(request, {"comment": comment.pk}, f"{page_of(subject)}#comment-{comment.pk}")


@posted
def delete_comment(request: HttpRequest, body: Body, pk: int) -> HttpResponseBase:
    """Empty an own comment."""
    comment = _comment(request, pk)
    comments.delete(comment, known_volunteer(request))
    return answered(request, {"comment": comment.pk}, f"{page_of(comment.subject)}#comments")


@posted
def report_comment(request: HttpRequest, body: Body, pk: int) -> HttpResponseBase:
    """Put a comment before the moderators."""
    comment = _comment(request, pk)
    comments.report(comment, _writer_of(request, comment.subject))
    return answered(request, {"comment": comment.pk}, f"{page_of(comment.subject)}#comment-{comment.pk}")


@posted
def change_favourite(request: HttpRequest, body: Body) -> HttpResponseBase:
    """Add to the favourites, or take away: by `token` before the vote is in, which tells nothing, else by `subject`."""
    is_favourite = flag_in(body, "is_favourite")
    told = {"is_favourite": is_favourite}
    if "token" in body:
        set_favourite_by_token(text_in(body, "token"), is_favourite)
        return answered(request, told, reverse("favourites"))
    subject = subject_for(request, id_in(body, "subject"))
    reader_of(request, subject)
    volunteer = volunteer_of(request)
    set_favourite(subject, volunteer, is_favourite)
    response = answered(request, told, page_of(subject))
    remember(response, volunteer)
    return response


@require_safe
@vary_on_cookie
@cache_control(private=True, max_age=60)
def suggested_tags(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The project's most frequent words that begin with `starts`; of a galaxy this tells nothing."""
    project = visible_project(request.user, slug)
    found = tags.words(project, request.GET.get("starts", ""))
    return JsonResponse({"tags": [{"word": tag.word, "n": tag.n} for tag in found]})


def page_of(subject: Subject) -> str:
    """The address of a galaxy's own page."""
    return reverse("galaxy", kwargs={"pk": subject.pk})


def _comment(request: HttpRequest, pk: int) -> Comment:
    """The comment, when it says something and is on a galaxy that the visitor may look up."""
    comment = get_object_or_404(Comment.objects.exclude(text="").select_related("volunteer"), pk=pk)
    comment.subject = subject_for(request, comment.subject_id)
    return comment


def _tags_json(subject: Subject, volunteer: Volunteer | None) -> list[TagJson]:
    return [{"word": tag.word, "n": tag.n, "is_mine": tag.is_mine} for tag in tags.tags_of(subject, volunteer)]
