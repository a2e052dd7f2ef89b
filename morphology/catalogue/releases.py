"""Publish a catalogue: written, stored by its sha256, and named by a row for ever."""

import tempfile
from pathlib import Path

from django.db import transaction

from labelling import files
from morphology.catalogue.export import export
from morphology.errors import CatalogueRefused
from morphology.models import Release
from morphology.running import Work


def publish(work: Work) -> Release:
    """Do an export job (arguments: format): write the catalogue and make its release."""
    job = work.job
    if job.project is None:
        raise CatalogueRefused(f"{job} names no project")
    file_format = str(job.arguments.get("format"))
    with tempfile.TemporaryDirectory(prefix=f"catalogue-{job.pk}.{job.attempt}-") as folder:
        written = export(job.project, file_format, Path(folder) / f"catalogue.{file_format}", progress=work.progress)
        sha256 = files.put_file(written.path)
        with transaction.atomic():
            work.fence()
            return Release.objects.create(
                project=job.project,
                model_version=written.model_version,
                format=file_format,
                sha256=sha256,
                n_bytes=written.path.stat().st_size,
                n_rows=written.n_rows,
                columns=written.columns,
                schema_hash=written.schema_hash,
                created_by=job.requested_by,
            )
