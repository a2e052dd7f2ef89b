"""What volunteers say, in a real browser: the panel after a vote, a galaxy's own page, collections, moderation."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import CharField, Value
from django.db.models.functions import Concat
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from labelling import collections, comments, tags
from labelling.models import (
    Collection,
    Comment,
    Favourite,
    Galaxy,
    Moderation,
    Project,
    Subject,
    Tag,
    TagWord,
    Volunteer,
)
from tests.browser.conftest import PHONE, Opened
from tests.browser.desks import asked, balanced, desk, galaxy, tally
from tests.browser.test_pages import faults_of, opened_by
from tests.labelling.factories import make_volunteers, served, vote
from tests.labelling.pages.drawn import make_drawn_project
from tests.labelling.trees import SMOOTH

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(ben: User) -> Project:
    """Five galaxies, whose first is finished, much tagged and talked about."""
    project = make_drawn_project(5)
    Project.objects.update(owner=ben)
    project.refresh_from_db()
    first = project.subjects.order_by("pk")[0]
    for volunteer, word in zip(make_volunteers(4), ["ring", "ring", "ringed", "lens"], strict=True):
        tags.put(first, volunteer, word)
        comments.say(first, volunteer, f"It looks like a {word} to me.")
    Subject.objects.filter(pk=first.pk).update(retired_at=timezone.now())
    return project


@pytest.fixture
def first(project: Project) -> Subject:
    return project.subjects.order_by("pk")[0]


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.textContent"))


def opener(page: Page) -> Locator:
    return page.locator(".talk-opener")


def classify_one(page: Page, n: int = 1) -> str:
    """Smooth, by the key; the galaxy's name."""
    name = galaxy(page)
    page.keyboard.press("1")
    tally(page, n)
    expect(page.locator("#galaxy-name")).not_to_have_text(name)
    return name


def test_after_the_vote_and_never_before_the_panel_tags_and_comments_by_keyboard_alone(
    opened: Opened, project: Project
) -> None:
    page = opened(desk(project))
    asked(page, "shape?")
    page.wait_for_load_state("networkidle")
    expect(opener(page)).to_have_count(0)
    name = classify_one(page)
    expect(opener(page)).to_contain_text(f"about {name}, just done")
    opener(page).focus()
    page.keyboard.press("Enter")
    field = page.get_by_role("combobox", name="Add a tag")
    expect(field).to_be_focused()
    page.keyboard.type("#RI")
    expect(page.locator("[role=option]")).to_have_text(["#ring 2", "#ringed 1"])
    expect(field).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    chosen = page.locator("[role=option][aria-selected=true]")
    expect(chosen).to_have_text("#ring 2")
    assert field.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="#ring", pressed=True)).to_be_visible()
    expect(field).to_have_value("")
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")  # Add
    page.keyboard.press("Tab")
    page.keyboard.type("1 or 2 arms?")  # digits answer nothing here
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your comment is there")).to_be_visible()
    page.get_by_role("button", name="Favourite").last.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#talk").get_by_role("button", name="Favourite", pressed=True)).to_be_visible()
    page.get_by_role("button", name="Done", exact=True).focus()
    page.keyboard.press("Enter")
    assert focused(page) == "question"
    subject = Subject.objects.get(galaxy__name=name)
    assert list(Tag.objects.filter(subject=subject).values_list("word", flat=True)) == ["ring"]
    assert Comment.objects.get(subject=subject).text == "1 or 2 arms?"
    assert Favourite.objects.get().subject == subject
    balanced(project, 1)


def test_by_touch(opened: Opened, project: Project) -> None:
    page = opened(desk(project), **PHONE)
    asked(page, "shape?")
    page.get_by_role("button", name="smooth").tap()
    tally(page, 1)
    opener(page).tap()
    page.get_by_role("combobox", name="Add a tag").tap()
    page.locator("[role=option]", has_text="#lens").tap()
    mine = page.get_by_role("button", name="#lens", pressed=True)
    mine.tap()
    expect(mine).to_have_count(0)
    assert not Tag.objects.filter(word="lens").exclude(subject__retired_at__isnull=False).exists()


