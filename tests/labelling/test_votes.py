"""Counting the votes again."""

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from labelling.models import Classification, Subject
from labelling.retirement import retire
from labelling.votes import Difference, Tally, recount, tally_again
from tests.labelling.factories import make_project, make_subjects, make_volunteers, served, vote
from tests.labelling.trees import BARRED, SMOOTH

pytestmark = pytest.mark.django_db


def voted_project():
    """Two subjects; the first has one vote for smooth and one for a bar."""
    project = make_project(retirement_limit=2)
    subjects = make_subjects(project, 2)
    for volunteer, walk in zip(make_volunteers(2), (SMOOTH, BARRED), strict=True):
        vote(served(project, volunteer), walk)
    return project, subjects


def test_books_that_balance_show_no_difference(capsys):
    project, _ = voted_project()
    assert recount(project) == []
    call_command("recount", "--project", project.slug)
    assert "balance" in capsys.readouterr().out


def test_a_wrong_count_is_found_and_mended_only_when_asked():
    project, (first, second) = voted_project()
    Subject.objects.filter(pk=first.pk).update(counts=[7, 1, 1, 0])
    Subject.objects.filter(pk=second.pk).update(n_classifications=3, n_late=1)
    differences = [
        Difference(first.pk, Tally((7, 1, 1, 0), 2, 0), Tally((1, 1, 1, 0), 2, 0)),
        Difference(second.pk, Tally((0, 0, 0, 0), 3, 1), Tally((0, 0, 0, 0), 0, 0)),
    ]
    assert recount(project) == differences
    assert recount(project, mend=True) == differences
    assert recount(project) == []


def test_a_superseded_classification_no_longer_counts():
    project, (first, _) = voted_project()
    old, new = Classification.objects.order_by("pk")
    Classification.objects.filter(pk=old.pk).update(superseded_by=new)
    [difference] = recount(project, mend=True)
    assert difference.recounted == Tally((0, 1, 1, 0), 1, 0)
    first.refresh_from_db()
    assert first.counts == [0, 1, 1, 0]


def test_the_command_fails_while_books_differ():
    project, (first, _) = voted_project()
    Subject.objects.filter(pk=first.pk).update(n_classifications=5)
    with pytest.raises(CommandError, match="1 subjects"):
        call_command("recount", "--project", project.slug)
    call_command("recount", "--project", project.slug, "--mend")
    call_command("recount", "--project", project.slug)


def test_an_unknown_project_is_refused():
    with pytest.raises(CommandError, match="nowhere"):
        call_command("recount", "--project", "nowhere")


def take_out(classification: Classification) -> Subject:
    """Undo it as its callers do, and the subject as it is then."""
    subject = Subject.objects.select_for_update(no_key=True).select_related("project").get(pk=classification.subject_id)
    Classification.objects.filter(pk=classification.pk).update(undone_at=timezone.now())
    tally_again([subject], timezone.now())
    subject.refresh_from_db()
    return subject


def test_a_vote_is_taken_out_exactly_and_a_full_subject_opens_again():
    project, (first, _) = voted_project()
    first.refresh_from_db()
    assert first.retired_reason == Subject.Retired.COUNT
    smooth, _ = Classification.objects.order_by("pk")
    opened = take_out(smooth)
    assert (opened.counts, opened.n_classifications) == ([0, 1, 1, 0], 1)
    assert (opened.retired_at, opened.retired_reason) == (None, "")
    assert recount(project) == []


def test_a_subject_that_is_still_full_stays_retired_since_when_it_was():
    project, (first, _) = voted_project()
    first.refresh_from_db()
    project.retirement_limit = 1
    project.save()
    assert take_out(Classification.objects.earliest("pk")).retired_at == first.retired_at


def test_a_broken_image_stays_retired_whatever_is_taken_out():
    project = make_project(retirement_limit=5)
    [subject] = make_subjects(project, 1)
    cast = vote(served(project, make_volunteers(1)[0]), SMOOTH).classification
    retire(subject.pk, Subject.Retired.BROKEN)
    assert take_out(cast).retired_reason == Subject.Retired.BROKEN
