"""The pictures of these pages, taken anew: a real server, a real browser, simulated galaxies; three minutes.

    python -m docs.screenshots [name ...]

They go to docs/screenshots/, as WebP. A new one is a line of `PICTURES`, and a function that brings a visitor there.
"""

import io
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.page import ARGUMENTS, KNOWS_THE_WAY, start, web
from docs.company import armed, gather
from ml.schema import load

FOLDER = Path(__file__).parent / "screenshots"
SLUG = "simulated-sky"
N_GALAXIES, N_SHOWN, SIZE_PX = 200, 48, 424
QUALITY = 84
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
DESK = {"viewport": {"width": 1440, "height": 900}}


@dataclass(frozen=True)
class Picture:
    """What is to be seen, in which window, by whom."""

    reach: Callable[[Page], None]
    window: dict[str, Any]
    theme: str = ""
    is_new: bool = False
    is_ada: bool = False
    path: str = f"/projects/{SLUG}/classify/"


def main() -> None:
    """Take those that are named, or all."""
    names = sys.argv[1:] or list(PICTURES)
    data = Path(tempfile.mkdtemp(prefix="voorwerp-screenshots-"))
    servers = start(data)
    try:
        ada = _fill()
        FOLDER.mkdir(exist_ok=True)
        with web(data, SLUG) as url, sync_playwright() as playwright:
            chromium = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
            for name in names:
                _take(browser, url, FOLDER / f"{name}.webp", PICTURES[name], ada)
            browser.close()
    finally:
        servers.stop()
        shutil.rmtree(data, ignore_errors=True)


def _fill() -> dict[str, str]:
    """The demo's people, and its project with the galaxies whose spiral arms are the clearest; ada's session cookie."""
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client

    from labelling.models import Project, Subject
    from morphology.management.commands import demo
    from morphology.rehearsal.simulated import DESCRIPTION, TITLE, add_galaxies, read_truths, render_galaxies

    for name in demo.PEOPLE:
        demo.login_of(name)
    folder = demo.sky_folder()
    render_galaxies(N_GALAXIES, folder, size_px=SIZE_PX)
    texts = {"title": TITLE, "description": DESCRIPTION}
    project = demo.project_of(SLUG, **texts)
    add_galaxies(SLUG, project.owner, folder, size_px=SIZE_PX)
    truths, tree = read_truths(folder), load(demo.TREE)
    finest = sorted(truths, key=lambda name: -armed(tree, truths[name]))[:N_SHOWN]
    Subject.objects.filter(project=project).exclude(galaxy__name__in=finest).delete()
    Project.objects.filter(pk=project.pk).update(practice=Project.Practising.NEVER)
    project.refresh_from_db()
    gather(project, truths)
    client = Client()
    client.force_login(User.objects.get(username="ada"))
    return {"name": settings.SESSION_COOKIE_NAME, "value": client.cookies[settings.SESSION_COOKIE_NAME].value}


def _take(browser: Browser, url: str, path: Path, picture: Picture, ada: dict[str, str]) -> None:
    context = browser.new_context(base_url=url, reduced_motion="reduce", **picture.window)
    context.set_default_timeout(60_000)
    if not picture.is_new:
        context.add_init_script(KNOWS_THE_WAY)
    if picture.theme:
        context.add_init_script(f"try {{ localStorage.setItem('voorwerp.theme', '{picture.theme}') }} catch {{}}")
    if picture.is_ada:
        context.add_cookies([{"name": ada["name"], "value": ada["value"], "url": url}])
    page = context.new_page()
    page.goto(picture.path)
    picture.reach(page)
    page.wait_for_load_state("networkidle")
    Image.open(io.BytesIO(page.screenshot())).save(path, "WEBP", quality=QUALITY, method=6)
    print(f"{path.relative_to(Path.cwd())}: {path.stat().st_size // 1000} kB")
    context.close()


def _at_the_first_question(page: Page) -> None:
    page.locator("#galaxy").wait_for()
    page.locator("#open-help").wait_for()


def _half_way(page: Page) -> None:
    """A galaxy is done, and the next one's spiral arms are being counted."""
    _at_the_first_question(page)
    for key in "112":  # smooth, round, nothing odd
        page.keyboard.press(key)
    page.locator(".talk-opener").wait_for()
    for key in "22111":
        page.keyboard.press(key)
    page.wait_for_timeout(500)


def _as_it_is(page: Page) -> None:
    page.locator("main h1").wait_for()


def _tutorial(page: Page) -> None:
    page.locator("dialog.tutorial").wait_for()
    page.wait_for_timeout(500)


PICTURES = {
    "classify-phone": Picture(_at_the_first_question, PHONE),
    "classify-desktop": Picture(_half_way, DESK, theme="light"),
    "classify-dark": Picture(_half_way, DESK, theme="dark"),
    "home": Picture(_as_it_is, DESK, path="/"),
    "project": Picture(_as_it_is, DESK, path=f"/projects/{SLUG}/"),
    "my-galaxies": Picture(_as_it_is, DESK, path="/mine/", is_ada=True),
    "tutorial": Picture(_tutorial, PHONE, is_new=True),
}

if __name__ == "__main__":
    main()