def test_while_something_is_written_the_panel_stays_with_its_galaxy(opened: Opened, project: Project) -> None:
    page = opened(desk(project))
    asked(page, "shape?")
    first = classify_one(page)
    opener(page).click()
    page.get_by_label("Say something").fill("half a sent")
    page.locator("#question").focus()
    second = classify_one(page, 2)
    expect(opener(page)).to_contain_text(first)
    expect(page.get_by_label("Say something")).to_have_value("half a sent")
    page.get_by_role("button", name="Done", exact=True).click()
    expect(opener(page)).to_contain_text(second)


def test_a_vote_that_is_taken_back_takes_the_panel_with_it(opened: Opened, project: Project) -> None:
    page = opened(desk(project))
    asked(page, "shape?")
    name = classify_one(page)
    expect(opener(page)).to_be_visible()
    page.keyboard.press("u")
    expect(page.locator("#galaxy-name")).to_have_text(name)
    expect(opener(page)).to_have_count(0)
    balanced(project, 0)


def test_what_the_server_refuses_is_said_and_stays_in_the_field(opened: Opened, project: Project) -> None:
    page = opened(desk(project))
    asked(page, "shape?")
    classify_one(page)
    opener(page).click()
    field = page.get_by_role("combobox", name="Add a tag")
    opened.complaints.clear()  # type: ignore[attr-defined]
    field.fill("a.b")
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".talk-status")).to_contain_text("“.” is none of them")
    expect(field).to_have_value("a.b")
    page.context.set_offline(True)
    page.get_by_label("Say something").fill("kept")
    page.get_by_role("button", name="Post it").click()
    expect(page.locator(".talk-status")).to_have_text("That needs the network.")
    expect(page.get_by_label("Say something")).to_have_value("kept")
    opened.complaints.clear()  # type: ignore[attr-defined]  # the browser's own words about 400 and no network


def test_a_galaxys_page_is_zoomed_tagged_and_commented_on(opened: Opened, first: Subject, ada: User) -> None:
    page = opened_by(ada, opened)
    page.goto(f"/subjects/{first.pk}/")
    page.get_by_role("button", name="Zoom in").click()
    expect(page.locator("#frame")).to_have_class("frame zoomed")
    page.locator("#frame").focus()
    page.keyboard.press("ArrowLeft")
    assert "translate(60px" in str(page.locator("#galaxy").get_attribute("style"))
    expect(page.locator("#scale")).to_be_visible()
    page.get_by_role("combobox", name="Add a tag").fill("le")
    page.locator("[role=option]", has_text="#lens").click()
    expect(page.get_by_role("button", name="Take away my #lens")).to_be_visible()
    page.get_by_role("button", name="Me too: #ring", exact=True).click()
    expect(page.get_by_role("button", name="Take away my #ring", exact=True)).to_be_visible()
    page.get_by_label("Your comment").fill("See https://example.org/rings.")
    page.get_by_role("button", name="Post it").click()
    link = page.get_by_role("link", name="https://example.org/rings")
    expect(link).to_have_attribute("rel", "nofollow ugc noopener noreferrer")
    expect(page.get_by_label("Your comment")).to_have_value("")
    page.get_by_role("button", name="Favourite").click()
    expect(page.get_by_role("button", name="Favourite", pressed=True)).to_be_visible()
    page.get_by_label("New collection with this galaxy").fill("Rings")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("button", name="In the collection Rings", pressed=True)).to_be_visible()


def test_the_list_of_suggestions_closes_and_free_words_are_taken(opened: Opened, first: Subject, ada: User) -> None:
    page = opened_by(ada, opened)
    page.goto(f"/subjects/{first.pk}/")
    field = page.get_by_role("combobox", name="Add a tag")
    field.press_sequentially("ri")
    options = page.locator("[role=option]")
    expect(options).to_have_count(2)
    page.keyboard.press("Escape")
    expect(options).to_have_count(0)
    expect(field).to_have_value("ri")
    page.keyboard.press("ArrowDown")
    expect(options).to_have_count(2)
    for key in ("ArrowUp", "ArrowDown"):  # around the end, to the last and back to the field itself
        page.keyboard.press(key)
    expect(page.locator("[role=option][aria-selected=true]")).to_have_count(0)
    page.keyboard.type("pple")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Take away my #ripple")).to_be_visible()


