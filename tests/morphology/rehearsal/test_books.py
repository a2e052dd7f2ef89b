"""Each way in which the books can be out of balance is found, and named."""

import csv
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from labelling.assignment import serve, token
from labelling.classification import accept
from labelling.models import Classification, Galaxy, Project, Subject
from labelling.undo import undo
from morphology.catalogue.export import export
from morphology.rehearsal.books import Books, balance
from morphology.rehearsal.sky import write_manifest
from morphology.rehearsal.volunteers import Outcome, Visit, Vote
from tests.labelling.factories import make_project, make_subject, make_subjects, make_volunteers
from tests.labelling.trees import SMOOTH, UNBARRED

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    """Two galaxies in the pool, which retire at three votes."""
    project = make_project(retirement_limit=3)
    make_subjects(project, 2)
    return project


def cast(project: Project, n_votes: int) -> list[Visit]:
    """Votes as volunteers would cast them, and their own account of it."""
    visits = [Visit(Outcome.LEFT)]
    for volunteer in make_volunteers(n_votes):
        assignment = serve(project, volunteer)
        assert assignment is not None
        vote = Vote(uuid4(), assignment.subject.galaxy.name, SMOOTH, "", was_doubled=False, person=uuid4())
        accept(token=token(assignment), uuid=vote.uuid, walk=SMOOTH)
        visits.append(Visit(Outcome.VOTED, vote))
    return visits


def last_of(visits: list[Visit]) -> Vote:
    vote = visits[-1].vote
    assert vote is not None
    return vote


def books_of(project: Project, visits: list[Visit], tmp_path: Path) -> Books:
    catalogue = tmp_path / "catalogue.csv"
    export(project, "csv", catalogue)
    return balance(project, visits, catalogue)


def change_mind(visits: list[Visit]) -> list[Visit]:
    """The last vote taken back and cast again."""
    vote = last_of(visits)
    stored = Classification.objects.get(uuid=vote.uuid)
    again = replace(vote, uuid=uuid4(), took_back=vote.uuid)
    accept(token=token(undo(vote.uuid, stored.volunteer).assignment), uuid=again.uuid, walk=SMOOTH)
    return [*visits[:-1], Visit(Outcome.VOTED, again)]


def test_a_vote_that_was_taken_back_and_cast_again_balances(project: Project, tmp_path: Path) -> None:
    books = books_of(project, change_mind(cast(project, 3)), tmp_path)
    assert books.problems == []
    assert (books.sent, books.stored, books.counted, books.taken_back) == (3, 3, 3, 1)


def test_a_vote_that_was_taken_back_and_nobody_asked_for_it_is_found(project: Project, tmp_path: Path) -> None:
    visits = change_mind(cast(project, 1))
    told = replace(last_of(visits), took_back=None)
    [problem] = books_of(project, [Visit(Outcome.VOTED, told)], tmp_path).problems
    assert problem.endswith(f"was taken back for None, and {told.uuid} stands in its place")


def test_votes_that_are_stored_counted_and_exported_balance(project: Project, tmp_path: Path) -> None:
    books = books_of(project, cast(project, 4), tmp_path)
    assert books.problems == []
    assert (books.sent, books.stored, books.counted, books.exported, books.given_back) == (4, 4, 4, 4, 1)


def test_a_vote_that_was_sent_and_not_stored_is_found(project: Project, tmp_path: Path) -> None:
    visits = cast(project, 1)
    lost = replace(last_of(visits), uuid=uuid4(), person=uuid4())
    books = books_of(project, [*visits, Visit(Outcome.VOTED, lost)], tmp_path)
    assert f"vote {lost.uuid} was sent and not stored" in books.problems
    assert not books.are_balanced


def test_a_vote_that_nobody_sent_is_found(project: Project, tmp_path: Path) -> None:
    books = books_of(project, cast(project, 2)[:-1], tmp_path)
    assert any(problem.endswith("was stored and never sent") for problem in books.problems)


