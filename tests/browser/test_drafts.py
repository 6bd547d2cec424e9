"""The draft lives: what is typed survives reloads, ended sessions, Back and other tabs (F3, F6)."""

import base64
import re
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import Installation

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

Desk = Callable[..., Page]

# Gives a file to the page as a mouse or the clipboard would.
HAND_OVER = """([type, target, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], "frame.png", { type: "image/png" }));
  const on = document.querySelector(target);
  const options = { bubbles: true, cancelable: true };
  const event =
    type === "paste"
      ? new ClipboardEvent(type, { ...options, clipboardData: data })
      : new DragEvent(type, { ...options, dataTransfer: data });
  return on.dispatchEvent(event);
}"""


def fresh(what: str) -> str:
    return f"{what} {uuid4().hex[:6]}"


def picture(folder: Path, size: tuple[int, int]) -> Path:
    path = folder / f"{size[0]}x{size[1]}.png"
    Image.new("RGB", size, (40, 90, 140)).save(path)
    return path


def hand_over(page: Page, event: str, target: str, file: Path) -> bool:
    """Dispatch a drop or paste of a file; return whether the browser would have acted itself."""
    content = base64.b64encode(file.read_bytes()).decode()
    acts: bool = page.evaluate(HAND_OVER, [event, target, content])
    return acts


def saved(page: Page) -> None:
    expect(page.locator("#draft")).to_contain_text("Saved")


def forget_session(page: Page) -> None:
    page.context.clear_cookies(name="sessionid")


def sign_in(page: Page, installation: Installation, who: str) -> None:
    login = installation.logins[who]
    page.get_by_label("Email").fill(login["email"])
    page.get_by_label("Password").fill(login["password"])
    page.get_by_role("main").get_by_role("button", name="Sign in").click()


def test_f03_a_reload_right_after_the_last_key_loses_nothing(desk: Desk) -> None:
    page = desk("manager")
    page.goto("/")
    text = fresh("A paper boat\non a still lake")
    page.get_by_label("480p").check()
    page.get_by_label("Duration").fill("9")
    page.get_by_label("Audio").uncheck()
    page.get_by_label("Prompt").fill(text)
    page.reload()
    expect(page.get_by_label("Prompt")).to_have_value(text)
    expect(page.get_by_label("480p")).to_be_checked()
    expect(page.get_by_label("Duration")).to_have_value("9")
    expect(page.get_by_label("Audio")).not_to_be_checked()
    page.get_by_label("Prompt").press("End")
    page.keyboard.type(" at night", delay=30)
    page.reload()
    expect(page.get_by_label("Prompt")).to_have_value(re.compile("at night"))


def test_f03_two_tabs_and_a_duplicate_keep_a_draft_each(desk: Desk) -> None:
    first = desk("manager")
    first.goto("/")
    second = first.context.new_page()
    second.goto("/")
    first.get_by_label("Prompt").fill("The first tab")
    second.get_by_label("Prompt").fill("The second tab")
    saved(first)
    saved(second)
    third = first.context.new_page()
    third.goto(first.url)
    expect(third.get_by_label("Prompt")).to_have_value("The first tab")
    third.get_by_label("Prompt").fill("A duplicate")
    saved(third)
    first.get_by_label("Prompt").fill("The first tab goes on")
    saved(first)
    for page, text in ((first, "The first tab goes on"), (second, "The second tab")):
        page.reload()
        expect(page.get_by_label("Prompt")).to_have_value(text)
    third.reload()
    expect(third.get_by_label("Prompt")).to_have_value("A duplicate")
    assert len({page.url for page in (first, second, third)}) == 3


def test_f03_nothing_of_a_draft_is_stored_by_the_browser(desk: Desk) -> None:
    page = desk("manager")
    page.goto("/")
    page.get_by_label("Prompt").fill("A secret")
    saved(page)
    kept = page.evaluate(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, history.state, window.name])"
    )
    assert "secret" not in kept


def test_f03_after_a_film_was_sent_back_shows_a_form_that_can_be_sent(
    desk: Desk, installation: Installation
) -> None:
    page = desk("manager")
    page.goto("/")
    first, second = fresh("A lake"), fresh("A river")
    page.get_by_label("480p").check()
    page.get_by_label("Prompt").fill(first)
    page.locator("#create").click()
    page.locator(".generation, .tile", has_text=first).first.locator("a").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(first)
    page.go_back()
    expect(page.get_by_label("Prompt")).to_have_value(first)
    page.get_by_label("Prompt").fill(second)
    page.locator("#create").click()
    expect(page.locator(".generation, .tile", has_text=second).first).to_be_visible()
    assert (installation.count(first), installation.count(second)) == (1, 1)


def test_f03_a_form_that_was_sent_in_another_tab_says_so(
    desk: Desk, installation: Installation
) -> None:
    page = desk("manager")
    page.goto("/")
    text = fresh("A lake")
    page.get_by_label("480p").check()
    page.get_by_label("Prompt").fill(text)
    saved(page)
    stale = page.context.new_page()
    stale.goto(page.url)
    page.locator("#create").click()
    expect(page.locator("#composer[data-sent]")).to_be_attached()
    stale.locator("#create").click()
    note = stale.get_by_role("alert").filter(has_text="already sent")
    expect(note).to_contain_text("This form was already sent. Check your films")
    expect(note.get_by_role("link")).to_have_attribute("href", re.compile(r"/generations/.+/"))
    assert installation.count(text) == 1


