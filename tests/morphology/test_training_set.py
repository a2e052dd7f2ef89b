"""What is frozen, and what never is."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from django.contrib.auth.models import User

from labelling import files
from labelling.merging import merge
from labelling.models import Galaxy, Subject, Volunteer
from labelling.undo import undo
from morphology import training_set
from tests.labelling.factories import make_project, make_subjects, make_volunteers, served, vote
from tests.labelling.trees import SMOOTH
from tests.morphology.skies import add_galaxy, make_sky

pytestmark = pytest.mark.django_db


def test_a_frozen_set_holds_the_pools_votes_in_the_order_of_galaxies() -> None:
    project = make_sky(n_pool=0)
    smooth, barred = add_galaxy(project, n_votes=10), add_galaxy(project, n_votes=5, is_barred=True)
    frozen = training_set.freeze(project)
    assert (frozen.n_galaxies, frozen.n_votes, frozen.schema_hash) == (2, 15, project.tree.hash)
    loaded = training_set.load(frozen)
    assert loaded.galaxy_ids.tolist() == [smooth.galaxy_id, barred.galaxy_id]
    assert loaded.votes.counts.tolist() == [[8, 2, 0, 2], [1, 4, 4, 0]]
    assert loaded.votes.totals.tolist() == [[10, 2], [5, 4]]


def test_galaxies_without_votes_and_hold_out_galaxies_are_left_out() -> None:
    project = make_sky(n_pool=3, n_gate=2, n_report=2)
    add_galaxy(project, n_votes=0)
    frozen = training_set.freeze(project)
    sides = Galaxy.objects.filter(pk__in=training_set.load(frozen).galaxy_ids.tolist()).values_list("side", flat=True)
    assert list(sides) == ["pool"] * 3


def test_the_same_votes_give_the_same_bytes_and_one_more_vote_others() -> None:
    project = make_sky(n_pool=3)
    first, again = training_set.freeze(project), training_set.freeze(project)
    assert first.manifest_sha256 == again.manifest_sha256
    subject = Subject.objects.filter(project=project).first()
    assert subject is not None
    subject.counts[0] += 1
    subject.n_classifications += 1
    subject.save()
    assert training_set.freeze(project).manifest_sha256 != first.manifest_sha256


def test_votes_that_come_after_the_freeze_do_not_change_it() -> None:
    project = make_sky(n_pool=3)
    frozen = training_set.freeze(project)
    Subject.objects.filter(project=project).update(n_classifications=99)
    assert training_set.load(frozen).votes.totals[:, 0].tolist() == [10, 10, 10]


def test_a_vote_that_is_taken_back_stays_in_the_sets_that_were_frozen_before() -> None:
    project = make_project()
    make_subjects(project, 2)
    for volunteer in make_volunteers(2):
        cast = [vote(served(project, volunteer), SMOOTH).classification for _ in range(2)]
    frozen = training_set.freeze(project)
    content = files.read(frozen.manifest_sha256)
    undo(cast[-1].uuid, cast[-1].volunteer)
    frozen.refresh_from_db()
    assert files.read(frozen.manifest_sha256) == content
    assert training_set.load(frozen).votes.totals[:, 0].tolist() == [2, 2]
    assert training_set.load(training_set.freeze(project)).votes.totals[:, 0].tolist() == [2, 1]


def test_the_manifest_says_how_each_galaxy_came_to_be_labelled() -> None:
    project = make_sky(n_pool=2)
    Subject.objects.filter(project=project).order_by("id").update(first_arm="unscored", inclusion_probability=0.25)
    with files.open_stored(training_set.freeze(project).manifest_sha256) as stored:
        table = pq.read_table(stored)
    assert table["arm"].to_pylist() == ["unscored"] * 2
    assert table["inclusion_probability"].to_pylist() == [0.25, 0.25]


def test_a_set_of_no_votes_is_empty() -> None:
    loaded = training_set.load(training_set.freeze(make_project()))
    assert loaded.galaxy_ids.shape == (0,)
    assert np.asarray(loaded.votes.counts).shape[0] == 0


def test_a_vote_that_a_sign_in_supersedes_stays_in_the_sets_that_were_frozen_before(ada: User) -> None:
    project = make_project()
    make_subjects(project, 1)
    own, anonymous = Volunteer.objects.create(user=ada), Volunteer.objects.create()
    for volunteer in (own, anonymous):
        vote(served(project, volunteer), SMOOTH)
    frozen = training_set.freeze(project)
    merge(anonymous, own)
    assert training_set.load(frozen).votes.totals[:, 0].tolist() == [2]
    assert training_set.freeze(project).n_votes == 1
