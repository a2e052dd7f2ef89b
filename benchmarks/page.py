"""What the classifying page costs its visitor; the last line of output is one JSON object.

`python -m benchmarks.page`: a real web server on loopback, a headless chromium slowed down four times. Bytes are each
reply's body compressed as a server compresses it (gzip, level 6), without the pictures of galaxies. The first galaxy is
timed from the start of the navigation, with nothing cached; the next one from the event of the last answer (a key or a
click) to the picture's first paint, both by the browser's own clock (element timing). axe-core looks at every page and
state of `benchmarks.states`, as every kind of visitor, in every theme, on a desk and on a phone; the site that it looks
at is filled by `tests.everything`, beside the project that is timed.
"""

import argparse
import gzip
import io
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django
import numpy as np

from benchmarks.figures import publish, tell
from benchmarks.states import KNOWS_THE_WAY

ROOT = Path(__file__).resolve().parent.parent
TARGETS = {
    "bytes_gzipped": 150_000,
    "foreign_requests": 0,
    "first_galaxy_ms": 1000,
    "next_galaxy_ms": 100,
    "axe_violations": 0,
}
SLOWER = 4
SLUG, N_GALAXIES, SIZE_PX = "page", 60, 424
THINKING_MS = 700
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

# The browser's own clock: when an answer was given, when a galaxy was painted first.
WATCH = """
window.answeredAt = 0; window.paints = [];
for (const kind of ['keydown', 'pointerup']) addEventListener(kind, (event) => { answeredAt = event.timeStamp; }, true);
new PerformanceObserver((list) => {
  for (const { identifier, startTime } of list.getEntries()) if (identifier === 'galaxy') paints.push(startTime);
}).observe({ type: 'element', buffered: true });
"""


def main() -> None:
    """Measure everything, tell each beside its target, and leave nothing behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=int, default=7, help="of which the first galaxy's median is taken")
    parser.add_argument("--galaxies", type=int, default=20, help="of which the next galaxy's median is taken")
    parser.add_argument("--quick", action="store_true", help="axe-core looks at a few pages, in one theme")
    parser.add_argument("--out", type=Path, help="keep the figures in this file, too")
    arguments = parser.parse_args()
    data = Path(tempfile.mkdtemp(prefix="voorwerp-benchmark-"))
    servers = start(data)
    try:
        _make_project()
        from tests.everything import make_everything

        site = make_everything()  # before playwright, in whose event loop Django asks its database nothing
        with web(data, SLUG) as url:
            figures = _measure(url, site, arguments)
    finally:
        servers.stop()
        shutil.rmtree(data, ignore_errors=True)
    for name, target in TARGETS.items():
        tell(f"{name:18} {figures[name]:8g}   target {target:g}: {'within' if figures[name] <= target else 'OVER'}")
    publish(figures, out=arguments.out)


def _measure(url: str, site: Any, arguments: argparse.Namespace) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        weighed = weigh(browser, url)
        first = [first_galaxy_ms(browser, url) for _ in range(arguments.visits)]
        after = next_galaxies_ms(browser, url, arguments.galaxies)
        broken = broken_rules(browser, url, site, is_quick=arguments.quick)
        browser.close()
    return {
        **weighed,
        "first_galaxy_ms": round(statistics.median(first)),
        "first_galaxy_ms_max": round(max(first)),
        "next_galaxy_ms": round(statistics.median(after)),
        "next_galaxy_ms_max": round(max(after)),
        "axe_violations": len(broken),
        "axe_broken": sorted(set(broken)),
    }


def weigh(browser: Any, url: str) -> dict[str, Any]:
    """Bytes and requests of a first visit, until nothing more comes; the pictures of galaxies aside."""
    context = browser.new_context(base_url=url)
    page = context.new_page()
    replies: list[Any] = []
    page.on("response", lambda reply: replies.append(reply))  # noqa: PLW0108 - playwright takes no builtin
    page.goto(f"/projects/{SLUG}/classify/")
    page.locator("#galaxy").wait_for()
    page.wait_for_load_state("networkidle")
    ours = [reply for reply in replies if "/images/" not in reply.url]
    kinds: dict[str, int] = {}
    for reply in ours:
        kind = urlsplit(reply.url).path.rpartition("/")[2].rpartition(".")[2] or "page and data"
        kinds[kind] = kinds.get(kind, 0) + len(gzip.compress(reply.body(), 6))
    context.close()
    return {
        "bytes_gzipped": sum(kinds.values()),
        "bytes_of": kinds,
        "requests": len(ours),
        "foreign_requests": sum(not reply.url.startswith(url + "/") for reply in replies),
    }


def first_galaxy_ms(browser: Any, url: str) -> float:
    """Of a visitor with nothing cached."""
    context, page = _slow_page(browser, url)
    _until(page, "paints.length")
    found: float = page.evaluate("paints[0]")
    context.close()
    return found


def next_galaxies_ms(browser: Any, url: str, n: int) -> list[float]:
    """One a galaxy, by key and by click in turns, by somebody who thinks for a moment."""
    context, page = _slow_page(browser, url)
    _until(page, "paints.length")
    taken = []
    for turn in range(1, n + 1):
        page.wait_for_timeout(THINKING_MS)
        if turn % 2:
            page.keyboard.press("3")
        else:
            page.locator(".answer").nth(2).click()
        _until(page, f"paints.length > {turn}")
        taken.append(page.evaluate(f"paints[{turn}] - answeredAt"))
    context.close()
    return taken


def broken_rules(browser: Any, url: str, site: Any, *, is_quick: bool = False) -> list[str]:
    """`rule: page or state, theme, window: where`, one for each element that breaks one."""
    from benchmarks import access, states

    looks = {"themes": access.THEMES[:1], "windows": access.WINDOWS[:1]} if is_quick else {}
    shown = [access.pages(browser, url, site, who) for who in list(states.PAGES)[: 1 if is_quick else None]]
    shown.append(access.states(browser, url, SLUG, list(states.STATES)[: 5 if is_quick else None]))
    return [told for each in shown for where, page in each for told in access.broken_rules(page, where, **looks)]


def _slow_page(browser: Any, url: str) -> tuple[Any, Any]:
    context = browser.new_context(base_url=url)
    page = context.new_page()
    page.add_init_script(KNOWS_THE_WAY)
    page.add_init_script(WATCH)
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.goto(f"/projects/{SLUG}/classify/")
    return context, page


def _until(page: Any, holds: str) -> None:
    """The site's own policy forbids what playwright's wait_for_function does."""
    deadline = time.monotonic() + 60
    while not page.evaluate(holds):
        if time.monotonic() > deadline:
            sys.exit(f"{holds} never came about")
        page.wait_for_timeout(20)


def start(data: Path) -> Any:
    """Servers of our own in this folder, and Django on them; answers them, to be stopped."""
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    os.environ |= {"VOORWERP_DATA": str(data), "DJANGO_SETTINGS_MODULE": "morphology.settings", "LOG_LEVEL": "WARNING"}
    from morphology import embedded

    embedded.servers = embedded.Servers(data)
    embedded.servers.start_or_join()
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    return embedded.servers


@contextmanager
def web(data: Path, slug: str) -> Iterator[str]:
    """gunicorn as `manage.py serve` starts it, without the workers, and warm for this project; yields its address."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
    options = ["--bind", address, "--workers", "2", "--threads", "4", "--no-control-socket"]
    with (data / "web.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *options, "morphology.wsgi"], cwd=ROOT, stdout=log, stderr=log
        )
    try:
        for path in ("/healthz", f"/projects/{slug}/", f"/projects/{slug}/classify/") * 3:  # both workers are warm
            _answers(f"http://{address}{path}")
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=20)
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{url} does not answer")


