"""The look back on the last ten."""

import pytest

from labelling.models import Image
from labelling.rounds import n_classified, round_of
from labelling.undo import undo
from tests.labelling.factories import make_project, make_subjects, make_volunteers, served, vote
from tests.labelling.trees import SMOOTH

pytestmark = pytest.mark.django_db


def test_those_that_nobody_had_classified_before_are_found_with_their_pictures():
    project = make_project()
    subjects = make_subjects(project, 11)
    for position in (1, 0):
        Image.objects.create(
            galaxy=subjects[3].galaxy,
            position=position,
            originals=[],
            page_sha256=str(position) * 64,
            page_width_px=1,
            page_height_px=1,
        )
    ben, ada, later = make_volunteers(3)
    for _ in range(3):
        vote(served(project, ben), SMOOTH)
    for _ in range(10):
        vote(served(project, ada), SMOOTH)
    vote(served(project, later), SMOOTH)
    first = round_of(ada, project).first
    assert [galaxy for galaxy, _ in first] == [subject.galaxy for subject in subjects[3:10]]
    assert [picture and picture.position for _, picture in first] == [0] + [None] * 6


def test_only_the_last_ten_count_and_what_was_taken_back_does_not():
    project = make_project()
    make_subjects(project, 13)
    ben, ada = make_volunteers(2)
    undo(vote(served(project, ben), SMOOTH).classification.uuid, ben)
    for _ in range(12):
        vote(served(project, ada), SMOOTH)
    assert n_classified(ada, project) == 12
    assert len(round_of(ada, project).first) == 10
