"""The portal as people meet it: a real Chromium against the whole running site."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import Installation

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

Desk = Callable[..., Page]
RENDERED = 120_000  # milliseconds that a busy machine may need for a short film


def compose(page: Page, prompt: str, *, resolution: str = "480p", seconds: int = 4) -> None:
    page.get_by_label("Prompt").fill(prompt)
    page.get_by_label(resolution).check()
    page.get_by_label("Duration").fill(str(seconds))


def until(page: Page, condition: str) -> None:
    """Wait for a JavaScript condition; `wait_for_function` evaluates, which our CSP forbids.

    Nor is a promise handed to `evaluate`, which would wait for it without a limit.
    """
    ends = time.monotonic() + 20
    while not page.evaluate(condition):
        assert time.monotonic() < ends, condition
        page.wait_for_timeout(50)


def clipboard(page: Page) -> str:
    """Return what was copied."""
    page.evaluate(
        "window.copied = void navigator.clipboard.readText().then(text => { window.copied = text })"
    )
    until(page, "window.copied !== undefined")
    copied: str = page.evaluate("window.copied")
    return copied


def test_a_film_is_priced_ordered_watched_and_downloaded(
    desk: Desk, installation: Installation, tmp_path: Path
) -> None:
    page = desk("manager")
    page.goto("/")
    price, create = page.locator("#price"), page.locator("#create")
    compose(page, "", resolution="720p", seconds=5)
    expect(price).to_contain_text("70 credits · 14/s × 5 s")
    prompt = f"A paper boat on a still lake {uuid4().hex[:6]}"
    compose(page, prompt)
    expect(price).to_contain_text("28 credits · 7/s × 4 s")
    expect(create).to_contain_text("28")
    page.get_by_label("Audio").uncheck()
    expect(price).to_contain_text("12 credits · 3/s × 4 s")
    before = int(page.locator("#wallet-sum .sum-full").inner_text().replace(",", ""))
    expect(price).to_contain_text(f"{before - 12:,} left after this")
    create.click()

    expect(page.locator(".generation", has_text=prompt)).to_be_visible()
    expect(page.locator("#wallet-sum .sum-full")).to_have_text(f"{before - 12:,}")
    tile = page.locator(".tile", has_text=prompt)
    expect(tile).to_be_visible(timeout=RENDERED)  # the page brought it by itself
    tile.hover()
    expect(tile.locator("video.playing")).to_be_attached()
    tile.locator("a").click()

    expect(page.get_by_role("heading", level=1)).to_have_text(prompt)
    expect(page.locator(".cost")).to_contain_text("12 credits spent")
    player = page.locator("#player")
    player.evaluate("v => { v.muted = true; v.play(); }")
    until(page, "document.getElementById('player').currentTime > 0.3")
    player.evaluate("v => { v.pause(); v.currentTime = 3; }")
    sought = "v => !v.seeking && v.readyState >= 2 && Math.abs(v.currentTime - 3) < 0.05"
    until(page, f"({sought})(document.getElementById('player'))")
    assert player.evaluate("v => v.error") is None
    assert 3.9 < player.evaluate("v => v.duration") < 4.2

    link = page.locator("#player source").get_attribute("src") or ""
    part = page.request.get(link, headers={"Range": "bytes=100-199"})
    assert (part.status, len(part.body())) == (206, 100)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    saved = tmp_path / "film.mp4"
    download.value.save_as(saved)
    assert saved.read_bytes()[4:8] == b"ftyp"
    assert download.value.suggested_filename.endswith(".mp4")

    page.get_by_role("button", name="Copy link").click()
    assert clipboard(page) == f"{installation.url}{link}"


def test_a_double_click_orders_once(desk: Desk, installation: Installation) -> None:
    page = desk("manager")
    page.goto("/")
    prompt = f"A moth at a window {uuid4().hex[:6]}"
    compose(page, prompt)
    page.locator("#create").dblclick()
    expect(page.locator(".generation, .tile", has_text=prompt).first).to_be_visible()
    page.wait_for_timeout(500)
    assert installation.count(prompt) == 1
    # The form takes the same order again, once a person means it.
    expect(page.locator("#create")).to_be_enabled()
    expect(page.get_by_label("Prompt")).to_have_value(prompt)
    page.locator("#create").click()
    expect(page.locator("#composer[data-sent]")).to_be_attached()
    assert installation.count(prompt) == 2


def test_p34_a_limit_refuses_in_words_and_one_click_takes_a_variant(
    desk: Desk, installation: Installation
) -> None:
    page = desk("limited")
    page.goto("/")
    prompt = f"Sails against the evening {uuid4().hex[:6]}"
    compose(page, prompt, resolution="1080p", seconds=8)
    page.get_by_label("9:16").check()
    page.get_by_text("Advanced").click()
    page.get_by_label("Seed").fill("77")
    expect(page.locator("#price")).to_contain_text("180 credits over your limit")
    page.locator("#create").click()

    refusal = page.locator(".refusal")
    expect(refusal).to_contain_text("your own limit in this team")
    expect(refusal).to_contain_text("This needs 240 credits; 60 of 60 per day are left.")
    expect(refusal).to_contain_text(re.compile(r"Renews\s+in "))
    expect(refusal).to_contain_text("To raise it, ask")
    expect(page.get_by_label("Prompt")).to_have_value(prompt)
    expect(page.get_by_label("9:16")).to_be_checked()
    expect(page.get_by_label("1080p")).to_be_checked()
    expect(page.get_by_label("Duration")).to_have_value("8")
    expect(page.get_by_label("Seed")).to_have_value("77")

    variant = refusal.locator(".variant").first
    credits = int(variant.locator("b").inner_text())
    assert 0 < credits <= 60
    variant.click()
    expect(page.locator(".generation, .tile", has_text=prompt).first).to_be_visible()
    expect(refusal).to_have_count(0)
    assert installation.count(prompt) == 1


def test_p34_an_empty_wallet_refuses_and_nothing_typed_is_lost(desk: Desk) -> None:
    page = desk("charlie")
    page.goto("/")
    expect(page.locator(".empty")).to_be_visible()
    compose(page, "A door that opens on the sea")
    page.locator("#create").click()
    refusal = page.locator(".refusal")
    expect(refusal).to_contain_text("Not enough credits in the wallet")
    expect(refusal).to_contain_text("This needs 28 credits; 0 are available.")
    expect(refusal).to_contain_text("An administrator can top up the wallet.")
    expect(page.get_by_label("Prompt")).to_have_value("A door that opens on the sea")


def test_words_stand_beside_the_field_that_is_wrong(desk: Desk) -> None:
    page = desk("member")
    page.goto("/")
    page.locator("#create").click()
    expect(page.locator("#prompt-error")).to_have_text("The prompt must not be empty.")
    expect(page.get_by_label("Prompt")).to_be_focused()
    page.get_by_label("Prompt").fill("x" * 10_001)
    expect(page.locator("#prompt-count")).to_have_class(re.compile("over"))
    page.locator("#create").click()
    expect(page.locator("#prompt-error")).to_contain_text("at most 10,000")
    page.get_by_label("Prompt").fill("A wooden bridge")
    page.get_by_text("Advanced").click()
    page.get_by_label("Seed").fill("many")
    page.locator("#create").click()
    expect(page.locator("#seed-error")).to_contain_text("The seed must be an integer")


def test_frames_are_uploaded_shown_and_remixed(
    desk: Desk, installation: Installation, tmp_path: Path
) -> None:
    picture, small = tmp_path / "first.png", tmp_path / "small.png"
    Image.new("RGB", (640, 360), (40, 90, 140)).save(picture)
    Image.new("RGB", (64, 64)).save(small)
    page = desk("member")
    page.goto("/")
    page.locator("#last_frame_file").set_input_files(small)
    expect(page.locator("#last_frame-error")).to_contain_text("each side must have 300 to 6000")
    page.locator("#first_frame_file").set_input_files(picture)
    preview = page.locator("#slot-first_frame img")
    expect(preview).to_be_visible()
    until(page, "document.querySelector('#slot-first_frame img').naturalWidth === 640")

    prompt = f"The picture wakes up {uuid4().hex[:6]}"
    compose(page, prompt)
    page.locator("#create").click()
    page.locator(".generation, .tile", has_text=prompt).first.locator("a").click()
    expect(page.locator(".facts")).to_contain_text("first frame")
    page.get_by_role("link", name="Remix").click()
    expect(page.get_by_label("Prompt")).to_have_value(prompt)
    expect(page.get_by_label("480p")).to_be_checked()
    expect(page.locator("#price")).to_contain_text("28 credits · 7/s × 4 s")
    expect(page.locator("#slot-first_frame img")).to_be_visible()
    page.get_by_role("button", name="Remove first frame").click()
    expect(page.locator("#first_frame_file")).to_be_attached()
    assert installation.count(prompt) == 1


def test_a_failed_film_says_why_and_is_tried_again(desk: Desk, installation: Installation) -> None:
    prompt = f"[sandbox:refuse] A harbour {uuid4().hex[:6]}"
    task_id = installation.order(prompt)
    page = desk("member")
    page.goto(f"/generations/{task_id}/")
    stage = page.locator(".stage-words")
    expect(stage).to_contain_text("Failed", timeout=RENDERED)
    expect(stage).to_contain_text("The vendor’s moderation refused it")
    expect(stage).to_contain_text("28 credits released")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".lineage")).to_contain_text("A retry of an earlier film")
    assert task_id not in page.url
    assert installation.count(prompt) == 2


def test_a_viewer_watches_and_cannot_order(desk: Desk, installation: Installation) -> None:
    task_id = installation.order("A quiet corner of the garden")
    page = desk("viewer")
    page.goto("/")
    expect(page.get_by_role("heading", name="View-only access")).to_be_visible()
    expect(page.locator("#create")).to_have_count(0)
    page.goto(f"/generations/{task_id}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("A quiet corner of the garden")
    expect(page.get_by_role("link", name="Remix")).to_have_count(0)
    page.goto("/keys/")
    expect(page.get_by_text("Keys are for members")).to_be_visible()
    expect(page.locator("main form")).to_have_count(0)


def test_p32_a_strangers_film_is_not_found_like_any_other(
    desk: Desk, installation: Installation
) -> None:
    task_id = installation.order("Nobody else may see this")
    page = desk("charlie")
    bodies = []
    for unknown in (task_id, str(uuid4())):
        answer = page.goto(f"/generations/{unknown}/")
        assert answer is not None
        assert answer.status == 404
        bodies.append(page.locator("main").inner_text())
    assert bodies[0] == bodies[1]
    assert "Nobody else may see this" not in bodies[0]


def test_people_change_between_their_teams(desk: Desk, installation: Installation) -> None:
    task_id = installation.order("A film of the demo team")
    page = desk("both")
    page.goto("/")
    expect(page.locator(".team-button")).to_contain_text("Demo Studio")
    page.locator(".team-button").click()
    page.get_by_role("button", name=re.compile("Elsewhere")).click()
    expect(page.locator(".team-button")).to_contain_text("Elsewhere")
    expect(page.locator("#wallet-sum")).to_contain_text("0")
    page.goto(f"/generations/{task_id}/")  # a colleague's link leads into the right team
    expect(page.locator(".team-button")).to_contain_text("Demo Studio")


def test_an_api_key_is_shown_once(desk: Desk) -> None:
    page = desk("member")
    page.goto("/keys/")
    page.get_by_text("New API key").click()
    page.get_by_label("Name").last.fill("Night shift")
    page.get_by_label("Per day").fill("100")
    page.get_by_label("Allowed addresses").fill("not an address")
    page.get_by_role("button", name="Create key").click()
    expect(page.locator("#api-keys .error")).to_contain_text("neither an IP address nor a CIDR")
    page.get_by_label("Allowed addresses").fill("127.0.0.1\n10.0.0.0/8")
    page.get_by_role("button", name="Create key").click()
    text = page.locator("#issued-key").inner_text()
    assert text.startswith("sk-")
    page.locator(".issued").get_by_role("button", name="Copy").click()
    assert clipboard(page) == text
    page.reload()
    expect(page.locator(".api-key", has_text="Night shift")).to_contain_text("0 / 100")
    assert text not in page.content()
    key = page.locator(".api-key", has_text="Night shift")
    key.get_by_role("button", name="Delete key…").click()
    key.get_by_role("button", name="Delete key", exact=True).click()
    expect(page.locator(".api-key", has_text="Night shift")).to_have_count(0)


def test_somebody_without_a_team_is_told_so(desk: Desk) -> None:
    page = desk("nobody")
    page.goto("/")
    expect(page.get_by_text("You’re signed in, but not in a team yet")).to_be_visible()