def _make_project() -> None:
    from django.contrib.auth.models import User

    from labelling import files
    from labelling.models import Galaxy, Image, Subject
    from labelling.models.galaxy import identity_hash
    from labelling.project import create_project
    from ml.schema import load

    tree = load("gz_sloan_checkboxes")
    owner = User.objects.create_user("benchmark-owner")
    project = create_project(slug=SLUG, title="Galaxy Zoo", owner=owner, tree=tree, is_live=True)
    for name, content in _pictures():
        hashed = identity_hash(SLUG, name)
        galaxy = Galaxy.objects.create(
            survey=SLUG, name=name, identity_hash=hashed, side=Galaxy.Side.POOL, ra_deg=150, dec_deg=2
        )
        Image.objects.create(
            galaxy=galaxy,
            originals=[],
            page_sha256=files.put(content),
            page_media_type="image/jpeg",
            page_width_px=SIZE_PX,
            page_height_px=SIZE_PX,
            network_sha256="0" * 64,
            pixel_scale_arcsec=0.1,
            stretch={"north_deg": 20.0, "east_is_left_of_north": True},
        )
        counts = [0] * len(tree.columns)
        Subject.objects.create(project=project, galaxy=galaxy, side="pool", uniform_rank=hashed, counts=counts)


def _pictures() -> Iterator[tuple[str, bytes]]:
    """Real ones of Galaxy Zoo 2 where the shared data are, else drawn: both JPEGs of 424 px."""
    real = Path(os.environ.get("VOORWERP_SHARED") or ROOT.parent / "shared") / "data/gz2_votes/images"
    if real.exists():
        tell(f"{N_GALAXIES} real pictures of Galaxy Zoo 2")
        yield from ((path.stem, path.read_bytes()) for path in sorted(real.glob("*.jpg"))[:N_GALAXIES])
        return
    from PIL import Image as Picture

    tell(f"{N_GALAXIES} drawn pictures")
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX] - SIZE_PX / 2
    for number in range(N_GALAXIES):
        rng = np.random.default_rng(number)
        light = np.exp(-np.hypot(x * rng.uniform(1, 3), y) / rng.uniform(20, 50))[..., None] * [255, 215, 160]
        content = io.BytesIO()
        noisy = (light + rng.normal(8, 6, light.shape)).clip(0, 255).astype(np.uint8)
        Picture.fromarray(noisy).save(content, "JPEG", quality=85)
        yield f"drawn-{number}", content.getvalue()


if __name__ == "__main__":
    main()
