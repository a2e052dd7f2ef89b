"""The jobs that look at all votes: weighing, and counting a volunteer's anew."""

import numpy as np
import pandas as pd
import pytest
from django.conf import settings
from django.core.management import call_command

from labelling.models import Skill, Subject, Volunteer
from labelling.setting_aside import set_aside
from labelling.votes import recount
from morphology import training_set
from morphology.catalogue.export import export
from morphology.enqueue import enqueue, start_cycle
from morphology.errors import JobLost
from morphology.jobs import KINDS, look_at_conduct
from morphology.models import Job
from morphology.running import claim, perform
from morphology.weighing import start_due_weighings
from tests.labelling.factories import make_project, make_subjects, make_volunteers, served, vote
from tests.labelling.trees import BARRED, BOXES, SMOOTH
from tests.morphology.skies import make_work

pytestmark = pytest.mark.django_db


def voted(n_subjects=3, tree=None, walks=(SMOOTH, SMOOTH, BARRED)):
    project = make_project(**({"tree": tree} if tree else {}))
    make_subjects(project, n_subjects)
    volunteers = make_volunteers(len(walks))
    for volunteer, walk in zip(volunteers, walks, strict=True):
        for _ in range(n_subjects):
            vote(served(project, volunteer), walk)
    return project, volunteers


def do(kind, project, **arguments):
    work = make_work(kind, project, arguments=arguments)
    perform(work, KINDS[kind], lambda job: None)
    return work.job


def test_weighing_is_a_job_that_says_what_it_did():
    project, _ = voted()
    job = do(Job.Kind.WEIGH, project)
    assert (job.state, job.message) == ("done", "9 classifications by 3 volunteers on 3 galaxies")
    assert (job.n_done, job.n_total) == (27, 27)
    assert Skill.objects.count() == 4  # one was asked about bars, too


def test_a_project_without_votes_is_weighed_in_no_time():
    assert do(Job.Kind.WEIGH, make_project()).state == "done"


def test_a_weighing_that_was_given_to_another_worker_writes_nothing():
    project, _ = voted()
    work = make_work(Job.Kind.WEIGH, project)
    Job.objects.update(attempt=9)
    with pytest.raises(JobLost):
        KINDS[Job.Kind.WEIGH](work)
    assert not Skill.objects.exists()
    assert not Subject.objects.filter(weighted_counts__isnull=False).exists()


def test_a_cycle_makes_one_weighing_due():
    project, _ = voted()
    assert start_due_weighings() == []
    start_cycle(project, "a test")
    assert [job.kind for job in start_due_weighings()] == [Job.Kind.WEIGH]
    assert start_due_weighings() == []


def test_an_export_weighs_before_and_its_columns_stand_beside_the_plain_ones(tmp_path):
    project, _ = voted()
    before = pd.read_parquet(export(project, "parquet", tmp_path / "a.parquet").path)
    weighted = [name for name in before if "_weighted-" in name]
    assert len(weighted) == 4 + 2
    assert before[weighted].isna().all(axis=None)  # never weighed
    do(Job.Kind.EXPORT, project, format="csv")
    after = pd.read_parquet(export(project, "parquet", tmp_path / "b.parquet").path)
    row, weight = after.iloc[0], Skill.objects.earliest("weight").weight
    assert (row["shape_smooth"], row["shape_total-votes"]) == (2, 3)
    assert row["shape_smooth_fraction"] == pytest.approx(2 / 3)
    assert weight < 1
    shape = Skill.objects.get(question="shape", weight__lt=1).weight
    assert row["shape_weighted-total"] == pytest.approx(2 + shape, rel=1e-4)
    assert row["shape_smooth_weighted-fraction"] == pytest.approx(2 / (2 + shape), rel=1e-4)
    assert row["bar_yes_weighted-fraction"] == 1


def test_what_nobody_was_asked_is_empty_by_weight_too(tmp_path):
    project, _ = voted(walks=(SMOOTH, SMOOTH))
    call_command("weigh_votes", project=project.slug)
    row = pd.read_parquet(export(project, "parquet", tmp_path / "a.parquet").path).iloc[0]
    assert row["shape_smooth_weighted-fraction"] == 1
    assert np.isnan([row["bar_weighted-total"], row["bar_yes_weighted-fraction"]]).all()


def test_boxes_are_parts_of_those_who_were_asked(tmp_path):
    walks = [{"odd": "yes", "features": ["ring"]}, {"odd": "yes", "features": []}]
    project, _ = voted(tree=BOXES, walks=walks)
    do(Job.Kind.WEIGH, project)
    row = pd.read_parquet(export(project, "parquet", tmp_path / "a.parquet").path).iloc[0]
    assert 0 < row["features_ring_weighted-fraction"] < 1
    assert row["features_lens_weighted-fraction"] == 0
    assert row["features_weighted-total"] > 0


def retallied(volunteer: Volunteer) -> Job:
    return enqueue(Job.Kind.RETALLY, project=None, arguments={"volunteer": volunteer.pk})


def test_a_volunteers_votes_leave_the_counts_by_a_job_that_goes_on_where_it_was(monkeypatch):
    monkeypatch.setattr("labelling.setting_aside.N_AT_ONCE", 2)
    project, volunteers = voted(n_subjects=5)
    set_aside(volunteers[0], by=None, why="a test")
    job = retallied(volunteers[0])
    work = claim(job.pk, "one")
    ids = sorted(project.subjects.values_list("pk", flat=True))
    fences = iter([work.fence, InterruptedError])

    def killed_in_the_second_batch():
        fence = next(fences)
        if fence is InterruptedError:
            raise InterruptedError
        fence()

    monkeypatch.setattr(work, "fence", killed_in_the_second_batch)
    with pytest.raises(InterruptedError):
        KINDS[Job.Kind.RETALLY](work)
    assert Job.objects.get().arguments["after"] == ids[1]
    assert len(recount(project)) == 3
    Job.objects.update(state="queued")
    perform(claim(job.pk, "two"), KINDS[Job.Kind.RETALLY], lambda job: None)
    assert (Job.objects.get().state, Job.objects.get().message) == ("done", "the counts of 3 galaxies changed")
    assert recount(project) == []


def test_a_frozen_training_set_does_not_change():
    project, volunteers = voted(n_subjects=2)
    project.subjects.update(side="pool")
    frozen = training_set.freeze(project)
    before = training_set.load(frozen).votes.counts.tolist()
    set_aside(volunteers[0], by=None, why="a test")
    work = claim(retallied(volunteers[0]).pk, "test")
    perform(work, KINDS[Job.Kind.RETALLY], lambda job: None)
    frozen.refresh_from_db()
    assert training_set.load(frozen).votes.counts.tolist() == before
    assert frozen.n_votes == 6
    assert training_set.freeze(project).n_votes == 4


def test_beat_looks_at_conduct():
    look_at_conduct.apply(throw=True)
    assert settings.CELERY_BEAT_SCHEDULE["look at conduct"]["task"] == look_at_conduct.name
