"""axe-core on every page of the site, and in every state of the classifying page, by day and by night, on a desk.

On a phone, in high contrast, and with nothing chosen: `python -m benchmarks.page`.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from benchmarks.access import WINDOWS, broken_rules, pages, states
from benchmarks.states import PAGES, STATES
from ml.schema import load
from tests.everything import TREE, make_everything
from tests.labelling.pages.drawn import make_drawn_project

pytestmark = pytest.mark.django_db(transaction=True)

BY_DAY_AND_NIGHT: dict[str, Any] = {"themes": ("light", "dark"), "windows": WINDOWS[:1]}

# Addresses that are no page of their own: they are sent to, or answer with data, a file or a part of a page.
NO_PAGES = """
add_example add_galaxies ask_adaptation ask_cancel ask_cycle ask_export ask_roll_back ask_set_aside ask_take_up_again
ask_tuning begin_with_ours change_example change_page classifications collect comment_on_subject delete_comment
delete_my_account export_my_data go_live guide_json guide_picture health image jobs model_report moderate_comment
moderate_tag my_days next_galaxy rejects release remove_member renew_link report_assignment report_comment report_tag
return_assignment review_suspicion save_expected set_language settle_image skip_assignment suggested_tags
switch_practice tag_subject tags_csv talk texts to_provider undo_classification withdraw_collection
"""
# Of allauth: these lead elsewhere, or follow something that has begun at a provider; its forms are those of signing up.
NO_PAGES += """
account_confirm_login_code openid_connect_callback openid_connect_login socialaccount_signup
"""


def test_every_address_is_looked_at_or_is_no_page() -> None:
    paths = {re.sub(r"{\w+}", "1", path.partition("?")[0]) for paths in PAGES.values() for path in paths}
    looked_at = {resolve(path).url_name for path in paths - {"/nowhere/"}}
    named = {name for name in _names(get_resolver().url_patterns) if name}
    assert named - {*NO_PAGES.split()} - looked_at == set()
    assert {*NO_PAGES.split()} <= named, "these are no addresses any more"


def _names(patterns: list[URLPattern | URLResolver]) -> Iterator[str | None]:
    """Of all but Django's tables, which PAGES has samples of."""
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            yield pattern.name
        elif pattern.app_name != "admin":
            yield from _names(pattern.url_patterns)


@pytest.mark.parametrize("who", PAGES)
def test_every_page(chromium: Browser, live_server: LiveServer, who: str) -> None:
    site = make_everything()
    shown = pages(chromium, live_server.url, site, who)
    broken = [told for where, page in shown for told in broken_rules(page, where, **BY_DAY_AND_NIGHT)]
    assert not broken, "\n".join(broken)


SOME = {
    "the first question",
    "boxes to tick",
    "the tools",
    "more, on a phone",
    "the keys",
    "a report",
    "the tutorial, page 1",
}
SOME |= {"help", "the field guide, searched", "talk, with suggestions", "practice seen otherwise", "a vote that waits"}
SOME |= {"undone", "offline", "coming", "all done"}


@pytest.mark.parametrize("is_some", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["some", "others"])
def test_every_state(chromium: Browser, live_server: LiveServer, is_some: bool) -> None:
    project = make_drawn_project(60, tree=load(TREE))
    names = [name for name in STATES if (name in SOME) == is_some]
    shown = states(chromium, live_server.url, project.slug, names)
    broken = [told for where, page in shown for told in broken_rules(page, where, **BY_DAY_AND_NIGHT)]
    assert not broken, "\n".join(broken)
    assert set(STATES) >= SOME


def test_a_fault_is_found(chromium: Browser, live_server: LiveServer) -> None:
    """So that nothing found is not nothing looked at."""
    page = chromium.new_page(base_url=live_server.url)
    page.goto("/")
    page.evaluate("document.querySelector('.bottom p').style.color = '#777'")
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    found = " ".join(broken_rules(page, "home", **BY_DAY_AND_NIGHT))
    page.close()
    for rule in ("button-name: home, light", "color-contrast: home, light", "color-contrast: home, dark"):
        assert rule in found
