"""What fits on every screen, is seen in every mode, and is reached by every hand (F13)."""

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, Installation
from tests.support.full_team import OWNER

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

Desk = Callable[..., Page]
Rows = dict[str, str]

WIDTHS = (320, 360, 390, 768, 834, 1024, 1440)
PAGES = (
    *("/", "/archive/", "/budgets/", "/approvals/", "/review/", "/reports/", "/notices/", "/keys/"),
    *("/webhooks/", "/webhooks/deliveries/", "/accounts/email/", "/accounts/password/change/"),
    *("/accounts/logout/", "/no-such-page"),
)
STRANGERS_PAGES = (
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/accounts/password/reset/done/",
    "/accounts/password/reset/key/1-used/",
    "/accounts/inactive/",
)
FRAME = 60  # milliseconds
FILMS = ("doubtful", "waiting", "queued", "lost", "kept")

# Of a hundred rows alike, axe need not see each.
SHORTEN = "document.querySelectorAll('main li:nth-child(n + 9)').forEach(one => one.remove())"
OPEN_ALL = "document.querySelectorAll('main details').forEach(one => { one.open = true })"
# Header controls that are shown and reach over an edge of the window, or over one another.
MISPLACED = """
() => {
  const shown = [...document.querySelectorAll(".top :is(a, button), .top .team-name")]
    .filter(one => !one.closest("[popover]") && one.checkVisibility());
  const boxes = shown.map(one => [one.className, one.getBoundingClientRect()]);
  const off = boxes.filter(([, box]) =>
    box.left < 0 || box.right > innerWidth || box.top < 0 || box.bottom > innerHeight);
  const over = boxes.filter(([, box], at) => boxes.some(([, other], to) =>
    to > at && box.left < other.right - 1 && other.left < box.right - 1
    && box.top < other.bottom - 1 && other.top < box.bottom - 1));
  return [...off, ...over].map(([name]) => name);
}
"""
# How often each page of the navigation is offered: in the bar or under “More”.
OFFERED = """
() => {
  const menu = document.getElementById("more-menu");
  menu.showPopover();
  const shown = [...document.querySelectorAll(".nav a")].filter(one => one.checkVisibility());
  menu.hidePopover();
  return shown.map(one => one.pathname).sort();
}
"""
SMALL = """
() => [...document.querySelectorAll(
    "button, summary, select, textarea, input:not([type=hidden]), .top a, .button, .quiet-link")]
  .filter(one => one.checkVisibility({ visibilityProperty: true }))
  .map(one => one.closest("label") ?? one.closest(".segment, .slot") ?? one)
  .filter(one => one.getBoundingClientRect().height < 43.9 && !one.matches(".slot-clear"))
  .map(one => `${one.tagName}.${one.className} ${one.getBoundingClientRect().height}`)
"""
OUTLINE = """
() => {
  const one = document.activeElement;
  const shows = one.closest(".segment, .slot") ?? one;
  const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(shows);
  const seen = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  return [`${shows.tagName}.${shows.className}#${shows.id}`, seen && outlineColor];
}
"""


@pytest.fixture(scope="module")
def rows(installation: Installation) -> Rows:
    """The full team's rows by name; "full" can sign in."""
    code = f"from tests.support.full_team import print_full_team; print_full_team({PASSWORD!r})"
    printed = installation.manage("shell", "-v0", "-c", code)
    installation.logins["full"] = {"email": OWNER, "password": PASSWORD}
    made: Rows = next(json.loads(line) for line in printed.splitlines() if line.startswith("{"))
    return made


def pages_of(rows: Rows) -> list[str]:
    """Return the path of every page that shows something of the full team."""
    return [
        *PAGES,
        *(f"/generations/{rows[name]}/" for name in FILMS),
        f"/generations/{rows['kept']}/receipt/",
        f"/webhooks/{rows['endpoint']}/",
        f"/webhooks/deliveries/{rows['delivery']}/",
    ]


def test_f13_every_page_fits_every_screen_and_axe_finds_nothing(desk: Desk, rows: Rows) -> None:
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text()
    options: dict[str, Any] = {"bypass_csp": True, "reduced_motion": "reduce"}
    member, stranger = desk("full", **options), desk("", **options)
    visits = [(member, path) for path in pages_of(rows)]
    visits += [(stranger, path) for path in STRANGERS_PAGES]
    for page, path in visits:
        page.goto(path)
        expect(page.locator("main h1")).not_to_be_empty()
        assert page.evaluate("getComputedStyle(document.body).display") == "flex", path
        page.evaluate(SHORTEN)
        page.evaluate(OPEN_ALL)
        page.evaluate(axe)
        for width in WIDTHS:
            resize(page, width)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{path} is {wide} px wide on {width}"
            assert page.evaluate(MISPLACED) == [], f"{path} on {width}"
            if width in {390, 1440}:
                for scheme in ("light", "dark"):
                    page.emulate_media(color_scheme=scheme)
                    page.wait_for_timeout(FRAME)
                    assert violations(page) == [], f"{path} on {width}, {scheme}"


