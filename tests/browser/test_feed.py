"""Pages that stay open: they bring themselves up to date and take nothing from who works on them.

Time is the browser's own and stands still unless a test lets it pass.
"""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Installation, order

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

Desk = Callable[..., Page]
RENDERED_SECONDS = 120  # that a busy machine may need for a short film
UPDATES = 10
IN_FLIGHT = 40
CHANGED = "document.dispatchEvent(new CustomEvent('dailies:changed'))"
# What nobody else can do to a page: be looked away from, and be allowed to notify.
STAND_IN = """
let isHidden = false;
Object.defineProperty(document, "hidden", { get: () => isHidden });
window.hide = (value) => {
  isHidden = value;
  document.dispatchEvent(new Event("visibilitychange"));
};
window.looks = { sent: 0, done: 0 };
const reach = window.fetch;
window.fetch = async (...asked) => {
  window.looks.sent += 1;
  try {
    const answer = await reach(...asked);
    await answer.clone().text();
    return answer;
  } finally {
    window.looks.done += 1;
  }
};
window.notified = [];
window.Notification = class {
  static permission = "default";
  static async requestPermission() { return (this.permission = "granted"); }
  constructor(title, { body }) { window.notified.push(`${title}: ${body}`); }
};
"""


def cancel(installation: Installation, task: str) -> None:
    key = {"Authorization": f"Bearer {installation.api_key}"}
    path = f"{installation.url}/v1/tasks/{task}/cancel"
    assert httpx.post(path, headers=key, trust_env=False).status_code == 200


def until_shown(page: Page, task: str) -> Locator:
    """Have the page look until it shows the tile of a film."""
    tile = page.locator(f"#tile-{task}")
    ends = time.monotonic() + RENDERED_SECONDS
    while not tile.count():
        assert time.monotonic() < ends, "it never ended"
        update(page)
    return tile


def settle(page: Page) -> None:
    """Wait until the page shows what it asked for."""
    while page.evaluate("looks.sent > looks.done"):
        page.wait_for_timeout(10)
    page.wait_for_timeout(50)


def update(page: Page) -> int:
    """Have the page look, and wait until it shows what came; return the status."""
    settle(page)
    with page.expect_response(lambda response: "/feed/" in response.url) as answer:
        page.evaluate(CHANGED)
    settle(page)
    return answer.value.status


@pytest.fixture
def in_flight(paused_key: None, installation: Installation) -> Iterator[list[str]]:
    """Forty films that wait, of which none ends while the test lasts."""
    with ThreadPoolExecutor(4) as pool:
        prompts = [f"A waiting boat, number {number}" for number in range(IN_FLIGHT)]
        made = list(pool.map(lambda prompt: order(installation, prompt), prompts))
    yield made
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda task: cancel(installation, task), made))


@pytest.fixture
def still(desk: Desk) -> Callable[..., Page]:
    """Open pages as somebody, in which time stands still."""

    def opened(who: str, **options: Any) -> Page:
        page = desk(who, **options)
        page.add_init_script(STAND_IN)
        at = datetime.now(UTC)
        page.clock.install(time=at)
        page.clock.pause_at(at + timedelta(seconds=1))
        return page

    return opened


def test_f3_a_prompt_focus_and_a_selection_survive_ten_updates_of_the_studio(
    still: Desk, installation: Installation, in_flight: list[str]
) -> None:
    page = still("owner")
    page.goto("/")
    expect(page.locator("#active-title")).to_contain_text("In progress")
    assert page.locator(".generation").count() == 6
    prompt = page.get_by_label("Prompt")
    prompt.fill("A lighthouse that ")
    prompt.press("End")
    page.evaluate("window.field = document.activeElement")
    kept = page.locator(".generation-prompt").first.get_attribute("id")
    page.evaluate(f"window.row = document.getElementById('{kept}')")
    total = page.locator(".room-count").inner_text()
    for number in range(UPDATES):
        made = order(installation, f"Another boat {number}")
        in_flight.append(made)
        prompt.press_sequentially(str(number))
        assert update(page) == 200
        expect(page.locator(f"#active-{made}")).to_be_visible()
        assert page.evaluate("document.activeElement === window.field")
    expect(prompt).to_have_value("A lighthouse that 0123456789")
    assert page.locator(".room-count").inner_text() == str(int(total) + UPDATES)

    # A selection in a row, and the focus on its link.
    page.get_by_role("link", name=re.compile("Show all")).click()
    expect(page.locator(".generation")).to_have_count(int(total) + UPDATES)
    row = page.locator(f"#active-{in_flight[3]}")
    row.get_by_role("link").focus()
    row.locator(".generation-prompt").evaluate("node => getSelection().selectAllChildren(node)")
    page.locator("#active-scroll").evaluate("node => { node.scrollTop = 500 }")
    for number in range(UPDATES):
        in_flight.append(order(installation, f"A third boat {number}"))
        assert update(page) == 200
        assert page.evaluate("String(getSelection())") == "A waiting boat, number 3"
        assert page.evaluate("document.activeElement.id") == f"generation-{in_flight[3]}"
    # It ends: what is selected stays until it is no longer, and the focus moves on to its tile.
    cancel(installation, in_flight[3])
    update(page)
    expect(page.locator(f"#tile-{in_flight[3]}")).to_be_attached()
    assert page.evaluate("String(getSelection())") == "A waiting boat, number 3"
    page.evaluate("getSelection().removeAllRanges()")
    expect(row).to_have_count(0)
    assert page.evaluate(f"document.activeElement.closest('#tile-{in_flight[3]}') !== null")