def test_f03_typing_goes_on_when_the_session_ends(desk: Desk, installation: Installation) -> None:
    page = desk("member")
    page.goto("/")
    text = fresh("A moth at a window")
    page.get_by_label("Prompt").fill(text)
    saved(page)
    forget_session(page)
    page.get_by_label("Prompt").press("Control+End")
    page.keyboard.type(" in the rain")
    note = page.locator("#signed-out")
    expect(note).to_contain_text("You are signed out. What you typed is still here.")
    expect(page.get_by_label("Prompt")).to_have_value(f"{text} in the rain")
    with page.context.expect_page() as opened:
        note.get_by_role("link").click()
    other = opened.value
    sign_in(other, installation, "member")
    expect(other.get_by_label("Prompt")).to_have_value(text)
    # Here it goes on by itself, with everything that was typed.
    expect(page.locator("#draft")).to_have_text("Saved")
    expect(note).to_be_hidden()
    other.reload()
    expect(other.get_by_label("Prompt")).to_have_value(f"{text} in the rain")


def test_f03_the_next_person_at_the_computer_sees_nothing(
    desk: Desk, installation: Installation
) -> None:
    page = desk("member")
    page.goto("/")
    page.get_by_label("Prompt").fill("A secret of the member's")
    saved(page)
    address = page.url
    forget_session(page)
    page.goto("/accounts/login/")
    sign_in(page, installation, "owner")
    expect(page.get_by_label("Prompt")).to_have_value("")
    page.goto(address)
    expect(page.get_by_label("Prompt")).to_have_value("")
    for _ in range(3):
        page.go_back()
        assert "A secret of the member's" not in page.content()


def test_an_empty_form_offers_what_is_unfinished_and_takes_over_the_settings(desk: Desk) -> None:
    page = desk("limited")
    page.goto("/")
    page.get_by_label("Duration").fill("11")
    page.get_by_label("Prompt").fill("An unfinished thought")
    saved(page)
    page.get_by_role("link", name="Studio", exact=True).click()
    expect(page.get_by_label("Prompt")).to_have_value("")
    expect(page.get_by_label("Duration")).to_have_value("11")
    page.get_by_role("link", name="An unfinished thought").click()
    expect(page.get_by_label("Prompt")).to_have_value("An unfinished thought")
    page.get_by_role("link", name="Studio", exact=True).click()
    page.get_by_role("button", name="Discard draft").click()
    expect(page.locator(".unfinished")).to_have_count(0)


def test_f03_an_image_is_dropped_anywhere_or_pasted(desk: Desk, tmp_path: Path) -> None:
    page = desk("member")
    page.goto("/")
    here = page.url
    first, last = picture(tmp_path, (640, 360)), picture(tmp_path, (800, 450))
    assert not hand_over(page, "dragover", ".studio-room", first)
    assert not hand_over(page, "drop", ".studio-room", first)
    expect(page.locator("#slot-first_frame img")).to_be_visible()
    assert not hand_over(page, "paste", "#prompt", last)
    expect(page.locator("#slot-last_frame img")).to_be_visible()
    assert not hand_over(page, "drop", ".top", last)
    expect(page.locator("#toasts")).to_contain_text("Every frame is set")
    saved(page)
    assert page.url.startswith(here)
    page.reload()
    expect(page.locator("#slot-first_frame img")).to_be_visible()
    expect(page.locator("#slot-last_frame img")).to_be_visible()
    page.goto("/keys/")
    assert not hand_over(page, "drop", "main", first)


def test_f06_a_tall_frame_makes_a_tall_film_unless_somebody_chooses(
    desk: Desk, tmp_path: Path
) -> None:
    page = desk("member")
    page.goto("/")
    page.get_by_label("16:9").check()
    page.locator("#first_frame_file").set_input_files(picture(tmp_path, (900, 1600)))
    expect(page.get_by_label("9:16")).to_be_checked()
    expect(page.locator("#toasts")).to_contain_text("Aspect ratio set to 9:16")
    expect(page.locator("#crop p")).to_have_count(0)
    page.get_by_label("16:9").check()
    expect(page.locator("#crop")).to_contain_text("68% of it is cut off")
    expect(page.locator("#crop-first_frame .crop-on")).to_be_attached()


def test_earlier_prompts_come_with_the_arrow_keys(desk: Desk, installation: Installation) -> None:
    page = desk("both")
    page.goto("/")
    texts = [fresh("A lake"), fresh("A river")]
    for text in texts:
        page.get_by_label("480p").check()
        page.get_by_label("Prompt").fill(text)
        page.locator("#create").click()
        expect(page.locator(".generation, .tile", has_text=text).first).to_be_visible()
        expect(page.locator("#create")).to_be_enabled()
    page.goto("/")
    prompt, status = page.get_by_label("Prompt"), page.locator("#prompt-earlier")
    prompt.press("ArrowDown")
    expect(prompt).to_have_value("")
    prompt.press("ArrowUp")
    expect(prompt).to_have_value(texts[1])
    expect(status).to_contain_text("Earlier prompt 1 of")
    prompt.press("ArrowUp")
    expect(prompt).to_have_value(texts[0])
    prompt.press("ArrowDown")
    expect(prompt).to_have_value(texts[1])
    prompt.press("ArrowDown")
    expect(prompt).to_have_value("")
    expect(status).to_have_text("Empty prompt")
    prompt.fill("Typed")
    prompt.press("ArrowUp")
    expect(prompt).to_have_value("Typed")


def test_f03_a_film_created_after_signing_out_leaves_nothing_saving(desk: Desk) -> None:
    page = desk("member")
    page.goto("/")
    forget_session(page)
    page.get_by_label("Prompt").press_sequentially("A moth at a window")
    page.locator("#create").click()
    expect(page.locator("#signed-out")).to_be_visible()
    expect(page.locator("#draft")).to_have_text("Not saved: you are signed out")
