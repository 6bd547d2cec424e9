"""Budgets as people meet them: refused and helped, asked and answered, reported and receipted."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Installation

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

Desk = Callable[..., Page]
RENDERED = 120_000  # milliseconds that a busy machine may need for a short film


def compose(page: Page, prompt: str, *, resolution: str = "480p", seconds: int = 4) -> None:
    page.get_by_label("Prompt").fill(prompt)
    page.get_by_label(resolution).check()
    page.get_by_label("Duration").fill(str(seconds))


def link_mailed_to(installation: Installation, email: str, prompt: str) -> str:
    """Return the path of the link in the mail about `prompt`, once the worker has written it."""
    log = Path(installation.environment["DATA_DIR"]).parent / "up.log"
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        for mail in log.read_text(errors="replace").split("-" * 79):
            if f"To: {email}" in mail and prompt in mail:
                found = re.search(rf"{installation.url}(/approvals/\S+)", mail)
                assert found, mail
                return found[1]
        time.sleep(0.25)
    raise AssertionError(f"No mail to {email} about {prompt!r}")


def test_p34_a_member_is_refused_by_their_own_limit_takes_a_variant_and_gets_a_film(
    desk: Desk, installation: Installation
) -> None:
    page = desk("limited")
    page.goto("/budgets/")
    page.get_by_text("Set your own limit").click()
    form = page.locator("details[open]")
    form.get_by_label("Renews every").select_option("day")
    form.get_by_label("Credits").fill("30")
    form.get_by_role("button", name="Set limit").click()
    holder = page.locator(".holder", has_text="Yourself")
    expect(holder).to_contain_text("0 of 30")

    page.goto("/")
    prompt = f"A kite over the dunes {uuid4().hex[:6]}"
    compose(page, prompt, resolution="1080p", seconds=8)
    page.locator("#create").click()
    refusal = page.locator(".refusal")
    expect(refusal).to_contain_text("the limit you set for yourself")
    expect(refusal).to_contain_text("30 of 30 per day are left")
    variant = refusal.locator(".variant").first
    credits = int(variant.locator("b").inner_text())
    assert 0 < credits <= 30
    variant.click()
    expect(page.locator(".tile", has_text=prompt)).to_be_visible(timeout=RENDERED)
    assert installation.count(prompt) == 1

    page.goto("/budgets/")
    expect(holder).to_contain_text(f"{credits} of 30")
    expect(holder).to_contain_text(f"{credits} spent")
    holder.get_by_text("Change").click()
    holder.get_by_role("button", name="Remove limit").click()
    expect(page.locator(".holder", has_text="Yourself")).to_have_count(0)


def test_a_member_asks_a_manager_approves_by_the_mailed_link_and_the_film_arrives(
    desk: Desk, installation: Installation
) -> None:
    manager, member, mailed = desk("manager"), desk("member"), desk("")
    manager.goto("/budgets/")
    manager.get_by_text("New project").click()
    manager.locator("#project_name").fill("Harbour film")
    manager.get_by_role("button", name="Create project").click()
    manager.get_by_text("New rule").click()
    manager.locator("#ask_scope").select_option(label="Harbour film")
    manager.locator("#ask_above").fill("20")
    manager.get_by_role("button", name="Set rule").click()
    expect(manager.locator(".rule", has_text="needs approval above 20 credits")).to_be_visible()

    member.goto("/")
    prompt = f"Boats leave at dawn {uuid4().hex[:6]}"
    compose(member, prompt)
    member.get_by_label("Project").select_option(label="Harbour film")
    member.locator("#create").click()
    job = member.locator(".generation", has_text=prompt)
    expect(job).to_contain_text("Awaiting approval")
    member.goto("/approvals/")
    expect(member.locator(".undecided", has_text=prompt)).to_be_visible()
    expect(member.get_by_role("button", name="Approve")).to_have_count(0)

    link = link_mailed_to(installation, installation.logins["manager"]["email"], prompt)
    mailed.goto(link)
    expect(mailed.get_by_role("heading", level=1)).to_have_text("Approve this film?")
    expect(mailed.locator(".undecided")).to_contain_text("28 credits")
    mailed.get_by_label("Reason").fill("For the harbour")
    mailed.get_by_role("button", name="Approve").press("Enter")
    expect(mailed.get_by_role("heading", level=1)).to_have_text("Approved")
    expect(mailed.get_by_role("button", name="Approve")).to_have_count(0)

    member.goto("/")
    tile = member.locator(".tile", has_text=prompt)
    expect(tile).to_be_visible(timeout=RENDERED)
    tile.locator("a").click()
    expect(member.locator(".film-approval")).to_contain_text("For the harbour")

    member.get_by_role("button", name="Favourite").click()
    expect(member.get_by_role("button", name="Favourite")).to_have_attribute("aria-pressed", "true")
    member.get_by_role("link", name="See receipt").click()
    expect(member.locator(".receipt-sum")).to_contain_text("28 credits spent")
    expect(member.locator(".receipt")).to_contain_text("approved by manager@demo.example")

    manager.goto("/reports/")
    manager.locator("#id_project").select_option(label="Harbour film")
    manager.get_by_role("button", name="Show").click()
    expect(manager.locator(".total-main")).to_contain_text("28 credits")
    expect(manager.locator(".chart-spent")).not_to_have_count(0)
    with manager.expect_download() as download:
        manager.get_by_role("button", name="CSV").click()
    assert "Harbour film" in Path(download.value.path()).read_text()
