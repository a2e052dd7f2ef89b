"""A researcher's upload, kept under DATA_DIR/uploads until the ingest job reads it; workers share that folder."""

import shutil
import uuid
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile

from labelling.models import Project
from morphology.enqueue import enqueue
from morphology.models import Job

if TYPE_CHECKING:
    Upload = UploadedFile[bytes]
else:  # generic in the stubs alone
    Upload = UploadedFile


def enqueue_ingest(
    project: Project, manifest: Upload, images: list[Upload], *, is_simulated: bool, requested_by: User
) -> Job:
    """Keep the upload and ask a worker to take its galaxies in. One zip is unpacked by the job."""
    folder = settings.DATA_DIR / "uploads" / uuid.uuid4().hex
    folder.mkdir(parents=True)
    manifest_path = _keep(manifest, folder / "manifest.csv")
    arguments: dict[str, Any] = {
        "manifest": str(manifest_path),
        "images": str(_keep_images(images, folder)),
        "survey": project.slug,
        "is_simulated": is_simulated,
    }
    return enqueue(Job.Kind.INGEST, project=project, arguments=arguments, requested_by=requested_by)


def rejects_of(job: Job) -> Path | None:
    """The list of rows that an ingest refused, when it refused any: `ingest` writes it beside the manifest."""
    manifest = job.arguments.get("manifest")
    if job.kind != Job.Kind.INGEST or not isinstance(manifest, str):
        return None
    path = Path(manifest).with_suffix(".rejects.csv")
    return path if path.is_file() else None


def is_zip(images: list[Upload]) -> bool:
    """One zip, rather than the picture files themselves."""
    return len(images) == 1 and (images[0].name or "").lower().endswith(".zip")


def _keep_images(images: list[Upload], folder: Path) -> Path:
    if is_zip(images):
        return _keep(images[0], folder / "images.zip")
    pictures = folder / "images"
    pictures.mkdir()
    for image in images:
        _keep(image, pictures / PurePath(image.name or "").name)
    return pictures


def _keep(uploaded: Upload, path: Path) -> Path:
    with path.open("xb") as out:
        shutil.copyfileobj(uploaded, out)
    return path
