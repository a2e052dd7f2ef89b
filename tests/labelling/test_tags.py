"""Tags: how words are kept, suggested, listed and taken away: `labelling.tags`."""

import threading

import pytest
from django.contrib.auth.models import User
from django.db import connection

from labelling import tags
from labelling.errors import TalkRefused, TalkTooOften
from labelling.models import Moderation, Subject, Tag, TagReport, TagWord, Volunteer
from labelling.tags import Tagged, WordCount
from tests.labelling.factories import make_project, make_subject, make_subjects, make_volunteers

pytestmark = pytest.mark.django_db


def test_a_word_is_put_on_a_galaxy_once_a_volunteer() -> None:
    subject = make_subject(make_project())
    ada, ben = make_volunteers(2)
    assert tags.put(subject, ada, " #Ring ") == "ring"
    tags.put(subject, ada, "ring")
    tags.put(subject, ben, "ring")
    tags.put(subject, ben, "diffuse")
    assert tags.tags_of(subject, ada) == [WordCount("ring", 2, is_mine=True), WordCount("diffuse", 1)]
    assert Tag.objects.get(volunteer=ada).project == subject.project


def test_only_the_own_word_is_taken_off() -> None:
    subject = make_subject(make_project())
    ada, ben = make_volunteers(2)
    tags.put(subject, ada, "ring")
    tags.put(subject, ben, "ring")
    tags.remove(subject, ada, "#RING")
    assert tags.tags_of(subject, ada) == [WordCount("ring", 1)]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("#Ring", "ring"),
        ("Spiral arms", "spiral-arms"),
        ("spiral_arms", "spiral-arms"),
        ("edge\u2013on", "edge-on"),
        ("--a--b--", "a-b"),
        ("ＲＩＮＧ", "ring"),
        ("x²", "x2"),
        ("Größe", "größe"),
        ("星系", "星系"),
        ("वलय", "वलय"),
        ("İz", "i\u0307z"),
    ],
)
def test_words_of_any_script_are_kept_in_one_way(text: str, word: str) -> None:
    assert tags.normalised(text) == word
    assert tags.normalised(word) == word


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "2 to 40 characters, not 0"),
        ("#", "not 0"),
        ("a", "not 1"),
        ("a" * 41, "not 41"),
        ("a" * 4000, "not 4000"),
        ("a.b", "“.” is none"),
        ("<b>", "“<” is none"),
        ("ring\u202e", r"U\+202E"),
        ("ring🙂", "is none"),
    ],
)
def test_what_is_no_word_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(TalkRefused, match=why):
        tags.normalised(text)


def test_twenty_of_one_volunteer_are_enough_for_a_galaxy() -> None:
    subject = make_subject(make_project())
    ada, ben = make_volunteers(2)
    for n in range(20):
        tags.put(subject, ada, f"word-{n}")
    with pytest.raises(TalkRefused, match="20 tags of yours"):
        tags.put(subject, ada, "one-more")
    tags.put(subject, ada, "word-3")
    tags.put(subject, ben, "one-more")


def test_sixty_a_minute_are_enough() -> None:
    project = make_project()
    [ada] = make_volunteers(1)
    for subject in make_subjects(project, 3):
        for n in range(20):
            tags.put(subject, ada, f"word-{n}")
    with pytest.raises(TalkTooOften):
        tags.put(make_subject(project), ada, "one-more")


def test_suggestions_begin_so_and_the_most_frequent_comes_first() -> None:
    project = make_project()
    one, other = make_subjects(project, 2)
    ada, ben = make_volunteers(2)
    for subject, volunteer, word in [
        (one, ada, "ringed"),
        (one, ben, "ring"),
        (other, ada, "ring"),
        (one, ada, "lens"),
    ]:
        tags.put(subject, volunteer, word)
    tags.put(make_subject(make_project()), ada, "ribbon")
    assert tags.words(project, "#Ri") == [WordCount("ring", 2), WordCount("ringed", 1)]
    assert tags.words(project, "") == [WordCount("ring", 2), WordCount("lens", 1), WordCount("ringed", 1)]
    assert tags.words(project, "%") == tags.words(project, "r_") == []
    assert tags.words(project, "ri", 1) == [WordCount("ring", 2)]


def test_a_tags_galaxies_come_most_tagged_first_page_by_page() -> None:
    project = make_project()
    a, b, c = make_subjects(project, 3)
    ada, ben = make_volunteers(2)
    for subject, volunteer in [(a, ada), (b, ada), (b, ben), (c, ada)]:
        tags.put(subject, volunteer, "ring")
    tags.put(a, ben, "lens")
    places = [Tagged(b.pk, 2), Tagged(a.pk, 1), Tagged(c.pk, 1)]
    assert tags.tagged(project, "ring", limit=9) == places
    assert tags.tagged(project, "ring", limit=2) == places[:2]
    assert tags.tagged(project, "ring", after=places[1], limit=2) == places[2:]
    assert tags.tagged(project, "ring", Subject.objects.filter(pk=c.pk), limit=9) == places[2:]
    assert tags.n_tagged(project, "ring") == 3


