"""What a page costs a reader who comes for the first time, in bytes on the wire."""

import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Installation

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

Desk = Callable[..., Page]
TILES = 24
SECONDS = 120


@pytest.fixture(scope="module")
def films(installation: Installation) -> None:
    """A page of films with their previews; of one prompt and seed, so that one is rendered."""
    for _ in range(TILES):
        installation.order("“Slow” dolly – the vendor’s own … 雪の夜", seed=7, generate_audio=False)


def studio(desk: Desk, **options: Any) -> Page:
    """Return the studio, once all tiles show previews."""
    page = desk("manager", **options)
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        page.goto("/")
        if page.locator(".tile img[srcset]").count() == TILES:
            return page
        time.sleep(1)
    raise AssertionError("The previews were not made.")


def weigh(page: Page) -> Counter[str]:
    """Load the page as a stranger to its cache, read to its end, and sum what came, by kind."""
    page.goto("about:blank")
    session = page.context.new_cdp_session(page)
    kinds: dict[str, str] = {}
    sums: Counter[str] = Counter()
    session.on("Network.responseReceived", lambda e: kinds.update({e["requestId"]: e["type"]}))
    session.on(
        "Network.loadingFinished",
        lambda e: sums.update({kinds.get(e["requestId"], "Other"): e["encodedDataLength"]}),
    )
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    page.goto("/")
    for image in page.locator(".tile img").all():
        image.scroll_into_view_if_needed()
        expect(image).to_have_js_property("complete", True)
    page.wait_for_timeout(500)
    session.detach()
    return sums


@pytest.mark.parametrize("density", [1, 2])
def test_f13_the_studio_is_light(desk: Desk, films: None, density: int) -> None:
    sums = weigh(studio(desk, device_scale_factor=density, viewport={"width": 1440, "height": 900}))
    images, fonts = sums.pop("Image"), sums.pop("Font")
    assert 0 < images < 300_000
    assert 0 < fonts < 100_000
    assert 0 < sum(sums.values()) < 100_000, sums


def test_f13_under_the_pointer_a_tile_plays_its_preview(desk: Desk, films: None) -> None:
    page = studio(desk)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator(".tile > a").first.hover()
    expect(page.locator(".tile video.playing")).to_have_count(1)
    assert [url for url in asked if url.endswith(".mp4")]
    assert all(url.endswith("-preview.mp4") for url in asked if url.endswith(".mp4"))


def test_f13_who_wants_no_motion_loads_no_film(desk: Desk, films: None) -> None:
    page = studio(desk, reduced_motion="reduce")
    page.locator(".tile > a").first.hover()
    page.wait_for_timeout(500)
    assert page.locator(".tile video").count() == 0


def test_f13_quotes_are_latin_and_chinese_is_the_readers_own(desk: Desk, films: None) -> None:
    page = studio(desk)
    until_set(page, ".tile-prompt", r"Source Serif 4.*CJK")
    page.locator(".tile > a").first.click()
    until_set(page, ".script", r"Source Serif 4.*CJK")
    until_set(page, ".nav .clip", r"Inter")


def until_set(page: Page, selector: str, fonts: str) -> None:
    """Wait until the first such element is set by these fonts, which load after the page."""
    page.locator(selector).first.wait_for()
    ends = time.monotonic() + SECONDS / 4
    while not re.match(fonts, seen := fonts_of(page, selector)):
        assert time.monotonic() < ends, f"{selector} is set by {seen}."
        page.wait_for_timeout(100)


def fonts_of(page: Page, selector: str) -> str:
    """Return the names of the fonts that set the first such element, the most used one first."""
    session = page.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    node = session.send("DOM.querySelector", {"nodeId": root, "selector": selector})["nodeId"]
    fonts = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
    session.detach()
    by_use = sorted(fonts, key=lambda font: -font["glyphCount"])
    return ", ".join(font["familyName"] for font in by_use)
