"""The pages and states in which axe-core looks at the site.

`PAGES` are addresses by who asks for them, on a site filled by `tests.everything`; `STATES` bring the classifying page
somewhere: each is given a page that has just been opened on a project of Galaxy Zoo's tree with odd features as
checkboxes, its first question asked. A new page or state is a line; a test holds PAGES against every address there is.
"""

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route

KNOWS_THE_WAY = "try { localStorage.setItem('voorwerp.tutorial', '[\"ours\"]'); } catch {}"
"""A script for the browser of somebody who has had the tutorial, which else opens by itself on a first visit."""
PHONE = {"width": 390, "height": 844}

_OF_ANYBODY = ["/", "/projects/{slug}/", "/projects/{slug}/leaderboard/", "/privacy/", "/mine/"]
_TALK = ["/subjects/{first}/", "/projects/{slug}/tags/", "/projects/{slug}/tags/ring/", "/projects/{slug}/collections/"]
_TALK += ["/collections/{collection}/", "/favourites/", "/collections/"]

PAGES: dict[str, list[str]] = {
    "anonymous": [
        *_OF_ANYBODY,
        *_TALK,
        "/projects/{empty}/",
        "/projects/{empty}/leaderboard/",
        "/projects/{empty}/tags/",
        "/projects/{empty}/collections/",
        "/projects/{empty}/classify/",
        "/subjects/{last}/",
        "/nowhere/",
        "/account/privacy/",
        "/accounts/login/",
        "/accounts/signup/",
        "/accounts/password/reset/",
        "/accounts/password/reset/done/",
        "/accounts/password/reset/key/1-set-password/",
        "/accounts/password/reset/key/done/",
        "/accounts/confirm-email/",
        "/accounts/confirm-email/old-key/",
        "/accounts/inactive/",
        "/accounts/3rdparty/login/cancelled/",
        "/accounts/3rdparty/login/error/",
        "/admin/login/",
    ],
    "volunteer": [
        *_OF_ANYBODY,
        *_TALK,
        "/subjects/{second}/",
        "/subjects/{last}/",
        "/mine/profile/",
        "/collections/{collection}/change/",
        "/collections/{collection}/delete/",
        "/account/privacy/",
        "/accounts/email/",
        "/accounts/password/change/",
        "/accounts/logout/",
        "/accounts/3rdparty/",
        "/accounts/reauthenticate/",
        "/research/",
        "/research/new/",
        "/research/{slug}/",
    ],
    "newcomer": ["/", "/mine/", "/mine/profile/", "/account/privacy/", "/accounts/password/set/", "/favourites/"],
    "researcher": [
        "/",
        "/projects/{slug}/",
        "/projects/{paused}/",
        "/projects/{paused}/classify/",
        "/subjects/{first}/",
        "/subjects/{last}/",
        "/projects/{slug}/translate/",
        "/projects/{slug}/translate/de/",
        "/projects/{slug}/moderation/",
        "/projects/{slug}/moderation/?show=hidden",
        "/projects/{empty}/moderation/",
        "/account/privacy/",
        "/research/",
        "/research/new/",
        "/research/{slug}/",
        "/research/{empty}/",
        "/research/{slug}/rules/",
        "/research/{slug}/retirement/",
        "/research/{slug}/retirement/?information_threshold_nats=0.2&information_n_votes=5",
        "/research/{empty}/retirement/",
        "/research/{slug}/images/",
        "/research/{empty}/images/",
        "/research/{slug}/practice/",
        "/research/{empty}/practice/",
        "/research/{slug}/practice/expected/?galaxy={galaxy}",
        "/research/{slug}/practice/expected/?galaxy={galaxy}&answer.smooth-or-featured=artifact",
        "/research/{slug}/teaching/",
        "/research/{empty}/teaching/",
        "/research/{slug}/teaching/tutorial/new/",
        "/research/{slug}/teaching/tutorial/{page}/",
        "/research/{slug}/people/",
        "/research/{slug}/models/1/",
        "/research/{slug}/models/2/",
        "/research/{slug}/volunteers/",
        "/research/{slug}/volunteers/{lazy}/",
    ],
    "staff": [
        "/",
        "/research/",
        "/manage/",
        "/manage/volunteers/",
        "/manage/volunteers/?who=nobody",
        "/manage/volunteers/{lazy}/",
        "/manage/set-aside/",
        "/admin/",
        "/admin/labelling/subject/",
        "/admin/labelling/project/{project}/change/",
    ],
}

State = Callable[[Page], None]


def _press(*keys: str) -> State:
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


def _tools_on_a_phone(page: Page) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    _tools(page)


def _more_on_a_phone(page: Page) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.locator("#show-more").click()


def _opened(button: str) -> State:
    def click(page: Page) -> None:
        page.locator(button).click()
        page.locator("dialog[open]").wait_for()
        page.wait_for_load_state("networkidle")

    return click


def _tutorial_page(number: int) -> State:
    def turn(page: Page) -> None:
        _opened("#open-tutorial")(page)
        for _ in range(number):
            page.keyboard.press("ArrowRight")
        page.wait_for_load_state("networkidle")

    return turn


def _help_with_boxes(page: Page) -> None:
    _press("1", "1", "1")(page)
    _opened("#open-help")(page)


def _guide_searched(page: Page) -> None:
    _opened("#open-guide")(page)
    page.locator("dialog[open] input").fill("ring")


def _guide_entry(page: Page) -> None:
    _opened("#open-guide")(page)
    page.locator("dialog[open] summary").nth(3).click()


def _report_refused(page: Page) -> None:
    """Nothing chosen: the browser itself says that something must be."""
    page.locator("#open-report").click()
    page.locator("#report button.button").first.click()


