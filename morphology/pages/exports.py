"""Catalogues out: ask a worker for one, download a release, and the list of rows that an ingest refused."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from labelling import files
from labelling.errors import FileMissing
from labelling.pages.access import own_project, own_projects
from morphology.enqueue import enqueue
from morphology.models import Job, Release
from morphology.pages.people import signed_in
from morphology.pages.uploads import rejects_of

FORMATS = {"csv": "text/csv", "fits": "application/fits", "parquet": "application/vnd.apache.parquet"}
"""What a catalogue can be written as, and the media type it is sent with."""


@login_required
@require_POST
def ask_export(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask for a catalogue; it appears among the releases when its job is done."""
    project = own_project(request.user, slug)
    wanted = request.POST.get("format", "")
    if wanted not in FORMATS:
        messages.error(request, f"{wanted!r:.40} is not a format we write; expected one of {', '.join(FORMATS)}.")
    else:
        enqueue(Job.Kind.EXPORT, project=project, arguments={"format": wanted}, requested_by=signed_in(request))
        messages.success(request, f"The {wanted} catalogue is being written.")
    return redirect(back(request) or f"/research/{project.slug}/")


@login_required
@require_safe
def release(request: HttpRequest, pk: int) -> HttpResponseBase:
    """A published catalogue, as its researchers and staff may have it; the bytes never change."""
    found = get_object_or_404(
        Release.objects.filter(project__in=own_projects(request.user)).select_related("project"), pk=pk
    )
    try:
        content = files.local_path(found.sha256).open("rb")
    except (FileMissing, FileNotFoundError) as missing:
        raise Http404(f"the file of release {pk} is missing") from missing
    name = f"{found.project.slug}-{found.created_at:%Y%m%d}-{found.pk}.{found.format}"
    media_type = FORMATS.get(found.format, "application/octet-stream")
    response = FileResponse(content, as_attachment=True, filename=name, content_type=media_type)
    response["ETag"] = f'"{found.sha256}"'
    return response


@login_required
@require_safe
def rejects(request: HttpRequest, slug: str, pk: int) -> HttpResponseBase:
    """The rows that an ingest refused, each with its reason."""
    project = own_project(request.user, slug)
    path = rejects_of(get_object_or_404(Job, pk=pk, project=project))
    if path is None:
        raise Http404(f"job {pk} refused no rows")
    name = f"{project.slug}-rejects-{pk}.csv"
    return FileResponse(path.open("rb"), as_attachment=True, filename=name, content_type="text/csv")


def back(request: HttpRequest) -> str:
    """The page of ours that a form names in `next`, or nothing."""
    wanted = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()})
    return wanted if is_ours and wanted.startswith("/") else ""
