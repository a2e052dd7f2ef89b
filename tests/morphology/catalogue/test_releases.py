import hashlib

import pytest

from labelling import files
from morphology.catalogue.releases import publish
from morphology.enqueue import cancel
from morphology.errors import CatalogueRefused, JobLost
from morphology.jobs import KINDS
from morphology.models import Job, Release
from morphology.running import perform
from tests.morphology.catalogue.tables import known_project, make_model
from tests.morphology.skies import make_work

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("file_format", ["csv", "fits", "parquet"])
def test_an_export_job_makes_a_release(cleo, file_format):
    project = known_project()
    model = make_model(project, [], {project.subjects.earliest("galaxy_id").galaxy_id: 0.5})
    work = make_work(Job.Kind.EXPORT, project, arguments={"format": file_format}, requested_by=cleo)
    perform(work, KINDS[Job.Kind.EXPORT], then=lambda job: None)
    job = Job.objects.get(pk=work.job.pk)
    assert (job.state, job.n_done, job.n_total) == (Job.State.DONE, 4, 4)
    release = Release.objects.get()
    assert (release.project, release.model_version, release.format) == (project, model, file_format)
    assert (release.n_rows, release.created_by, release.schema_hash) == (4, cleo, project.tree.hash)
    content = files.read(release.sha256)
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (release.sha256, release.n_bytes)
    assert [column["name"] for column in release.columns][:3] == ["id_str", "survey", "ra"]


def test_a_worker_that_lost_its_job_releases_nothing():
    work = make_work(Job.Kind.EXPORT, known_project(), arguments={"format": "csv"})
    cancel(work.job)
    with pytest.raises(JobLost):
        publish(work)
    assert not Release.objects.exists()


def test_an_unknown_format_is_refused():
    work = make_work(Job.Kind.EXPORT, known_project(), arguments={"format": "xlsx"})
    with pytest.raises(CatalogueRefused, match="'xlsx' is no format of ours; expected one of csv, fits, parquet"):
        publish(work)