def test_f3_a_selection_focus_and_an_open_menu_survive_ten_updates_of_a_films_page(
    still: Desk, installation: Installation, in_flight: list[str]
) -> None:
    page = still("owner")
    page.goto(f"/generations/{in_flight[0]}/")
    page.get_by_role("heading", level=1).evaluate("node => getSelection().selectAllChildren(node)")
    page.locator("#remix").focus()
    page.evaluate("document.getElementById('wallet-menu').showPopover()")
    before = page.locator("#wallet-sum .sum-full").inner_text()
    for number in range(UPDATES):
        in_flight.append(order(installation, f"A later boat {number}"))
        assert update(page) == 200
        assert page.evaluate("String(getSelection()).trim()") == "A waiting boat, number 0"
        assert page.evaluate("document.activeElement.id") == "remix"
        assert page.evaluate("document.getElementById('wallet-menu').matches(':popover-open')")
        expect(page.locator("#wallet-sum .sum-full")).not_to_have_text(before)
        before = page.locator("#wallet-sum .sum-full").inner_text()
    assert update(page) == 304


@pytest.mark.parametrize("width", [360, 1440])
def test_f4_films_are_no_more_than_a_screen_down(
    desk: Desk, in_flight: list[str], width: int
) -> None:
    page = desk("owner", viewport={"width": width, "height": 800})
    page.goto("/")
    page.get_by_role("link", name=re.compile("Show all")).click()
    expect(page.get_by_role("link", name="Show fewer")).to_be_visible()
    assert page.locator(".generation").count() >= IN_FLIGHT
    list_top = "document.getElementById('active').getBoundingClientRect().top"
    films_top = "document.getElementById('films-title').getBoundingClientRect().top"
    assert page.evaluate(f"{films_top} - {list_top}") < 800
    region = page.get_by_role("region", name=re.compile("In progress")).last
    region.focus()
    expect(region).to_be_focused()
    assert region.evaluate("node => node.scrollHeight > node.clientHeight")


def looks_within(page: Page, seconds: int) -> int:
    """Let the page's time pass; return how often it asked meanwhile."""
    before = page.evaluate("looks.sent")
    for _ in range(seconds):
        page.clock.run_for(1000)
        while page.evaluate("looks.sent > looks.done"):
            page.wait_for_timeout(5)
        page.evaluate("null")  # what it does with the answer comes before this
    sent: int = page.evaluate("looks.sent") - before
    return sent


def test_f13_an_idle_and_a_hidden_studio_ask_seldom(still: Desk) -> None:
    page = still("charlie")  # whose team has nothing in progress
    page.goto("/")
    looks_within(page, 30)
    idle = [looks_within(page, 60) for _ in range(3)]
    assert max(idle) <= 4
    assert min(idle) >= 2
    page.evaluate("hide(true)")
    hidden = [looks_within(page, 60) for _ in range(3)]
    assert max(hidden) <= 2
    assert sum(hidden) >= 3
    assert page.evaluate("looks.sent") + 1 == page.evaluate("hide(false), looks.sent")  # at once
    settle(page)


def test_f13_a_hidden_tab_asks_seldom_while_films_render(
    still: Desk, installation: Installation
) -> None:
    task = order(installation, "A slow river [sandbox:slow=300]")
    page = still("owner")
    page.goto(f"/generations/{task}/")
    assert looks_within(page, 20) >= 4
    page.evaluate("hide(true)")
    assert max(looks_within(page, 60) for _ in range(3)) <= 2


def test_seconds_pass_without_a_request(still: Desk, installation: Installation) -> None:
    task = order(installation, "A slow brook [sandbox:slow=300]")
    page = still("owner")
    page.goto(f"/generations/{task}/")
    clock = page.locator(".stage .clock")
    ends = time.monotonic() + RENDERED_SECONDS
    while not clock.count():
        assert time.monotonic() < ends, "it was never sent"
        update(page)
    before = clock.inner_text()
    page.route("**/feed/**", lambda route: None)  # no answer comes
    page.clock.run_for(2000)
    expect(clock).not_to_have_text(before)


def test_f13_screen_readers_the_title_and_the_browser_tell_what_became_of_films(
    still: Desk, installation: Installation
) -> None:
    page = still("owner")
    page.goto("/")
    title = re.sub(r"^\(\d+\) ", "", page.title())
    button = page.get_by_role("button", name="Notify me when my films finish")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    page.evaluate("hide(true)")
    ready = order(installation, "A kite over the dunes")
    update(page)
    expect(page.locator("#news")).to_contain_text("Created: A kite over the dunes")
    assert page.title().startswith("(")
    failed = order(installation, "[sandbox:refuse] A crow")
    for task, word in ((ready, "Ready"), (failed, "Failed")):
        expect(until_shown(page, task)).to_have_attribute("data-word", word)
    notified = page.evaluate("window.notified")
    assert "Ready: A kite over the dunes" in notified
    assert "Failed: [sandbox:refuse] A crow" in notified
    assert page.title() == f"✓ {title}"
    page.evaluate("hide(false)")
    assert not page.title().startswith("✓")


def test_the_page_says_when_dailies_cannot_be_reached_and_when_it_can(still: Desk) -> None:
    page = still("manager")
    page.goto("/")
    page.get_by_label("Prompt").fill("Typed before the cable broke")
    page.route("**/feed/**", lambda route: route.abort("aborted"))
    away = page.get_by_text("Dailies cannot be reached. Everything you typed is still here")
    for _ in range(2):
        page.evaluate(CHANGED)
        settle(page)
    expect(away).to_be_visible()
    page.unroute("**/feed/**")
    update(page)
    expect(away).to_have_count(0)
    expect(page.get_by_label("Prompt")).to_have_value("Typed before the cable broke")
