"""Favourites and collections: the volunteer's own, those behind a link, and the public ones of a project."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from labelling import collections
from labelling.disclosure import seen_by
from labelling.errors import TalkRefused
from labelling.identity import known_volunteer, remember, volunteer_of
from labelling.models import Collection, Favourite, Subject, Volunteer
from labelling.pages.access import moderated_projects, visible_project, visible_projects
from labelling.pages.posted import Body, answered, flag_in, id_in, posted
from labelling.pages.tags import Card, card_of, with_pictures
from labelling.pages.talk import change_favourite, page_of, reader_of, subject_for
from labelling.translating import translated

PAGE = 48

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Collection]
else:  # generic in the stubs alone
    ModelForm = forms.ModelForm


class CollectionForm(ModelForm):
    """What a collection is called, what it is about, and who may find it."""

    class Meta:
        model = Collection
        fields: ClassVar = ["title", "text", "is_public"]
        labels: ClassVar = {
            "title": gettext_lazy("Title"),
            "text": gettext_lazy("What it is about"),
            "is_public": gettext_lazy("Public: listed among the project’s collections"),  # noqa: RUF001 - as it is set in print,
        }
        help_texts: ClassVar = {
            "title": "",
            "text": "",
            "is_public": gettext_lazy("Else only who has its link sees it."),
        }
        widgets: ClassVar = {"text": forms.Textarea(attrs={"rows": 2, "maxlength": 500})}


@never_cache
def favourites(request: HttpRequest) -> HttpResponseBase:
    """POST adds or takes away; GET lists them, newest first, page by page."""
    if request.method == "POST":
        response: HttpResponseBase = change_favourite(request)
        return response
    volunteer = known_volunteer(request)
    found = Favourite.objects.filter(volunteer=volunteer) if volunteer else Favourite.objects.none()
    rows = list(_before(request, found).order_by("-pk").values_list("pk", "subject")[: PAGE + 1])
    context = {
        "cards": _cards([subject for _, subject in rows[:PAGE]], _seen(request, volunteer)),
        "before": rows[PAGE - 1][0] if len(rows) > PAGE else None,
        "is_first": "before" not in request.GET,
    }
    return render(request, "labelling/favourites.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def own_collections(request: HttpRequest) -> HttpResponseBase:
    """The volunteer's own, and a form for another; `subject` in the form is put into it at once."""
    form = CollectionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = _made(request, form)
        if made is not None:
            return made
    volunteer = known_volunteer(request)
    found = volunteer.collections.annotate(n=Count("items")).order_by("-pk") if volunteer else Collection.objects.none()
    context = {"collections": found, "form": form, "can_publish": request.user.is_authenticated}
    return render(request, "labelling/collections.html", context, status=422 if form.errors else 200)


def _made(request: HttpRequest, form: CollectionForm) -> HttpResponseBase | None:
    """The page to go on to; None when it was refused, which the form then says."""
    volunteer = volunteer_of(request)
    try:
        subject = subject_for(request, id_in(request.POST.dict(), "subject")) if "subject" in request.POST else None
        if subject is not None:
            reader_of(request, subject)
        collection = collections.make(volunteer, **form.cleaned_data)
    except TalkRefused as refused:
        form.add_error(None, str(refused))
        return None
    if subject is not None:
        collections.place(collection, subject, True)
    messages.success(request, gettext("“%(title)s” is made.") % {"title": collection.title})
    response = redirect(f"{page_of(subject)}#collections" if subject else _address(collection))
    remember(response, volunteer)
    return response


