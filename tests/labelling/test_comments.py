"""Comments, their reports, and what moderators decide: `labelling.comments`."""

import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from labelling import comments
from labelling.comments import Verdict
from labelling.errors import TalkClosed, TalkRefused, TalkTooOften
from labelling.models import Comment, CommentReport, Moderation
from tests.labelling.factories import make_project, make_subject, make_volunteers

pytestmark = pytest.mark.django_db


def test_a_comment_is_kept_as_it_was_said() -> None:
    subject = make_subject(make_project())
    [ada] = make_volunteers(1)
    said = comments.say(subject, ada, "  <b>A ring?</b>\r\n\r\n\r\n\r\nSee https://example.org \u202e\x07 ")
    assert said.text == "<b>A ring?</b>\n\nSee https://example.org"
    assert (said.subject, said.volunteer) == (subject, ada)


@pytest.mark.parametrize(("text", "why"), [(" \n\t ", "nothing in this"), ("a" * 501, "at most 500 .* has 501")])
def test_nothing_and_too_much_are_refused(text: str, why: str) -> None:
    subject = make_subject(make_project())
    with pytest.raises(TalkRefused, match=why):
        comments.say(subject, make_volunteers(1)[0], text)
    assert not Comment.objects.exists()


def test_the_eleventh_within_a_minute_waits() -> None:
    subject = make_subject(make_project())
    ada, ben = make_volunteers(2)
    for n in range(10):
        comments.say(subject, ada, f"comment {n}")
    Comment.objects.filter(text="comment 0").update(created_at=timezone.now() - timedelta(seconds=40))
    with pytest.raises(TalkTooOften) as refused:
        comments.say(subject, ada, "one more")
    assert 19 <= refused.value.retry_after_seconds <= 21
    comments.say(subject, ben, "another volunteer may")
    Comment.objects.filter(text="comment 0").update(created_at=timezone.now() - timedelta(seconds=61))
    comments.say(subject, ada, "after a minute")


@pytest.mark.django_db(transaction=True)
def test_many_at_once_are_counted_one_after_the_other() -> None:
    subject = make_subject(make_project())
    [ada] = make_volunteers(1)
    refused = []

    def talk() -> None:
        for n in range(5):
            try:
                comments.say(subject, ada, f"comment {n}")
            except TalkTooOften as too_often:
                refused.append(too_often)
        connection.close()

    threads = [threading.Thread(target=talk) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Comment.objects.count() == 10
    assert len(refused) == 10


def test_its_author_empties_a_comment_and_nobody_else() -> None:
    ada, ben = make_volunteers(2)
    said = comments.say(make_subject(make_project()), ada, "my e-mail address is ...")
    comments.report(said, ben)
    for stranger in (ben, None):
        with pytest.raises(TalkClosed):
            comments.delete(said, stranger)
    comments.delete(said, ada)
    said.refresh_from_db()
    assert said.text == ""
    assert not comments.reported(said.subject.project).exists()


def test_a_comment_is_reported_once_by_each_and_not_by_its_author() -> None:
    ada, ben, carl = make_volunteers(3)
    said = comments.say(make_subject(make_project()), ada, "rude words")
    assert comments.report(said, ben)
    assert not comments.report(said, ben)
    assert comments.report(said, carl)
    with pytest.raises(TalkRefused, match="your own"):
        comments.report(said, ada)
    assert CommentReport.objects.count() == 2


def test_the_most_reported_comes_first_and_is_settled_by_a_decision(ben: User) -> None:
    project = make_project()
    subject = make_subject(project)
    author, one, other = make_volunteers(3)
    mild, rude, fine = (comments.say(subject, author, text) for text in ("mild", "rude", "fine"))
    comments.report(mild, one)
    comments.report(rude, one)
    comments.report(rude, other)
    assert [(waiting.text, waiting.n_reports) for waiting in comments.reported(project)] == [("rude", 2), ("mild", 1)]
    comments.moderate(rude, Verdict.HIDE, ben)
    comments.moderate(mild, Verdict.LET_BE, ben)
    assert not comments.reported(project).exists()
    rude.refresh_from_db()
    assert rude.hidden_at is not None and rude.hidden_by == ben
    assert fine.hidden_at is None


def test_who_decided_what_and_when_is_kept_for_good(ben: User, cleo: User) -> None:
    said = comments.say(make_subject(make_project()), make_volunteers(1)[0], "rude?")
    comments.moderate(said, Verdict.HIDE, ben)
    comments.moderate(said, Verdict.LET_BE, cleo)
    said.refresh_from_db()
    assert said.hidden_at is None and said.hidden_by is None
    kept = [(row.verdict, row.by) for row in Moderation.objects.filter(comment=said)]
    assert kept == [("hide", ben), ("let_be", cleo)]
    ben.delete()
    assert [row.by for row in Moderation.objects.filter(comment=said)] == [None, cleo]