def resize(page: Page, width: int) -> None:
    """Give the window a width, and the page a moment to follow."""
    page.set_viewport_size({"width": width, "height": 800})
    page.wait_for_timeout(FRAME)


def violations(page: Page) -> list[str]:
    """Return what axe finds wrong: the rule and what breaks it."""
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]} {node['any'][:1]}"
        for rule in found
        for node in rule["nodes"]
    ]


def test_f13_every_page_of_the_navigation_is_offered_once_on_every_screen(
    desk: Desk, rows: Rows
) -> None:
    page = desk("full")
    page.goto("/")
    for width in WIDTHS:
        resize(page, width)
        assert page.evaluate(OFFERED) == sorted(PAGES[:6] + PAGES[7:8]), width
    assert page.locator(".nav-more").is_hidden()
    resize(page, 320)
    page.get_by_role("button", name="More").click()
    page.locator("#more-menu").get_by_role("link", name="Keys").click()
    page.wait_for_url("**/keys/")


def test_f13_at_twice_the_text_size_nothing_overlaps(desk: Desk, rows: Rows) -> None:
    page = desk("full", viewport={"width": 1280, "height": 900})
    sizes = {"fontSizes": {"standard": 32, "fixed": 26}}
    page.context.new_cdp_session(page).send("Page.setFontSizes", sizes)
    for path in ("/", "/budgets/", "/keys/", f"/generations/{rows['kept']}/"):
        page.goto(path)
        assert page.evaluate("getComputedStyle(document.documentElement).fontSize") == "30px"
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280, path
        assert page.evaluate(MISPLACED) == [], path


def test_f13_what_a_finger_meets_is_large_enough(desk: Desk, rows: Rows) -> None:
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 800}, "has_touch": True}
    member, stranger = (desk(who, is_mobile=True, **phone) for who in ("full", ""))
    visits = [(member, path) for path in pages_of(rows)]
    visits += [(stranger, path) for path in STRANGERS_PAGES]
    for page, path in visits:
        page.goto(path)
        page.evaluate(OPEN_ALL)
        assert page.evaluate("innerWidth") == 390, path
        assert page.evaluate(SMALL) == [], path


def test_f13_in_high_contrast_focus_and_choice_are_seen(desk: Desk, rows: Rows) -> None:
    member, stranger = desk("full", forced_colors="active"), desk("", forced_colors="active")
    for page, path, steps in ((member, "/", 40), (member, "/keys/", 25), (stranger, "/", 6)):
        page.goto(path)
        for _ in range(steps):
            page.keyboard.press("Tab")
            name, seen = page.evaluate(OUTLINE)
            if name.startswith("BODY"):
                break  # past the last control
            assert seen, f"{name} on {path}"
            assert "rgba(0, 0, 0, 0)" not in seen, f"{name} on {path}"
    member.goto("/")
    member.evaluate(OPEN_ALL)
    background = "one => getComputedStyle(one).backgroundColor"
    chosen = member.locator(".segment:has(:checked)").first.evaluate(background)
    assert chosen != member.locator(".segment:not(:has(:checked))").first.evaluate(background)
    switch = member.get_by_role("switch").first
    on = switch.evaluate(background)
    switch.uncheck() if switch.is_checked() else switch.check()
    assert on != switch.evaluate(background)


def test_f13_tab_leads_from_the_email_to_the_password(desk: Desk) -> None:
    page = desk("")
    page.goto("/accounts/login/")
    page.get_by_label("Email").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Password")).to_be_focused()


def test_f13_a_created_film_is_announced_and_the_focus_stays(desk: Desk) -> None:
    page = desk("owner")
    page.goto("/")
    page.get_by_label("Prompt").fill("A lighthouse in the fog")
    page.locator("#create").press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Film created: 70 credits held.")
    expect(page.locator("#create")).to_be_focused()


def test_f13_notices_that_were_looked_at_are_read(desk: Desk, rows: Rows) -> None:
    page = desk("full")
    page.goto("/notices/")
    expect(page.locator("#bell-count")).to_contain_text("99")
    expect(page.locator(".notices-head")).to_contain_text("All read")
    expect(page.locator("#bell-count")).to_be_hidden()
    expect(
        page.locator(".notice-new").first
    ).to_be_visible()  # they stay marked until the next visit
    page.reload()
    expect(page.locator(".notice-new")).to_have_count(0)
