"""What somebody hears of a page: where focus goes, and what its live regions say, in order."""

from typing import Any

from playwright.sync_api import Page

# Run before the page's own scripts. A live region that is written to says what it then holds, though it may be what it
# held before, as screen readers do; a log says what is put into it.
LISTEN = """(() => {
  window.heard = [];
  const live = '[role=status], [role=alert], [role=log], [aria-live=polite], [aria-live=assertive]';
  const words = (node) => node.textContent.replace(/\\s+/g, ' ').trim();
  const seen = { visibilityProperty: true };
  const shown = (node) => node instanceof Element && node.checkVisibility(seen) && !node.closest('[inert]');
  const kind = (node) => node.getAttribute('role') ?? 'live';
  const name = (node) => node.ariaLabel || words(node) || node.id || node.tagName;
  addEventListener('focusin', ({ target }) => heard.push(['focus', name(target)]), true);
  new MutationObserver((changes) => {
    const written = new Set();
    for (const { type, target, addedNodes } of changes) {
      const around = target instanceof Element ? target : target.parentElement;
      const region = around?.closest(live);
      if (type === 'attributes') {  // a region that comes to be seen, or what is around it
        if (!shown(target)) continue;
        const regions = [target, ...target.querySelectorAll(live)].filter((each) => each.matches(live));
        for (const each of regions) if (words(each)) written.add(each);
      } else if (region && shown(region) && kind(region) === 'log') {
        for (const node of addedNodes) if (shown(node)) heard.push(['log', words(node)]);
      } else if (region && shown(region) && words(region)) written.add(region);
    }
    for (const region of written) heard.push([kind(region), words(region)]);
  }).observe(document, { subtree: true, childList: true, characterData: true, attributeFilter: ['hidden'] });
})()"""

_FOCUSED = """() => {
  const at = document.activeElement;
  if (!at || at === document.body || at === document.documentElement) return 'nothing';
  const isSeen = at.checkVisibility({ visibilityProperty: true }) && !at.closest('[inert]');
  return isSeen ? '' : 'what cannot be seen: ' + at.outerHTML.slice(0, 80);
}"""


def listening(page: Page) -> Page:
    page.add_init_script(LISTEN)
    return page


def heard(page: Page) -> list[tuple[str, str]]:
    """(what, text) since the last time that this was asked."""
    told: list[list[Any]] = page.evaluate("window.heard.splice(0)")
    return [(what, text) for what, text in told]


def kept_focus(page: Page, when: str = "") -> None:
    """Something that is there has the focus: else whoever uses the keyboard starts over at the top of the page."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    lost = page.evaluate(_FOCUSED)
    assert not lost, f"{when}: focus is on {lost}"
