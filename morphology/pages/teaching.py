"""`/research/<slug>/teaching/`: a project's own tutorial, field guide and example pictures."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import PIL.Image
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import models, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from labelling.errors import IngestError
from labelling.guide import EXAMPLES, PageJson, PictureJson, guide_of, our_field_guide, practises_in
from labelling.ingest.lessons import MAX_BYTES, store_lesson, store_picture
from labelling.ingest.raster import Picture
from labelling.models import Example, GuidePage, Project
from labelling.pages.access import own_project
from labelling.tutorial import steps
from morphology.pages.uploads import Upload

if TYPE_CHECKING:
    GuidePageForm = forms.ModelForm[GuidePage]
else:  # generic in the stubs alone
    GuidePageForm = forms.ModelForm

MAX_PAGES = 60
MAX_EXAMPLES = 6  # of an answer


def _stored(upload: Upload | None) -> str:
    """The sha256 of a picture that was sent, as it is shown; a form's error when it is none."""
    if upload is None:
        return ""
    if (upload.size or 0) > MAX_BYTES:
        raise forms.ValidationError(f"{upload.size} bytes; expected at most {MAX_BYTES}")
    try:
        return store_lesson(upload.name or "picture", upload.read())
    except IngestError as refused:
        raise forms.ValidationError(str(refused)) from refused


class PageForm(GuidePageForm):
    """A step of the tutorial, or an entry of the field guide."""

    picture = forms.FileField(
        required=False, label=_("Picture"), help_text=_("JPEG, PNG or TIFF; it is made to fit 800 pixels.")
    )
    without_picture = forms.BooleanField(required=False, label=_("Take the present picture away"))

    class Meta:
        model = GuidePage
        fields: ClassVar = ["title", "text", "picture", "picture_alt", "without_picture"]
        labels: ClassVar = {"title": _("Title"), "text": _("Text"), "picture_alt": _("The picture in words")}
        help_texts: ClassVar = {
            "text": _("Plain text; an empty line begins a new paragraph."),
            "picture_alt": _("For volunteers who do not see it."),
        }
        widgets: ClassVar = {"text": forms.Textarea(attrs={"rows": 6})}

    def clean(self) -> dict[str, Any]:
        """Store the picture once all else is right."""
        cleaned = super().clean() or {}
        picture = cleaned.get("picture")
        if picture and not cleaned.get("picture_alt"):
            self.add_error("picture_alt", gettext("Say what the picture shows."))
        if not self.errors and picture:
            try:
                self.instance.picture_sha256 = _stored(picture)
            except forms.ValidationError as refused:
                self.add_error("picture", refused)
        elif cleaned.get("without_picture"):
            self.instance.picture_sha256 = ""
        return cleaned


class ExampleForm(forms.Form):
    """A picture of what an answer looks like."""

    column = forms.ChoiceField(label=_("Answer"))
    picture = forms.FileField(
        label=_("Picture"), help_text=_("JPEG, PNG or TIFF. Your pictures stand in place of ours for this answer.")
    )
    caption = forms.CharField(
        max_length=200, label=_("Caption"), help_text=_("What to look for; it is read to those who do not see it.")
    )

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.project = project
        field = self.fields["column"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            (question.text, [(f"{question.key}_{answer.key}", answer.text) for answer in question.answers])
            for question in project.tree.questions
        ]

    def clean_column(self) -> str:
        column: str = self.cleaned_data["column"]
        if Example.objects.filter(project=self.project, column=column).count() >= MAX_EXAMPLES:
            raise forms.ValidationError(gettext("This answer has enough pictures: delete one first."))
        return column

    def clean_picture(self) -> str:
        return _stored(self.cleaned_data["picture"])


@dataclass(frozen=True)
class Section:
    """The tutorial, or the field guide: its own pages, or ours that stand in."""

    kind: GuidePage.Kind
    own: list[GuidePage]
    ours: list[PageJson]


@dataclass(frozen=True)
class Answer:
    """An answer with its pictures: its own, or ours that stand in."""

    question: str
    text: str
    own: list[Example]
    ours: list[PictureJson]


@login_required
@never_cache
@require_safe
def teaching(request: HttpRequest, slug: str) -> HttpResponse:
    """Everything that the project teaches, as volunteers see it, with what changes it."""
    project = own_project(request.user, slug)
    return _page(request, project, ExampleForm(project))


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def edit_page(request: HttpRequest, slug: str, kind: str, pk: int | None = None) -> HttpResponse:
    """Write a page, or change one."""
    project = own_project(request.user, slug)
    page = _own_page(project, pk) if pk else _new_page(project, kind)
    is_sent = request.method == "POST"
    form = PageForm(request.POST if is_sent else None, request.FILES if is_sent else None, instance=page)
    if is_sent and form.is_valid():
        form.save()
        return redirect("teaching", slug=slug)
    context = {"project": project, "form": form, "page": page}
    return render(request, "research/guide_page.html", context, status=422 if is_sent else 200)