def test_a_refused_comment_stays_in_its_field(opened: Opened, first: Subject, ada: User) -> None:
    volunteer = Volunteer.objects.create(user=ada)
    for n in range(10):
        comments.say(first, volunteer, f"{n}")
    page = opened_by(ada, opened)
    page.goto(f"/subjects/{first.pk}/")
    page.get_by_label("Your comment").fill("long and carefully worded")
    page.get_by_role("button", name="Post it").click()
    expect(page.get_by_role("alert").filter(has_text="Please wait a moment")).to_be_visible()
    expect(page.get_by_label("Your comment")).to_have_value("long and carefully worded")
    opened.complaints.clear()  # type: ignore[attr-defined]  # the browser's own words about 429


def test_the_galaxys_page_works_without_scripts(opened: Opened, first: Subject, ada: User) -> None:
    page = opened_by(ada, opened, java_script_enabled=False)
    page.goto(f"/subjects/{first.pk}/")
    page.get_by_label("Add a tag").fill("#Edge on")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("button", name="Take away my #edge-on")).to_be_visible()
    page.get_by_label("Your comment").fill("plain")
    page.get_by_role("button", name="Post it").click()
    expect(page.locator(".comment").last).to_contain_text("plain")
    assert "#comment-" in page.url


def test_a_collections_link_is_copied(opened: Opened, ada: User) -> None:
    rings = collections.make(Volunteer.objects.create(user=ada), "Rings")
    page = opened_by(ada, opened)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"/collections/{rings.link_key}/")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.url


def test_a_moderator_hides_what_was_reported(opened: Opened, project: Project, first: Subject) -> None:
    rude = Comment.objects.get(text__contains="lens")
    comments.report(rude, Volunteer.objects.create())
    page = opened_by(project.owner, opened)
    page.goto(f"/projects/{project.slug}/")
    page.get_by_role("link", name="Moderation").click()
    page.get_by_role("button", name="Hide: It looks like a lens to me.").click()
    expect(page.get_by_role("status")).to_have_text("The comment is hidden.")
    expect(page.get_by_text("Nothing is reported.")).to_be_visible()
    stranger = opened(f"/subjects/{first.pk}/")
    expect(stranger.get_by_text("hidden by a moderator")).to_be_visible()
    expect(stranger.get_by_text("like a lens")).to_have_count(0)


def test_a_tag_is_reported_and_hidden_by_keyboard_alone(
    opened: Opened, project: Project, first: Subject, ada: User
) -> None:
    page = opened_by(ada, opened)
    page.goto(f"/subjects/{first.pk}/")
    page.get_by_text("Report a tag").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Which one should not stand here?").focus()
    page.keyboard.type("#lens")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="A moderator will look at it")).to_be_visible()
    moderator = opened_by(project.owner, opened)
    moderator.goto(f"/projects/{project.slug}/moderation/")
    expect(moderator.get_by_role("link", name="Reported first (1)")).to_be_visible()
    moderator.get_by_role("button", name="Hide: lens", exact=True).focus()
    moderator.keyboard.press("Enter")
    expect(moderator.get_by_role("status")).to_have_text("#lens is hidden.")
    moderator.get_by_role("link", name="Hidden").click()
    expect(moderator.get_by_role("button", name="Show again: lens")).to_be_visible()
    page.reload()
    expect(page.locator(".chip", has_text="#ring").first).to_be_visible()
    expect(page.locator(".chip", has_text="#lens")).to_have_count(0)


