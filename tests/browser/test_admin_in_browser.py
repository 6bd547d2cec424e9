"""The admin in a real Chromium: its pages keep to their policy, its dialogs and forms work."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

Desk = Callable[..., Page]


def choose(page: Page, field: str, text: str) -> None:
    """Pick the first row that a field's search offers for `text`."""
    page.locator(f"#select2-id_{field}-container").click()
    # The list opens before its search field has the focus.
    page.locator(".select2-container--open .select2-search__field").fill(text)
    page.locator(".select2-container--open .select2-results__option", has_text=text).click()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_every_list_and_page_keeps_to_the_policy(desk: Desk, width: int, scheme: str) -> None:
    page = desk("admin", viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto("/admin/")
    lists = page.locator("#nav-sidebar-apps a").evaluate_all("all => all.map(a => a.pathname)")
    assert len(lists) > 20
    for path in lists:
        page.goto(path)
        row = page.locator("#result_list tbody th a")
        if row.count():
            page.goto(row.first.get_attribute("href") or "")


def test_credits_are_granted_in_a_dialog(desk: Desk) -> None:
    page = desk("admin")
    page.goto("/admin/accounts/team/?q=elsewhere")
    page.locator("#result_list tbody th a").click()
    page.get_by_text("Grant credits").click()
    dialog = page.locator("#modal-content")
    dialog.get_by_role("button", name="Grant credits").click()
    expect(dialog.get_by_text("This field is required.")).to_have_count(2)
    dialog.get_by_label("Credits").fill("321")
    dialog.get_by_label("Reason").fill("For a walk")
    dialog.get_by_role("button", name="Grant credits").click()
    expect(page.get_by_text("Granted 321 credits to Elsewhere.")).to_be_visible()
    page.goto("/admin/billing/transfer/?q=For+a+walk")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)


def test_a_limit_asks_only_for_its_kind_of_subject(desk: Desk) -> None:
    page = desk("admin")
    page.goto("/admin/billing/spendlimit/add/")
    person = page.locator("#select2-id_person-container")
    expect(person).to_be_hidden()
    page.get_by_label("Limit for").select_option("member")
    expect(person).to_be_visible()
    choose(page, "team", "Demo Studio")
    choose(page, "person", "viewer@demo.example")
    page.get_by_label("Renews every").select_option("month")
    page.locator("input[name=credits]").fill("3000")
    page.get_by_role("button", name="Save", exact=True).click()
    row = page.locator("#result_list tbody tr", has_text="3,000 credits per month")
    expect(row).to_contain_text("viewer@demo.example, viewer of Demo Studio")


def test_a_key_is_shown_once(desk: Desk) -> None:
    page = desk("admin")
    page.goto("/admin/accounts/apikey/add/")
    choose(page, "team", "Demo Studio")
    choose(page, "owner", "member@demo.example")
    page.get_by_label("Label").fill("Browser key")
    page.get_by_role("button", name="Save", exact=True).click()
    shown = page.locator("code", has_text="sk-")
    expect(shown).to_be_visible()
    text = shown.inner_text()
    page.reload()
    assert text not in page.content()
