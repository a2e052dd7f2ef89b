"""The galaxy in the volunteer's hands: zoom, pan, pinch, turn, flip, light; the scale bar and compass that follow."""

import re

import pytest
from playwright.sync_api import Page, expect

from labelling.models import Galaxy, Image
from tests.browser.conftest import PHONE, Opened
from tests.browser.desks import asked, desk
from tests.labelling.pages.drawn import make_drawn_project

pytestmark = pytest.mark.django_db(transaction=True)


def view(page: Page) -> tuple[float, float, float, int, bool]:
    """x and y px, zoom, degrees, flipped: as the picture is drawn."""
    transform = page.locator("#galaxy").evaluate("picture => picture.style.transform")
    found = re.fullmatch(
        r"translate\(([-.\de]+)px, ([-.\de]+)px\) scale\(([.\d]+)\) rotate\((-?\d+)deg\)( scaleX\(-1\))?", transform
    )
    assert found, transform
    x, y, zoom, degrees, flipped = found.groups()
    return float(x), float(y), float(zoom), int(degrees), flipped is not None


def looking(opened: Opened, **options: object) -> Page:
    """A page with a galaxy of the sky: north is 30° counter-clockwise of up, east to its left."""
    project = make_drawn_project(1)
    Image.objects.update(stretch={"north_deg": 30.0, "east_is_left_of_north": True})
    Galaxy.objects.update(ra_deg=150.5, dec_deg=2.25)
    page = opened(desk(project), **options)
    asked(page, "shape?")
    return page


def middle(page: Page) -> tuple[float, float, float]:
    """Of the frame, and its width."""
    box = page.locator("#frame").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["width"]


def end_of(page: Page, line: str) -> tuple[float, float]:
    x, y = (float(page.locator(f"#{line}").get_attribute(end) or "nan") for end in ("x2", "y2"))
    return x, y


def test_the_keys_of_the_image(opened: Opened) -> None:
    page = looking(opened)
    for key in "+++":
        page.keyboard.press(key)
    assert view(page)[2] == pytest.approx(1.4**3)
    page.keyboard.press("ArrowRight")
    assert view(page)[0] == -60
    page.keyboard.press("r")
    assert view(page)[:2] == (0, -60) and view(page)[3] == 90
    page.keyboard.press("x")
    assert view(page)[3:] == (-90, True)
    page.keyboard.press("-")
    page.keyboard.press("i")
    expect(page.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "true")
    assert "invert(1)" in page.locator("#galaxy").evaluate("picture => picture.style.filter")
    page.keyboard.press("0")
    assert view(page) == (0, 0, 1, 0, False)
    expect(page.get_by_role("button", name="Reset")).to_be_disabled()


def test_the_wheel_zooms_where_the_pointer_is_and_a_drag_moves(opened: Opened) -> None:
    page = looking(opened)
    x, y, width = middle(page)
    page.mouse.move(x + width / 4, y)
    page.mouse.wheel(0, -433)  # doubles it
    eventual = view(page)
    assert eventual[2] == pytest.approx(2, rel=0.01)
    assert eventual[0] == pytest.approx(-width / 4, rel=0.02)  # what was under the pointer still is
    page.mouse.down()
    page.mouse.move(x + width / 4 - 30, y + 20)
    page.mouse.up()
    assert view(page)[0] == pytest.approx(eventual[0] - 30, abs=1) and view(page)[1] == pytest.approx(20, abs=1)
    page.mouse.down()
    page.mouse.move(x - 5 * width, y)
    page.mouse.up()
    assert view(page)[0] == pytest.approx(-width / 2, rel=0.01)  # its edge stays at the frame's


