"""The classifying page for who hears it, for who uses the keyboard alone, and at every size and in every theme."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from labelling.models import Project
from ml.schema import Answer, DecisionTree, Question, load
from tests.browser.conftest import Opened
from tests.browser.desks import asked, balanced, desk, galaxy, noticed, tally
from tests.browser.test_pages import faults_of
from tests.labelling.pages.drawn import make_drawn_project

pytestmark = pytest.mark.django_db(transaction=True)

LONG = "an answer that goes on for very long, with Einzelsternentfernungsmessungsunsicherheiten in it"
TEXTS = [*(f"answer {n}" for n in range(1, 12)), LONG]
ANSWERS = tuple(Answer(key=f"answer-{n}", text=text) for n, text in enumerate(TEXTS))
TWELVE = DecisionTree("Twelve", (Question(key="which", text="Which?", answers=ANSWERS),))

SIZES = [(320, 568), (390, 844), (568, 320), (844, 390), (820, 1180), (1280, 720), (1440, 900), (3840, 2160)]

# What can be pressed and is smaller than a finger, in words; a link within a sentence is not meant.
SMALL = """() => [...document.querySelectorAll('button, a[href], input, summary, label.answer')]
  .filter((one) => one.checkVisibility({visibilityProperty: true}))
  .filter((one) => !one.closest(".skip, p:not(.actions, .tally), .top"))
  .filter((one) => !one.matches('label input'))
  .map((one) => [one, one.getBoundingClientRect()])
  .filter(([, box]) => box.width < 43.5 || box.height < 43.5)
  .map(([one, box]) => `${one.id || one.className || one.tagName}: ${box.width} x ${box.height}`)"""


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.innerText.trim().split('\\n')[0]"))


def tabbed(page: Page, n: int) -> list[str]:
    found = []
    for _ in range(n):
        page.keyboard.press("Tab")
        found.append(focused(page))
    return found


def alone(page: Page) -> None:
    """Without what is mounted later: its own tests are elsewhere."""
    page.route(
        "**/later.js",
        lambda route: route.fulfill(body="export const mountTheRest = () => {};", content_type="text/javascript"),
    )


def looking(opened: Opened, project: Project, **options: Any) -> Page:
    page = opened("/accounts/login/", **options)
    alone(page)
    page.goto(desk(project))
    expect(page.locator("#asking:not([inert]) #question")).to_be_visible()
    return page


def test_what_a_screen_reader_meets_and_in_which_order(opened: Opened) -> None:
    page = looking(opened, make_drawn_project(3, tree=load("gz2")))
    heard = page.locator("main").aria_snapshot()
    in_order = [
        'region "The galaxy"',
        f'img "Galaxy {galaxy(page)}, the picture that the questions are about"',
        'group "Image tools"',
        'button "Zoom in"',
        'button "Zoom out" [disabled]',
        'button "Rotate"',
        'button "Invert"',
        'region "The question"',
        'link "A project"',
        "Question 1",
        'navigation "Your answers so far"',
        'heading "Is the galaxy smooth and rounded, or does it have features or a disk?" [level=1]',
        "Choose one of 3 answers, with its button or the keys 1 to 3.",
        'group "Is the galaxy smooth and rounded, or does it have features or a disk?"',
        'button "Smooth"',
        'button "Features or disk"',
        'button "Star or artifact"',
        'button "Can’t tell, skip"',
        'button "Something is wrong with this image"',
        'log "About the galaxy before"',
        "status",
        'button "Keys"',
    ]
    places = [heard.find(one) for one in in_order]
    assert -1 not in places, f"{in_order[places.index(-1)]!r} is not in\n{heard}"
    assert places == sorted(places), heard


def test_the_path_and_what_is_ticked_are_heard(opened: Opened) -> None:
    page = looking(opened, make_drawn_project(3, tree=load("gz_sloan_checkboxes")))
    for key in ("1", "1", "1"):
        page.keyboard.press(key)
    asked(page, "What are the odd features? Tick all that you see.")
    page.keyboard.press("1")
    heard = page.locator("main").aria_snapshot()
    for one in (
        'button "Completely round"',
        'checkbox "Ring" [checked]',
        'checkbox "Lens or arc"',
        'button "Continue"',
    ):
        assert one in heard, heard
    expect(page.locator("#question")).to_have_accessible_description(
        "Tick any number of answers, or none, then continue."
    )


def test_a_vote_and_the_next_galaxy_are_said_and_focus_goes_to_its_question(opened: Opened) -> None:
    page = looking(opened, make_drawn_project(4))
    status = page.get_by_role("status").filter(visible=True).first
    page.keyboard.press("1")
    expect(status).to_have_text("Your answers are kept.")
    asked(page, "shape?")
    assert focused(page) == "question"
    expect(page.get_by_role("img", name=f"Galaxy {galaxy(page)}")).to_be_visible()
    page.keyboard.press("2")
    expect(status).to_have_text("")
    asked(page, "bar?")
    assert focused(page) == "question"


def test_by_tab_and_space_alone(opened: Opened) -> None:
    """Nothing needs one of the page's own keys: they may be switched off."""
    project = make_drawn_project(1)
    page = looking(opened, project)
    assert tabbed(page, 2) == ["smooth", "disk"]
    page.keyboard.press("Space")
    asked(page, "bar?")
    assert tabbed(page, 6) == ["yes", "no", "back", "skip", "open-report", "show-keys"]
    page.locator("#question").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    noticed(page, "All done")
    assert focused(page) == "notice-title"
    tally(page, 1)
    balanced(project, 1)