def test_researchers_take_a_row_a_galaxy_and_word() -> None:
    project = make_project()
    a, b = make_subjects(project, 2)
    ada, ben = make_volunteers(2)
    for subject, volunteer, word in [(b, ada, "ring"), (b, ben, "ring"), (a, ada, "lens"), (a, ada, "arc")]:
        tags.put(subject, volunteer, word)
    assert list(tags.rows_for_csv(project)) == [
        (a.galaxy.name, "tests", "arc", 1),
        (a.galaxy.name, "tests", "lens", 1),
        (b.galaxy.name, "tests", "ring", 2),
    ]


def test_the_count_of_a_word_mends_itself_after_tags_went_with_their_volunteer() -> None:
    subject = make_subject(make_project())
    ada, ben, carl = make_volunteers(3)
    for volunteer in (ada, ben):
        tags.put(subject, volunteer, "ring")
    ada.delete()
    tags.put(subject, carl, "ring")
    assert tags.words(subject.project) == [WordCount("ring", 2)]
    for volunteer in (ben, carl):
        tags.remove(subject, volunteer, "ring")
    assert tags.words(subject.project) == []


@pytest.mark.django_db(transaction=True)
def test_a_word_that_many_put_at_once_is_counted_right() -> None:
    subject = make_subject(make_project())

    def put(volunteer: Volunteer) -> None:
        tags.put(subject, volunteer, "ring")
        connection.close()

    threads = [threading.Thread(target=put, args=[volunteer]) for volunteer in make_volunteers(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tags.words(subject.project) == [WordCount("ring", 8)]


def test_suggestions_read_their_index_and_no_more() -> None:
    project = make_project()
    words = (TagWord(project=project, word=f"word-{n}", n=n) for n in range(1, 5001))
    TagWord.objects.bulk_create(words)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE labelling_tagword")
    begun = tags._counted(project, "word-17")[:8].explain()
    condition = next(line for line in begun.splitlines() if "Index Cond" in line)
    assert "Seq Scan" not in begun and "word-17" in condition and "word-18" in condition, begun  # a range
    anything = tags._counted(project, "")[:8].explain()
    assert "words_by_frequency" in anything and "Sort" not in anything, anything


def test_a_reported_word_waits_is_hidden_everywhere_and_comes_back_as_it_was(ben: User) -> None:
    project = make_project()
    first, second = make_subjects(project, 2)
    ada, eve = make_volunteers(2)
    for subject in (first, second):
        tags.put(subject, eve, "rude")
        tags.put(subject, eve, "ring")
    assert tags.report(project, ada, "#Rude") and not tags.report(project, ada, "rude")
    [waiting] = tags.reported(project)
    assert (waiting.word, waiting.n_reports) == ("rude", 1)
    tags.moderate(waiting, Moderation.Verdict.HIDE, ben)
    assert not tags.reported(project) and [word.word for word in tags.hidden(project)] == ["rude"]
    assert tags.tags_of(first, eve) == [WordCount("ring", 1, is_mine=True)]
    assert [word.word for word in tags.words(project)] == ["ring"] and not tags.words(project, "ru")
    with pytest.raises(TalkRefused, match="hidden #rude"):
        tags.put(first, ada, "Rude")
    with pytest.raises(TalkRefused, match="No galaxy"):
        tags.report(project, eve, "rude")
    tags.moderate(waiting, Moderation.Verdict.LET_BE, ben)
    assert tags.tags_of(second) == [WordCount("ring", 1), WordCount("rude", 1)]
    tags.put(first, ada, "rude")
    assert tags.words(project, "ru") == [WordCount("rude", 3)]
    assert list(Moderation.objects.values_list("word__word", "verdict", "by")) == [
        ("rude", "hide", ben.pk),
        ("rude", "let_be", ben.pk),
    ]


def test_a_word_is_hidden_in_its_own_project_alone_and_reported_where_it_stands(ben: User) -> None:
    one, other = make_subject(make_project()), make_subject(make_project())
    [ada] = make_volunteers(1)
    for subject in (one, other):
        tags.put(subject, ada, "bar")
    tags.moderate(TagWord.objects.get(project=one.project), Moderation.Verdict.HIDE, ben)
    assert not tags.tags_of(one) and tags.tags_of(other)
    with pytest.raises(TalkRefused, match="No galaxy"):
        tags.report(other.project, ada, "never-seen")
    assert not TagReport.objects.exists()


def test_taking_away_what_is_not_there_leaves_nothing_behind() -> None:
    subject = make_subject(make_project())
    tags.remove(subject, make_volunteers(1)[0], "never-seen")
    assert not TagWord.objects.exists()
