"""What the tables themselves refuse, and the galaxy's hash."""

import hashlib
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from labelling.models import Classification, Galaxy, Subject
from labelling.models.galaxy import identity_hash, side_of
from tests.labelling.factories import (
    make_galaxy,
    make_project,
    make_subject,
    make_subjects,
    make_volunteers,
    served,
    vote,
)
from tests.labelling.trees import SMOOTH

pytestmark = pytest.mark.django_db


def refused(make, *arguments, **columns):
    with pytest.raises(IntegrityError), transaction.atomic():
        make(*arguments, **columns)


def test_a_galaxys_hash_is_of_its_identity_alone():
    digest = hashlib.sha256(b"gz2/587722981742084144").hexdigest()
    assert identity_hash("gz2", "587722981742084144") == int(digest[:16], 16) // 2
    assert 0 <= identity_hash("gz2", "1") < 2**63


def test_a_galaxys_side_is_where_its_hash_lies():
    quarter = 2**61
    assert side_of(quarter - 2, 0.25) == Galaxy.Side.GATE
    assert side_of(quarter - 1, 0.25) == Galaxy.Side.REPORT
    assert side_of(quarter, 0.25) == Galaxy.Side.POOL
    assert side_of(0, 0.0) == Galaxy.Side.POOL
    assert side_of(2**63 - 1, 1.0) == Galaxy.Side.REPORT


def test_a_tenth_of_galaxies_is_held_out_in_two_halves():
    sides = [side_of(identity_hash("survey", str(i)), 0.1) for i in range(10_000)]
    # 500 expected in each half, standard deviation 22.
    assert abs(sides.count(Galaxy.Side.GATE) - 500) < 100
    assert abs(sides.count(Galaxy.Side.REPORT) - 500) < 100


def test_a_galaxy_is_held_out_or_not():
    assert [Galaxy(side=side).is_holdout for side in Galaxy.Side] == [False, True, True]


@pytest.mark.parametrize("place", [(360, 0), (-1, 0), (10, 90.1), (10, -91), (10, None), (None, 10), (float("nan"), 0)])
def test_a_galaxy_lies_on_the_sky_or_nowhere(place):
    ra_deg, dec_deg = place
    refused(make_galaxy, ra_deg=ra_deg, dec_deg=dec_deg)
    make_galaxy(ra_deg=359.9, dec_deg=-90)
    make_galaxy()


def test_an_identity_is_one_galaxy():
    make_galaxy(survey="gz2", name="1")
    make_galaxy(survey="decals", name="1")
    refused(make_galaxy, survey="gz2", name="1")


def test_a_galaxy_is_one_subject_of_a_project():
    project, other = make_project(), make_project()
    subject = make_subject(project)
    columns = {"galaxy": subject.galaxy, "side": subject.side, "uniform_rank": 1, "counts": []}
    Subject.objects.create(project=other, **columns)
    refused(Subject.objects.create, project=project, **columns)


def test_a_volunteer_has_one_classification_of_a_subject_that_is_not_superseded():
    project = make_project()
    make_subject(project)
    [ada] = make_volunteers(1)
    lease = served(project, ada)
    first = vote(lease, SMOOTH).classification
    columns = {
        "body_sha256": "",
        "assignment": lease,
        "subject": lease.subject,
        "volunteer": ada,
        "tree_version": lease.tree_version,
        "walk": SMOOTH,
    }
    refused(Classification.objects.create, uuid=uuid4(), **columns)
    refused(Classification.objects.create, uuid=first.uuid, superseded_by=first, **columns)
    second = Classification.objects.create(uuid=uuid4(), superseded_by=first, **columns)
    assert second.superseded_by == first


def test_a_volunteer_has_one_open_lease_of_a_subject():
    project = make_project()
    make_subjects(project, 1)
    [ada] = make_volunteers(1)
    lease = served(project, ada)
    lease.pk = None
    refused(lease.save, force_insert=True)
    lease.ended_at = timezone.now()
    lease.save(force_insert=True)