def test_fingers_pinch_and_tap_twice(opened: Opened) -> None:
    page = looking(opened, **PHONE)
    x, y, _ = middle(page)
    fingers = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        at = [{"x": px, "y": py, "id": number} for number, (px, py) in enumerate(points)]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    touch("touchStart", (x - 20, y))
    touch("touchStart", (x - 20, y), (x + 20, y))
    for span in (25, 30, 35, 40):
        touch("touchMove", (x - span, y), (x + span, y))
    touch("touchEnd")
    page.wait_for_timeout(100)
    assert view(page)[2] == pytest.approx(2, rel=0.15)
    page.touchscreen.tap(x, y)
    page.touchscreen.tap(x, y)
    page.wait_for_timeout(100)
    assert view(page)[2] == 1
    page.touchscreen.tap(x + 40, y)
    page.touchscreen.tap(x + 40, y)
    page.wait_for_timeout(100)
    assert view(page)[2] == pytest.approx(2.5)


def test_the_scale_bar_is_as_long_as_it_says(opened: Opened) -> None:
    page = looking(opened)
    _, _, width = middle(page)
    arcsec_px = width / 96 / 0.5  # 96 px of half an arcsec each

    def length() -> float:
        box = page.locator("#scale").bounding_box()
        assert box is not None
        return box["width"]

    expect(page.locator("#scale-length")).to_have_text("10″")
    assert length() == pytest.approx(10 * arcsec_px, rel=0.02)
    page.keyboard.press("r")
    assert length() == pytest.approx(10 * arcsec_px, rel=0.02)
    for _ in range(2):
        page.keyboard.press("+")
    expect(page.locator("#scale-length")).to_have_text("5″")
    assert length() == pytest.approx(5 * 1.96 * arcsec_px, rel=0.02)


def test_north_and_east_turn_and_flip_with_the_picture(opened: Opened) -> None:
    page = looking(opened)
    assert end_of(page, "north") == pytest.approx((-9.5, -16.45), abs=0.01)  # 19 px, 30° to the left of up
    assert end_of(page, "east") == pytest.approx((-16.45, 9.5), abs=0.01)
    page.keyboard.press("x")
    assert end_of(page, "north") == pytest.approx((9.5, -16.45), abs=0.01)
    assert end_of(page, "east") == pytest.approx((16.45, 9.5), abs=0.01)
    page.keyboard.press("r")
    assert end_of(page, "north") == pytest.approx((16.45, 9.5), abs=0.01)
    assert end_of(page, "east") == pytest.approx((-9.5, 16.45), abs=0.01)


def test_the_sky_is_one_click_away_after_the_vote_and_asked_for_by_nothing_else(opened: Opened) -> None:
    page = looking(opened)
    link = page.get_by_role("link", name="See it in the sky")
    expect(link).to_have_count(0)  # a drawn galaxy has none, and would be known by that
    page.keyboard.press("1")
    expect(link).to_be_visible()
    assert "ra=150.5" in (link.get_attribute("href") or "")
    assert "noopener" in (link.get_attribute("rel") or "")


def test_brightness_and_contrast_stay_for_the_next_galaxy_and_how_it_lies_does_not(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(2)))
    asked(page, "shape?")
    first = page.locator("#galaxy-name").inner_text()
    page.get_by_role("button", name="Light").click()
    page.get_by_role("slider", name="Brightness").fill("2")
    page.get_by_role("slider", name="Contrast").fill("1.5")
    page.keyboard.press("r")
    page.keyboard.press("1")
    expect(page.locator("#galaxy-name")).not_to_have_text(first)
    assert view(page) == (0, 0, 1, 0, False)
    light = page.locator("#galaxy").evaluate("picture => picture.style.filter")
    assert light == "brightness(2) contrast(1.5)"


def test_on_a_phone_the_tools_open_over_the_galaxy(opened: Opened) -> None:
    page = looking(opened, **PHONE)
    expect(page.get_by_role("button", name="Rotate")).to_be_hidden()
    page.get_by_role("button", name="Image tools").tap()
    page.get_by_role("button", name="Rotate").tap()
    assert view(page)[3] == 90
    page.get_by_role("button", name="Image tools").tap()
    expect(page.get_by_role("button", name="Rotate")).to_be_hidden()