@login_required
@require_POST
def change_page(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Move a page up or down, or delete it."""
    page = _own_page(own_project(request.user, slug), pk)
    _change(page, GuidePage.objects.filter(project=page.project_id, kind=page.kind), request)
    return redirect("teaching", slug=slug)


@login_required
@require_POST
def begin_with_ours(request: HttpRequest, slug: str, kind: str) -> HttpResponse:
    """Copy our tutorial or field guide into the project, to be changed there; not where it has pages already."""
    project = own_project(request.user, slug)
    if kind not in GuidePage.Kind.values or GuidePage.objects.filter(project=project, kind=kind).exists():
        raise Http404(f"{kind!r} cannot be begun with ours")
    own = _tutorial_to_begin_with(project) if kind == GuidePage.Kind.TUTORIAL else _field_guide_to_begin_with(project)
    for position, page in enumerate(own):
        page.position = position
    GuidePage.objects.bulk_create(own)
    return redirect("teaching", slug=slug)


@login_required
@require_POST
def add_example(request: HttpRequest, slug: str) -> HttpResponse:
    """Add a picture to an answer, after those that it has."""
    project = own_project(request.user, slug)
    form = ExampleForm(project, request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, project, form, status=422)
    sent = form.cleaned_data
    Example.objects.create(
        project=project,
        column=sent["column"],
        position=Example.objects.filter(project=project, column=sent["column"]).count(),
        picture_sha256=sent["picture"],
        caption=sent["caption"],
    )
    messages.success(request, gettext("The picture is added."))
    return redirect("teaching", slug=slug)


@login_required
@require_POST
def change_example(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Move a picture up or down among its answer's, or delete it."""
    example = Example.objects.filter(project=own_project(request.user, slug), pk=pk).first()
    if example is None:
        raise Http404(f"no example {pk} in {slug!r}")
    _change(example, Example.objects.filter(project=example.project_id, column=example.column), request)
    return redirect("teaching", slug=slug)


def _page(request: HttpRequest, project: Project, form: ExampleForm, *, status: int = 200) -> HttpResponse:
    guide = guide_of(project)
    own = {kind: list(GuidePage.objects.filter(project=project, kind=kind)) for kind in GuidePage.Kind}
    ours: dict[GuidePage.Kind, list[PageJson]] = {
        GuidePage.Kind.TUTORIAL: guide["tutorial"],
        GuidePage.Kind.FIELD_GUIDE: [*guide["field_guide"]],
    }
    context = {
        "project": project,
        "sections": [Section(kind, own[kind], [] if own[kind] else ours[kind]) for kind in GuidePage.Kind],
        "answers": _answers(project, guide["examples"]),
        "form": form,
    }
    return render(request, "research/teaching.html", context, status=status)


def _answers(project: Project, shown: dict[str, list[PictureJson]]) -> list[Answer]:
    own: dict[str, list[Example]] = {}
    for example in Example.objects.filter(project=project):
        own.setdefault(example.column, []).append(example)
    return [
        Answer(question.text, answer.text, own.get(column, []), [] if column in own else shown.get(column, []))
        for question in project.tree.questions
        for answer, column in zip(question.answers, question.columns, strict=True)
    ]


def _own_page(project: Project, pk: int) -> GuidePage:
    page = GuidePage.objects.filter(project=project, pk=pk).first()
    if page is None:
        raise Http404(f"no page {pk} in {project.slug!r}")
    return page


def _new_page(project: Project, kind: str) -> GuidePage:
    pages = GuidePage.objects.filter(project=project, kind=kind)
    if kind not in GuidePage.Kind.values or pages.count() >= MAX_PAGES:
        raise Http404(f"no more pages of kind {kind!r}")
    last = pages.order_by("position").last()
    return GuidePage(project=project, kind=kind, position=last.position + 1 if last else 0)


@transaction.atomic
def _change(row: GuidePage | Example, siblings: "models.QuerySet[Any]", request: HttpRequest) -> None:
    """Delete the row, or exchange it with the one before or after it; positions are counted anew."""
    if "delete" in request.POST:
        row.delete()
        return
    rows = list(siblings.select_for_update().order_by("position", "pk"))
    at = rows.index(row)
    to = at + (-1 if "up" in request.POST else 1)
    if 0 <= to < len(rows):
        rows[at], rows[to] = rows[to], rows[at]
    for position, each in enumerate(rows):
        each.position = position
    siblings.model.objects.bulk_update(rows, ["position"])


def _tutorial_to_begin_with(project: Project) -> list[GuidePage]:
    return [
        GuidePage(
            project=project,
            kind=GuidePage.Kind.TUTORIAL,
            title=str(step.title),
            text=str(step.text),
            picture_sha256=_copied(f"{step.picture}.webp"),
            picture_alt=str(step.alt),
        )
        for step in steps(practises=practises_in(project))
    ]


def _field_guide_to_begin_with(project: Project) -> list[GuidePage]:
    """A page a question, a paragraph an answer."""
    pages = []
    for entry in our_field_guide(project.tree):
        answers = [": ".join(filter(None, (answer["title"], answer["text"]))) for answer in entry["answers"]]
        text = "\n\n".join(part for part in (entry["text"], *answers) if part)
        pages.append(GuidePage(project=project, kind=GuidePage.Kind.FIELD_GUIDE, title=entry["title"][:120], text=text))
    return pages


def _copied(file: str) -> str:
    """One of our pictures as the project's own."""
    with PIL.Image.open(EXAMPLES / file) as picture:
        return store_picture(Picture(picture.convert("RGB")))