def every_page(project: Project, subject: Subject, owner: User) -> tuple[list[str], list[str]]:
    """Pages with one of everything for `owner`, who runs the project; and those that say there is nothing."""
    volunteer = Volunteer.objects.create(user=owner)
    rings = collections.make(volunteer, "Rings and shells", "Closed loops of light.", is_public=True)
    collections.place(rings, subject, True)
    for other in project.subjects.all():
        collections.set_favourite(other, volunteer, True)
    said = comments.say(subject, volunteer, "Mine. https://example.org/" + "x" * 120)
    comments.moderate(said, comments.Verdict.HIDE, owner)
    comments.report(Comment.objects.get(text__contains="lens"), volunteer)
    tags.report(project, volunteer, "ringed")
    tags.moderate(TagWord.objects.get(word="lens"), Moderation.Verdict.HIDE, owner)
    key = Collection.objects.get().link_key
    here = f"/projects/{project.slug}"
    full = [f"/subjects/{subject.pk}/", f"{here}/tags/", f"{here}/tags/ring/", f"{here}/collections/"]
    full += [f"{here}/moderation/", f"{here}/moderation/?show=hidden", "/favourites/", "/collections/"]
    full += [f"/collections/{key}/", f"/collections/{key}/change/", f"/collections/{key}/delete/"]
    bare = make_drawn_project(1)
    empty = [
        f"/subjects/{bare.subjects.get().pk}/",
        f"/projects/{bare.slug}/tags/",
        f"/projects/{bare.slug}/tags/ring/",
    ]
    return full, [*empty, f"/projects/{bare.slug}/collections/", "/favourites/", "/collections/"]


def test_every_page_is_in_order_full_and_empty(opened: Opened, project: Project, first: Subject, ada: User) -> None:
    full, empty = every_page(project, first, project.owner)
    faults = faults_of(opened_by(project.owner, opened, **PHONE), full, project)
    faults += faults_of(opened_by(ada, opened, **PHONE), [full[0], *empty], project)
    assert not faults, "\n".join(faults)
    opened.complaints[:] = [told for told in opened.complaints if "403" not in told]  # type: ignore[attr-defined]


def test_no_name_is_too_long(opened: Opened, project: Project, first: Subject) -> None:
    full, _ = every_page(project, first, project.owner)
    Project.objects.update(title="T" * 200)
    Galaxy.objects.update(name=Concat(Value("G" * 190), "pk", output_field=CharField()))
    Collection.objects.update(title="C" * 120, text="c" * 500)
    Volunteer.objects.filter(user=project.owner).update(public_name="W" * 40)
    Tag.objects.filter(word="ringed").update(word="w" * 40)
    TagWord.objects.filter(word="ringed").update(word="w" * 40)
    Comment.objects.filter(text__contains="ringed").update(text="w" * 500)
    faults = faults_of(opened_by(project.owner, opened, **PHONE), full, project)
    assert not faults, "\n".join(faults)


def test_the_panel_is_in_order_on_a_phone(opened: Opened, project: Project) -> None:
    Galaxy.objects.update(name=Concat(Value("G" * 60), "pk", output_field=CharField()))
    page = opened(desk(project), **PHONE)
    asked(page, "shape?")
    classify_one(page)
    opener(page).tap()
    page.get_by_role("combobox", name="Add a tag").fill("ri")
    expect(page.locator("[role=option]")).to_have_count(2)
    wide: Any = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 320
    small = page.evaluate(
        """() => [...document.querySelectorAll('#talk :is(button, a, input, textarea, [role=option])')]
             .map((e) => [e.outerHTML.slice(0, 60), e.getBoundingClientRect()])
             .filter(([, box]) => box.width < 44 || box.height < 44).map(([what]) => what)"""
    )
    assert small == []


def test_a_skip_opens_no_panel(opened: Opened, project: Project) -> None:
    page = opened(desk(project))
    asked(page, "shape?")
    name = galaxy(page)
    page.keyboard.press("s")
    expect(page.locator("#galaxy-name")).not_to_have_text(name)
    expect(opener(page)).to_have_count(0)
    vote(served(project, make_volunteers(1)[0]), SMOOTH)
    balanced(project, 1)
