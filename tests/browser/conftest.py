"""A real browser before the real pages: Debian's chromium, driven by playwright.

Every page is watched: an error in its console, or a request to another host, fails the test that opened it.
"""

import os
import shutil
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright
from pytest_django.live_server_helper import LiveServer

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE: dict[str, Any] = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}

KNOWS_THE_WAY = "try { localStorage.setItem('voorwerp.tutorial', '[\"ours\"]') } catch {}"
"""A script for the browser of somebody who has had the tutorial, which else opens by itself."""

Opened = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == item.config.rootpath / "tests" / "browser":
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no chromium on PATH: apt-get install chromium")
    # Playwright's own event loop makes Django take every query for one of an async view.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def opened(chromium: Browser, live_server: LiveServer) -> Generator[Opened]:
    """`opened("/path/", **options)`: a page of its own visitor, watched until the test ends.

    The visitor has had the tutorial, unless `is_new`.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []
    under_way: set[Request] = set()

    def watch(page: Page) -> None:
        page.on("request", lambda request: under_way.add(request))  # noqa: PLW0108 - playwright takes no builtin
        page.on("requestfinished", lambda request: under_way.discard(request))  # noqa: PLW0108
        page.on("requestfailed", lambda request: under_way.discard(request))  # noqa: PLW0108
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda line: complaints.append(f"{page.url}: {line.text}") if line.type == "error" else None)
        page.on("request", lambda request: complaints.append(request.url) if _is_foreign(request.url) else None)

    def _is_foreign(url: str) -> bool:
        return urlsplit(url).scheme in ("http", "https", "ws") and not url.startswith(live_server.url + "/")

    def open_page(path: str, *, is_new: bool = False, **options: Any) -> Page:
        context = chromium.new_context(base_url=live_server.url, **options)
        if not is_new:
            context.add_init_script(KNOWS_THE_WAY)
        context.set_default_timeout(8000)
        contexts.append(context)
        context.on("page", watch)
        page = context.new_page()
        page.goto(path)
        return page

    open_page.complaints = complaints  # type: ignore[attr-defined]
    yield open_page
    told = list(complaints)
    for context in contexts:
        _leave_quietly(context, under_way)
    assert not told, told


def _leave_quietly(context: BrowserContext, under_way: set[Request]) -> None:
    """Nothing is asked of the server from here on: it would meet tables that are being emptied."""
    for page in context.pages:
        deadline = time.monotonic() + 10
        while under_way and time.monotonic() < deadline:
            page.wait_for_timeout(20)
    context.set_offline(True)
    context.close()


def sign_in(page: Page, name: str, password: str) -> None:
    """Through the form, as people do."""
    page.goto("/accounts/login/")
    page.fill("[name=login]", name)
    page.fill("[name=password]", password)
    page.click("main button[type=submit]")
    page.wait_for_selector(".top .who")