def _talk(page: Page) -> None:
    page.keyboard.press("3")
    page.locator(".talk-opener").click()
    page.locator("#talk-tag").wait_for()


def _tagged(page: Page) -> None:
    _talk(page)
    page.locator("#talk-tag").fill("ring")
    page.keyboard.press("Enter")
    page.locator("#talk .chip").wait_for()
    page.locator("#talk-comment").fill("half a word")
    page.locator("#talk-tag").fill("ri")
    page.locator("[role=option]").first.wait_for()


def _not_tagged(page: Page) -> None:
    _talk(page)
    page.locator("#talk-tag").fill("a.b")
    page.keyboard.press("Enter")
    page.locator(".talk-status.bad").wait_for()


def _told(what: dict[str, Any]) -> State:
    """After a vote, of which the server tells this."""

    def vote(page: Page) -> None:
        def more(route: Route) -> None:
            reply = route.fetch()
            body = reply.json()
            body["told"] |= what
            route.fulfill(response=reply, body=json.dumps(body))

        page.route("**/classifications/", more)
        page.keyboard.press("3")
        page.locator("#told article").first.wait_for()

    return vote


def _practice(*, is_right: bool) -> dict[str, Any]:
    question = "smooth-or-featured"
    expected = {question: "artifact" if is_right else "smooth"}
    told = {"is_right": {question: is_right}, "expected": expected, "explanation": "It fades evenly from the centre."}
    return {"practice": told}


def _round_up(page: Page) -> None:
    url = page.locator("#galaxy").get_attribute("src")
    _told({"round_up": {"n": 10, "n_first": 1, "first": [{"name": "J1", "url": url}]}})(page)


def _counted(page: Page) -> None:
    page.keyboard.press("3")
    page.locator(".talk-opener").wait_for()


def _undone(page: Page) -> None:
    _counted(page)
    page.keyboard.press("u")
    page.locator(".answer.was").wait_for()


def _offered(page: Page) -> None:
    _counted(page)
    page.keyboard.press("Backspace")


def _refused(page: Page) -> None:
    page.route("**/classifications/", lambda route: route.fulfill(status=409, json={"error": "you did it before"}))
    page.keyboard.press("3")
    page.locator("#refused").wait_for()


def _waiting(page: Page) -> None:
    page.route("**/classifications/", lambda route: route.abort())
    page.keyboard.press("3")
    page.locator("#waiting").wait_for()


def _barred(page: Page) -> None:
    page.route("**/classifications/", lambda route: route.fulfill(status=403, body="no"))
    page.keyboard.press("3")
    page.locator("#waiting").wait_for()


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


def _next_is(reply: Callable[[Route], object], shown: str = "#notice") -> State:
    """The page anew, its galaxies from here."""

    def again(page: Page) -> None:
        page.route("**/next/", reply)
        page.reload()
        page.locator(shown).wait_for()

    return again


def _none(why: str) -> State:
    body = {"signed_in": False, "assignments": [], "why": why}
    return _next_is(lambda route: route.fulfill(json=body))


def _signed_out(page: Page) -> None:
    """As it is for an account whose session ended while it classified."""
    page.locator("#main").evaluate("main => { main.dataset.anonymous = 'no'; }")
    page.route("**/classify/", lambda route: route.fulfill(response=(reply := route.fetch()), body=_as_account(reply)))
    page.reload()
    page.locator("#notice").wait_for()


def _as_account(reply: Any) -> str:
    told: str = reply.text()
    return told.replace('data-anonymous="yes"', 'data-anonymous="no"')


def _without_picture(route: Route) -> None:
    reply = route.fetch()
    body = reply.json()
    for assignment in body["assignments"]:
        assignment["image"] = None
    route.fulfill(response=reply, body=json.dumps(body))


def _broken_pictures(page: Page) -> None:
    page.route("**/images/**", lambda route: route.abort())
    page.reload()
    page.locator("#notice").wait_for()


def _look(page: Page) -> None:
    page.locator(".look-here summary").click()


STATES: dict[str, State] = {
    "the first question": lambda page: None,
    "a long way in": _press("2", "2", "1", "1", "2"),
    "back at an answer": _press("2", "2", "Backspace"),
    "boxes to tick": _press("1", "1", "1", "2", "3"),
    "the tools": _tools,
    "the tools on a phone": _tools_on_a_phone,
    "more, on a phone": _more_on_a_phone,
    "language and look": _look,
    "the keys": _press("?"),
    "a report": lambda page: page.locator("#open-report").click(),
    "a report of nothing": _report_refused,
    **{f"the tutorial, page {number + 1}": _tutorial_page(number) for number in range(8)},
    "help": _opened("#open-help"),
    "help with boxes": _help_with_boxes,
    "the field guide": _opened("#open-guide"),
    "an entry of the field guide": _guide_entry,
    "the field guide, searched": _guide_searched,
    "a favourite": _press("f"),
    "skipped": _press("s"),
    "a vote counted": _counted,
    "the last galaxy, offered": _offered,
    "undone": _undone,
    "talk": _talk,
    "talk, with suggestions": _tagged,
    "talk, refused": _not_tagged,
    "practice seen as expected": _told(_practice(is_right=True)),
    "practice seen otherwise": _told(_practice(is_right=False)),
    "a simulated one": _told({"is_simulated": True}),
    "a round-up": _round_up,
    "a refused vote": _refused,
    "a vote that waits": _waiting,
    "barred": _barred,
    "offline": _offline,
    "signed out": _signed_out,
    "coming": _next_is(lambda route: None, "#main.loading"),
    "no next": _next_is(lambda route: route.fulfill(status=409, json={"error": "The project is paused."})),
    "no picture": _next_is(_without_picture),
    "a broken picture": _broken_pictures,
    "in other hands": _none("in_other_hands"),
    "all done": _none("all_done"),
}