@require_safe
@never_cache
def collection_page(request: HttpRequest, key: str) -> HttpResponse:
    """A collection, to whoever has its address; of galaxies that the visitor is yet to classify, their number alone."""
    collection = _one(key)
    volunteer = known_volunteer(request)
    items = _before(request, collection.items.all())
    visible = Subject.objects.filter(project__in=visible_projects(request.user)).filter(_seen(request, volunteer))
    is_own = volunteer is not None and collection.volunteer_id == volunteer.pk
    rows = items if is_own else items.filter(subject__in=visible)
    page = list(rows.order_by("-pk").values_list("pk", "subject")[: PAGE + 1])
    n = collection.items.count()
    context = {
        "collection": collection,
        "n": n,
        "n_closed": 0 if is_own else n - collection.items.filter(subject__in=visible).count(),
        "cards": _cards([subject for _, subject in page[:PAGE]], _seen(request, volunteer)),
        "before": page[PAGE - 1][0] if len(page) > PAGE else None,
        "is_first": "before" not in request.GET,
        "is_own": is_own,
        "can_withdraw": collection.is_public and not is_own and _moderates(request, collection),
        "link": request.build_absolute_uri(_address(collection)),
    }
    response = render(request, "labelling/collection.html", context)
    if not collection.is_public:
        response["X-Robots-Tag"] = "noindex, nofollow"
        response["Referrer-Policy"] = "no-referrer"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def change_collection(request: HttpRequest, key: str) -> HttpResponseBase:
    """Rename, describe, make public or private; its owner alone."""
    collection = _own(request, key)
    form = CollectionForm(request.POST or None, instance=_one(key))
    if request.method == "POST" and form.is_valid():
        try:
            collections.change(collection, **form.cleaned_data)
        except TalkRefused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, gettext("Saved."))
            return redirect(_address(collection))
    context = {"collection": collection, "form": form, "can_publish": request.user.is_authenticated}
    return render(request, "labelling/collection_form.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def delete_collection(request: HttpRequest, key: str) -> HttpResponseBase:
    """Asked whether; then gone. The galaxies stay where they are."""
    collection = _own(request, key)
    if request.method == "POST":
        collection.delete()
        messages.success(request, gettext("“%(title)s” is deleted.") % {"title": collection.title})
        return redirect("collections")
    context = {"collection": collection, "n": collection.items.count()}
    return render(request, "labelling/collection_delete.html", context)


@posted
def collect(request: HttpRequest, body: Body, key: str) -> HttpResponseBase:
    """Put a galaxy into an own collection, or take it out."""
    collection = _one(key)
    collections.check_owner(collection, known_volunteer(request))
    is_in = flag_in(body, "is_in")
    if is_in:
        subject = subject_for(request, id_in(body, "subject"))
        reader_of(request, subject)
    else:
        subject = get_object_or_404(Subject, pk=id_in(body, "subject"), collections=collection)
    collections.place(collection, subject, is_in)
    to = _address(collection) if body.get("to") == "collection" else f"{page_of(subject)}#collections"
    return answered(request, {"is_in": is_in}, to)


@posted
def renew_link(request: HttpRequest, body: Body, key: str) -> HttpResponseBase:
    """A new link for an own private collection; the old one opens nothing from then on."""
    collection = _own(request, key)
    collections.renew_link(collection)
    messages.success(request, gettext("The collection has a new link. The old one no longer opens it."))
    return answered(request, {"link_key": collection.link_key}, _address(collection))


@posted
def withdraw_collection(request: HttpRequest, body: Body, key: str) -> HttpResponseBase:
    """A moderator takes somebody's public collection off the list: it is private from then on."""
    collection = _one(key)
    if not collection.is_public or not _moderates(request, collection):
        raise Http404("no public collection of a project that this visitor moderates")
    collections.change(collection, collection.title, collection.text, is_public=False)
    messages.success(request, gettext("The collection is no longer public."))
    return answered(request, {"is_public": False}, reverse("home"))


@require_safe
@never_cache
def project_collections(request: HttpRequest, slug: str) -> HttpResponse:
    """The public collections with galaxies of this project, newest first."""
    project = visible_project(request.user, slug)
    found = _before(request, collections.public_collections(project)).select_related("volunteer")
    page = list(found.annotate(n=Count("items"))[: PAGE + 1])
    context = {
        "project": translated(project),
        "collections": page[:PAGE],
        "before": page[PAGE - 1].pk if len(page) > PAGE else None,
        "is_first": "before" not in request.GET,
    }
    return render(request, "labelling/project_collections.html", context)


def _one(key: str) -> Collection:
    return get_object_or_404(Collection.objects.select_related("volunteer"), link_key=key)


def _own(request: HttpRequest, key: str) -> Collection:
    """The collection, or 404 to everybody but its owner, as for a wrong key."""
    volunteer = known_volunteer(request)
    if volunteer is None:
        raise Http404("no collection of this visitor")
    return get_object_or_404(volunteer.collections, link_key=key)


def _address(collection: Collection) -> str:
    return reverse("collection", kwargs={"key": collection.link_key})


def _moderates(request: HttpRequest, collection: Collection) -> bool:
    return moderated_projects(request.user).filter(subjects__collections=collection).exists()


def _seen(request: HttpRequest, volunteer: Volunteer | None) -> Q:
    """Which subjects' pages open to this visitor."""
    return seen_by(volunteer) | Q(project__in=moderated_projects(request.user))


def _cards(subject_ids: list[int], seen: Q) -> list[tuple[Card, bool]]:
    """The subjects in this order, each with whether its page opens to this visitor."""
    subjects = with_pictures(Subject.objects.filter(pk__in=subject_ids)).in_bulk()
    is_open = set(Subject.objects.filter(seen, pk__in=subject_ids).values_list("pk", flat=True))
    return [(card_of(subjects[pk]), pk in is_open) for pk in subject_ids if pk in subjects]


def _before(request: HttpRequest, rows: "QuerySet[Any]") -> "QuerySet[Any]":
    """The rows from `?before=` on, by falling id; all of them where it says nothing."""
    before = request.GET.get("before", "")
    return rows.filter(pk__lt=int(before)) if before.isdecimal() and len(before) < 19 else rows
