"""Administrators put credits right by services, once, and never without a reason."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client

from accounts.models import AuditEvent, Membership, User
from billing.models import Transfer
from billing.selectors import books_of
from generations.lifecycle import State
from generations.models import Discrepancy, Generation, ProviderKey
from generations.reports.audit import audit_site
from tests.factories import make_generation, make_user
from tests.generations.admin.conftest import make_discrepancy
from tests.generations.admin.steps import assert_recorded, button
from tests.generations.admin.test_admin_pages import path_of

pytestmark = pytest.mark.usefixtures("provider_key")

# button, the state that it is for, what is spent afterwards, the audit's word
CORRECTIONS = [
    ("release", State.NEEDS_REVIEW, 0, "generation.review_release"),
    ("settle", State.NEEDS_REVIEW, 70, "generation.review_settle"),
    ("correct_to_spent", State.FAILED, 70, "generation.adjusted"),
    ("correct_to_released", State.COMPLETED, 0, "generation.adjusted"),
]
NAMES = {name for name, *_ in CORRECTIONS}


def press(browser: Client, row: Model, name: str, **typed: Any) -> Any:
    """Send a button's dialog."""
    body = {**typed, "_form_submitted": "True"}
    return browser.post(button(type(row), name, row.pk), body)


def shown_buttons(browser: Client, generation: Generation) -> set[str]:
    page = browser.get(path_of(Generation, "change", generation.pk)).content.decode()
    return {name for name in NAMES if button(Generation, name, generation.pk) in page}


@pytest.mark.parametrize(("name", "state", "spent", "word"), CORRECTIONS)
def test_p14_a_correction_moves_the_credits_once(  # one case a row
    name: str,
    state: State,
    spent: int,
    word: str,
    browser: Client,
    root: User,
    alice: Membership,
) -> None:
    generation = make_generation(alice, state)
    assert name in shown_buttons(browser, generation)
    for _ in range(2):
        assert press(browser, generation, name, reason="Invoice 7").status_code == 302
    books = books_of(alice.team)
    assert (books.spent, books.held, books.available) == (spent, 0, 1000 - spent)
    assert AuditEvent.objects.filter(action=word).count() == 1
    assert_recorded(
        word, root, subject_kind="generation", subject_id=str(generation.pk), reason="Invoice 7"
    )
    assert Transfer.objects.filter(reason__contains="Invoice 7").count() == 1
    assert list(audit_site()) == []
    page = browser.get(path_of(Generation, "change", generation.pk)).content.decode()
    assert "Invoice 7" in page


@pytest.mark.parametrize(("name", "state", "_spent", "word"), CORRECTIONS)
@pytest.mark.parametrize("typed", [{}, {"reason": ""}, {"reason": "   "}])
def test_a_correction_needs_a_reason(  # one case a row
    name: str,
    state: State,
    _spent: int,
    word: str,
    typed: dict[str, str],
    browser: Client,
    alice: Membership,
) -> None:
    generation = make_generation(alice, state)
    before = books_of(alice.team)
    assert press(browser, generation, name, **typed).status_code == 200
    assert books_of(alice.team) == before
    assert not AuditEvent.objects.filter(action=word).exists()


@pytest.mark.parametrize(
    ("state", "offered"),
    [
        (State.QUEUED, set()),
        (State.PROCESSING, set()),
        (State.NEEDS_REVIEW, {"release", "settle"}),
        (State.COMPLETED, {"correct_to_released"}),
        (State.FAILED, {"correct_to_spent"}),
    ],
)
def test_only_what_the_state_allows_is_offered_and_done(
    state: State, offered: set[str], browser: Client, alice: Membership
) -> None:
    generation = make_generation(alice, state)
    assert shown_buttons(browser, generation) == offered
    before = books_of(alice.team)
    for name in NAMES - offered:
        press(browser, generation, name, reason="x")
    assert books_of(alice.team) == before
    generation.refresh_from_db()
    assert generation.state == state


def test_a_corrected_hold_says_what_it_cost(browser: Client, alice: Membership) -> None:
    generation = make_generation(alice, State.COMPLETED)
    press(browser, generation, "correct_to_released", reason="Refunded")
    assert shown_buttons(browser, generation) == set()
    page = browser.get(path_of(type(generation.hold), "change", generation.hold_id))
    assert "released" in page.content.decode()


def test_who_may_only_look_corrects_nothing(client: Client, alice: Membership) -> None:
    generation = make_generation(alice, State.NEEDS_REVIEW)
    reader = make_user("reader@example.com", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_generation"))
    client.force_login(reader)
    assert shown_buttons(client, generation) == set()
    assert press(client, generation, "settle", reason="x").status_code == 403
    assert books_of(alice.team).held == 70


class TestDiscrepancies:
    def test_a_discrepancy_is_accepted_with_a_reason_and_moves_nothing(
        self, browser: Client, root: User, alice: Membership, provider_key: ProviderKey
    ) -> None:
        discrepancy = make_discrepancy(provider_key, detail="70 more", candidates=[])
        before = books_of(alice.team)
        assert press(browser, discrepancy, "accept", reason="  ").status_code == 200
        discrepancy.refresh_from_db()
        assert discrepancy.is_open
        for _ in range(2):
            press(browser, discrepancy, "accept", reason="A colleague tried the key")
        discrepancy.refresh_from_db()
        assert discrepancy.closing == "A colleague tried the key"
        assert discrepancy.closed_by == f"user:{root.pk}/admin"
        assert AuditEvent.objects.filter(action="discrepancy.accepted").count() == 1
        assert_recorded(
            "discrepancy.accepted", root, subject_kind="discrepancy", subject_id=str(discrepancy.pk)
        )
        assert books_of(alice.team) == before
        page = browser.get(path_of(Discrepancy, "change", discrepancy.pk)).content.decode()
        assert button(Discrepancy, "accept", discrepancy.pk) not in page

    def test_a_discrepancy_links_to_what_it_may_come_from(
        self, browser: Client, alice: Membership, provider_key: ProviderKey
    ) -> None:
        generation = make_generation(alice)
        discrepancy = make_discrepancy(
            provider_key, detail="70 more", candidates=[str(generation.pk), "7"]
        )
        page = browser.get(path_of(Discrepancy, "change", discrepancy.pk)).content.decode()
        assert path_of(Generation, "change", generation.pk) in page