def test_a_vote_stored_otherwise_than_it_was_sent_is_found(project: Project, tmp_path: Path) -> None:
    told = replace(last_of(cast(project, 1)), walk=UNBARRED)
    books = books_of(project, [Visit(Outcome.VOTED, told)], tmp_path)
    assert any("was sent as" in problem for problem in books.problems)


def test_a_count_that_is_not_that_of_the_votes_is_found(project: Project, tmp_path: Path) -> None:
    visits = cast(project, 2)
    Subject.objects.filter(n_classifications__gt=0).update(n_classifications=1)
    problems = books_of(project, visits, tmp_path).problems
    assert any(problem.startswith("recounting differs") for problem in problems)


def test_a_catalogue_with_another_count_is_found(project: Project, tmp_path: Path) -> None:
    visits = cast(project, 1)
    catalogue = tmp_path / "catalogue.csv"
    export(project, "csv", catalogue)
    cast(project, 1)
    problems = balance(project, visits, catalogue).problems
    assert any("votes counted on the subjects are" in problem for problem in problems)
    assert not any("votes exported are" in problem for problem in problems)


def test_a_catalogue_with_another_number_of_classifications_is_found(project: Project, tmp_path: Path) -> None:
    visits, catalogue = cast(project, 1), tmp_path / "catalogue.csv"
    export(project, "csv", catalogue)
    with catalogue.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["n_classifications"] = str(int(row["n_classifications"]) * 2)
    write_manifest(catalogue, rows)
    assert "1 votes were sent, 1 stored, 1 counted and 2 exported: not one number" in (
        balance(project, visits, catalogue).problems
    )


def test_one_who_saw_a_galaxy_twice_under_two_names_is_found(project: Project, tmp_path: Path) -> None:
    """As when a site forgets an anonymous volunteer between two votes."""
    first, second = (visit.vote for visit in cast(project, 2)[1:])
    assert first is not None
    assert second is not None
    assert first.galaxy == second.galaxy
    visits = [Visit(Outcome.VOTED, first), Visit(Outcome.VOTED, replace(second, person=first.person))]
    assert books_of(project, visits, tmp_path).problems == [
        f"galaxy {first.galaxy} was classified 2 times by volunteer {first.person}",
        f"the votes of volunteer {first.person} are credited to 2 different ones",
    ]


def test_two_whose_votes_are_credited_to_one_are_found(project: Project, tmp_path: Path) -> None:
    [volunteer] = make_volunteers(1)
    visits = []
    for _ in range(2):
        assignment = serve(project, volunteer)
        assert assignment is not None
        vote = Vote(uuid4(), assignment.subject.galaxy.name, SMOOTH, "", was_doubled=False, person=uuid4())
        accept(token=token(assignment), uuid=vote.uuid, walk=SMOOTH)
        visits.append(Visit(Outcome.VOTED, vote))
    assert books_of(project, visits, tmp_path).problems == [
        f"the votes of 2 volunteers are credited to one, {volunteer.pk}"
    ]


def test_a_subject_beyond_its_limit_is_found(project: Project, tmp_path: Path) -> None:
    visits = cast(project, 4)
    Project.objects.update(retirement_limit=2)
    project.refresh_from_db()
    assert any("more than its limit of 2 and the 0 leases" in p for p in books_of(project, visits, tmp_path).problems)


def test_a_held_out_galaxy_that_was_served_is_found(project: Project, tmp_path: Path) -> None:
    make_subject(project, side=Galaxy.Side.REPORT)
    Project.objects.update(pool_uniform_share=0, holdout_uniform_share=1)
    project.refresh_from_db()
    visits = cast(project, 1)
    Project.objects.update(holdout_uniform_share=0)
    project.refresh_from_db()
    assert any("is held out and was served" in problem for problem in books_of(project, visits, tmp_path).problems)


def test_a_priority_by_a_model_that_does_not_exist_is_found(project: Project, tmp_path: Path) -> None:
    Subject.objects.update(scored_by=12345)
    assert "a subject's priority names model version 12345, which does not exist" in (
        books_of(project, [], tmp_path).problems
    )
