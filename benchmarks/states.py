"""The pages and states in which axe-core looks at what a volunteer meets.

`PAGES` are addresses; `STATES` bring the classifying page somewhere: each is given a page that has just been opened on
a project of Galaxy Zoo's tree with odd features as checkboxes, its first question asked. A new page or state is a line.
"""

import json
from collections.abc import Callable

from playwright.sync_api import Page, Route

PAGES = ["/", "/projects/{slug}/", "/mine/", "/accounts/login/", "/accounts/signup/"]
THEMES = ("", "light", "dark", "contrast")
"""What <html data-theme> says; nothing for a visitor who has not chosen."""
WINDOWS = ({"width": 1440, "height": 900}, {"width": 390, "height": 844})


def _press(*keys: str) -> Callable[[Page], None]:
    def press(page: Page) -> None:
        for key in keys:
            page.keyboard.press(key)

    return press


def _tools(page: Page) -> None:
    toggle = page.locator("#show-tools")
    if toggle.is_visible():
        toggle.click()
    page.locator("#light").click()
    page.keyboard.press("+")
    page.keyboard.press("i")


def _opened(button: str) -> Callable[[Page], None]:
    def click(page: Page) -> None:
        page.locator(button).click()
        page.locator("dialog[open]").wait_for()
        page.wait_for_load_state("networkidle")

    return click


def _talk(page: Page) -> None:
    page.keyboard.press("3")
    page.locator(".talk-opener").click()
    page.wait_for_load_state("networkidle")


def _report(page: Page) -> None:
    page.locator("#open-report").click()


def _told(page: Page) -> None:
    """Practice seen otherwise, a round-up, the last galaxy to undo."""
    practice = {"is_right": {"smooth-or-featured": False}, "expected": {"smooth-or-featured": "smooth"}}
    url = page.locator("#galaxy").get_attribute("src")
    told = {
        "practice": {**practice, "explanation": "It fades evenly from the centre."},
        "round_up": {"n": 10, "n_first": 1, "first": [{"name": "J1", "url": url}]},
    }

    def more(route: Route) -> None:
        reply = route.fetch()
        body = reply.json()
        body["told"] |= told
        route.fulfill(response=reply, body=json.dumps(body))

    page.route("**/classifications/", more)
    page.keyboard.press("3")
    page.locator("#told article").first.wait_for()


def _refused(page: Page) -> None:
    page.route("**/classifications/", lambda route: route.fulfill(status=409, json={"error": "you did it before"}))
    page.keyboard.press("3")
    page.locator("#refused").wait_for()


def _offline(page: Page) -> None:
    """Answers wait to be sent, and nothing is left to look at."""
    page.route("**/classifications/", lambda route: route.abort())
    page.route("**/next/", lambda route: route.abort())
    for _ in range(12):
        page.keyboard.press("3")
        page.wait_for_timeout(100)
        if page.locator("#notice").is_visible():
            return
    raise RuntimeError("the galaxies ahead never ended")


def _done(page: Page) -> None:
    empty = {"signed_in": False, "assignments": [], "why": "all_done"}
    page.route("**/next/", lambda route: route.fulfill(json=empty))
    page.reload()
    page.locator("#notice").wait_for()


STATES: dict[str, Callable[[Page], None]] = {
    "the first question": lambda page: None,
    "a long way in": _press("2", "2", "1", "1", "2"),
    "back at an answer": _press("2", "2", "Backspace"),
    "boxes to tick": _press("1", "1", "1", "2", "3"),
    "the tools": _tools,
    "the keys": _press("?"),
    "a report": _report,
    "the tutorial": _opened("#open-tutorial"),
    "help": _opened("#open-help"),
    "the field guide": _opened("#open-guide"),
    "talk": _talk,
    "after a vote": _told,
    "a refused vote": _refused,
    "offline": _offline,
    "all done": _done,
}
