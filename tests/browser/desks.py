"""What the tests of the classifying page share: what is on the screen, and that the books balance when it is over."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from labelling.models import Assignment, Classification, Project, Subject
from labelling.votes import recount


def desk(project: Project) -> str:
    return f"/projects/{project.slug}/classify/"


def asked(page: Page, question: str) -> None:
    expect(page.locator("#question")).to_have_text(question)
    expect(page.locator("#asking:not([inert]) #question")).to_be_visible()


def noticed(page: Page, title: str) -> None:
    expect(page.locator("#notice-title")).to_have_text(title)
    expect(page.locator("#notice-title")).to_be_visible()


def tally(page: Page, n: int) -> None:
    """What the page says that the server has counted."""
    expect(page.locator("#tally")).to_have_text(str(n))


def galaxy(page: Page) -> str:
    return page.locator("#galaxy-name").inner_text()


def eventually(page: Page, holds: Callable[[], bool]) -> None:
    """Wait for what a beacon or a retry brings about on the server."""
    for _ in range(120):
        if holds():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it never came about")


def all_ahead(page: Page, n: int) -> None:
    """Until n galaxies are leased, and their pictures here."""
    eventually(page, lambda: Assignment.objects.filter(ended_at__isnull=True).count() == n)
    page.wait_for_load_state("networkidle")


def walks() -> list[Any]:
    return list(Classification.objects.standing().order_by("pk").values_list("walk", flat=True))


def balanced(project: Project, n: int) -> None:
    """Exactly n votes stand, each counted once."""
    assert Classification.objects.standing().count() == n
    assert sum(Subject.objects.filter(project=project).values_list("n_classifications", flat=True)) == n
    assert recount(project) == []


def nothing_waits(page: Page) -> None:
    """The outbox is empty."""
    kept = "Object.keys(localStorage).filter((name) => name.startsWith('voorwerp.out.')).length"
    eventually(page, lambda: page.evaluate(kept) == 0)
