"""Cancelling and reviewing as people do it, while the page goes on asking (P16, P30)."""

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Installation, order

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

Desk = Callable[..., Page]
SOON = 30_000  # milliseconds
FIND = "from generations.models import Generation; print(Generation.objects.get({}).{})"


def shell(installation: Installation, code: str) -> str:
    return installation.manage("shell", "-v0", "-c", code).strip()


@pytest.mark.usefixtures("paused_key")
def test_p16_waiting_films_are_cancelled_from_their_list(
    desk: Desk, installation: Installation
) -> None:
    for number in range(3):
        order(installation, f"A waiting boat {number}")
    page = desk("owner")
    page.goto("/")
    page.locator(".generation", has_text="boat 1").get_by_role("button", name="Cancel").click()
    asked = page.get_by_role("dialog", name="Cancel this film?")
    expect(asked).to_contain_text("12 credits are released now")
    with page.expect_response(re.compile("/feed/")):
        pass  # What is behind the dialog is brought up to date; the dialog stays.
    asked.get_by_role("button", name="Keep film").click()
    expect(page.locator(".generation", has_text="boat 1")).to_be_visible()
    page.locator(".generation", has_text="boat 1").get_by_role("button", name="Cancel").click()
    asked.get_by_role("button", name="Cancel film").click()
    expect(page.locator(".generation", has_text="boat 1")).to_have_count(0)
    expect(page.locator("#sheet")).to_contain_text("Cancelled")
    page.get_by_role("button", name=re.compile(r"Cancel my \d+ waiting")).click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel films").click()
    expect(page.locator(".generation", has_text="A waiting boat")).to_have_count(0)


def test_p16_a_film_that_was_sent_is_only_requested_to_be_cancelled(
    desk: Desk, installation: Installation
) -> None:
    task = order(installation, "A slow river [sandbox:slow=300]")
    page = desk("owner")
    page.goto(f"/generations/{task}/")
    expect(page.get_by_text("The vendor is rendering the film.")).to_be_visible(timeout=SOON)
    page.get_by_role("button", name="Ask to cancel").click()
    asked = page.get_by_role("dialog", name="The vendor cannot be stopped")
    asked.get_by_role("button", name="Ask to cancel").click()
    expect(page.get_by_text("asked to cancel it. The vendor cannot be stopped")).to_be_visible()
    expect(page.get_by_role("button", name="Ask to cancel")).to_have_count(0)


def test_p30_a_lost_film_is_found_again_by_the_id_from_the_console(
    desk: Desk, installation: Installation
) -> None:
    task = order(installation, "A lost heron [sandbox:lost-reply][sandbox:callback=none]")
    page = desk("manager")
    page.goto(f"/generations/{task}/")
    expect(page.get_by_text("Needs review").first).to_be_visible(timeout=SOON)
    page.get_by_role("link", name="See the evidence and decide").click()
    review = page.locator(f"#review-{task}")
    review.get_by_text("Evidence", exact=True).click()
    expect(review).to_contain_text("The connection broke before the whole answer came")
    review.get_by_label("Reason").fill("Found in the console")
    review.get_by_text("I found its task at the vendor").click()
    endpoint = shell(installation, FIND.format(f"pk='{task}'", "provider_key.endpoint"))
    tasks = httpx.get(f"{endpoint}/sandbox/books", trust_env=False).json()["tasks"]
    [found] = [one["id"] for one in tasks if one["prompt"].startswith("A lost heron")]
    review.get_by_label("Vendor task ID").fill(found)
    review.get_by_role("button", name="Check and link").click()
    expect(page.locator(f"#review-{task}")).to_have_count(0)
    page.goto(f"/generations/{task}/")
    expect(page.get_by_text("Linked the vendor's task")).to_be_visible()
