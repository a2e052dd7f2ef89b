"""axe-core's look at a page: every rule as it is opened, then what colours can break, in every theme and window."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, Page

from benchmarks.states import KNOWS_THE_WAY, PAGES, PHONE, STATES

if TYPE_CHECKING:  # its rows can be named when Django is set up
    from tests.everything import Everything

THEMES = ("light", "dark", "contrast", "")
"""What <html data-theme> says; nothing for a visitor who has not chosen."""
WINDOWS = ({"width": 1440, "height": 900}, PHONE)

# Beyond axe's own choice: a target of 24 px.
_EVERY_RULE = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
_OF_COLOURS = {"resultTypes": ["violations"], "runOnly": ["color-contrast", "link-in-text-block"]}
_SETTLED = """async () => {
  const ending = document.getAnimations().filter((each) => each.effect.getComputedTiming().endTime < Infinity);
  await Promise.all(ending.map((each) => each.finished.catch(() => {})));
}"""
_NO_THEME = "delete document.documentElement.dataset.theme"


def broken_rules(
    page: Page, where: str, themes: Sequence[str] = THEMES, windows: Sequence[dict[str, int]] = WINDOWS
) -> list[str]:
    """`rule: where, theme, window: element`, one for each element of the page as it stands that breaks one."""
    broken = []
    for window in [PHONE] if where.endswith("on a phone") else windows:
        page.set_viewport_size(window)  # type: ignore[arg-type]
        for theme in themes:
            page.evaluate(f"document.documentElement.dataset.theme = '{theme}'" if theme else _NO_THEME)
            rules = _EVERY_RULE if theme == themes[0] else _OF_COLOURS
            at = f"{where}, {theme or 'no theme'}, {window['width']} px"
            broken += [f"{told}: {at}: {element}" for told, element in _broken(page, rules)]
    return broken


def _broken(page: Page, rules: dict[str, Any]) -> Iterator[tuple[str, str]]:
    page.evaluate(_SETTLED)
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    for rule in page.evaluate("rules => axe.run(rules)", rules)["violations"]:
        yield from ((rule["id"], str(node["target"])) for node in rule["nodes"])


def pages(browser: Browser, url: str, site: "Everything", who: str) -> Iterator[tuple[str, Page]]:
    """Every page that this visitor is shown: `page, as who`, and the page."""
    context = _visitor(browser, url, site.cookies.get(who))
    page = context.new_page()
    for path in PAGES[who]:
        page.goto(path.format(**site.names))
        yield f"{path} ({who})", page
    context.close()


def states(browser: Browser, url: str, slug: str, names: Sequence[str] = tuple(STATES)) -> Iterator[tuple[str, Page]]:
    """Every state of this project's classifying page, each of a new visitor."""
    for name in names:
        context = _visitor(browser, url)
        page = context.new_page()
        page.goto(f"/projects/{slug}/classify/")
        page.locator("#open-tutorial:not([hidden])").wait_for(state="attached")  # the last to come
        STATES[name](page)
        yield name, page
        context.close()


def _visitor(browser: Browser, url: str, session: str | None = None) -> BrowserContext:
    context = browser.new_context(base_url=url, viewport=WINDOWS[0])  # type: ignore[arg-type]
    context.add_init_script(KNOWS_THE_WAY)
    context.set_default_timeout(20_000)
    if session:
        context.add_cookies([{"name": "sessionid", "value": session, "url": url}])
    return context