def test_a_dialog_gives_focus_back(opened: Opened) -> None:
    page = looking(opened, make_drawn_project(1))
    page.locator("#open-report").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    assert focused(page) == "open-report"


@pytest.mark.parametrize("tree", [load("gz2"), TWELVE], ids=["gz2", "twelve"])
def test_it_fits_every_window_with_targets_for_fingers(opened: Opened, tree: DecisionTree) -> None:
    project = make_drawn_project(1, tree=tree)
    page = looking(opened, project, has_touch=True)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        where = f"{width} x {height}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, where
        assert page.evaluate(SMALL) == [], where
        frame, first = page.locator("#frame").bounding_box(), page.locator(".answer").first.bounding_box()
        assert frame is not None and first is not None
        assert frame["width"] >= min(0.38 * width, 0.6 * height), where  # the galaxy is the hero
        assert first["y"] + first["height"] <= height, f"{where}: the first answer is below the fold"


@pytest.mark.parametrize("theme", ["light", "dark", "contrast"])
def test_it_can_be_read_in_every_theme(opened: Opened, theme: str) -> None:
    project = make_drawn_project(2, tree=load("gz2"))
    page = opened("/accounts/login/")
    page.add_init_script(
        f"document.addEventListener('readystatechange', () => document.documentElement.dataset.theme = '{theme}')"
    )
    alone(page)
    assert faults_of(page, [desk(project)], project) == []
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(246, 246, 243)", "dark": "rgb(7, 11, 23)", "contrast": "rgb(0, 0, 0)"}[theme]


def test_who_asks_for_more_contrast_gets_it(opened: Opened) -> None:
    page = looking(opened, make_drawn_project(1), contrast="more")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(0, 0, 0)"


def test_every_answer_of_galaxy_zoo_has_its_drawing(opened: Opened) -> None:
    """And an answer that nobody has drawn leaves its question with texts alone."""
    page = looking(opened, make_drawn_project(1))
    expect(page.locator("#answers .icon")).to_have_count(0)
    missing = page.evaluate(
        """async (trees) => {
          const { iconOf } = await import('/static/icons.js');
          const drawn = await (await fetch('/static/icons/answers.svg')).text();
          const all = trees.flatMap((tree) => tree.questions.flatMap((q) => q.answers.map((a) => [q, a])));
          const isDrawn = ([q, a]) => drawn.includes(`id="${iconOf(q, a)}"`);
          return all.filter((one) => !isDrawn(one)).map(([q, a]) => `${q.key}_${a.key}`);
        }""",
        [load(name).to_json() for name in ("gz2", "gz_decals_dr5", "gz_sloan_checkboxes")],
    )
    assert missing == []
