"""The navigation: who sees which page, what waits there, and where one is (F13)."""

import pytest

from accounts.models import Membership
from generations.approvals.service import set_threshold
from generations.lifecycle import State
from generations.portal.navigation import navigation_for
from tests.factories import SYSTEM, fund, make_generation
from tests.generations.portal.conftest import SignIn

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


def names(member: Membership, path: str = "/") -> list[str]:
    return [entry.name for entry in navigation_for(member, path=path)]


def test_f13_everybody_is_led_to_what_their_role_may_open(
    viewer: Membership, bob: Membership, manager: Membership
) -> None:
    assert names(viewer) == ["studio", "archive", "budgets", "keys"]
    assert names(bob) == ["studio", "archive", "approvals", "budgets", "reports", "keys"]
    assert names(manager) == names(bob)


def test_f13_review_has_a_place_while_something_is_in_review_or_it_is_open(
    bob: Membership, manager: Membership
) -> None:
    assert "review" in names(bob, "/review/")
    make_generation(manager, State.NEEDS_REVIEW)
    assert "review" in names(manager)
    assert "review" not in names(bob)  # it is not theirs


def test_f13_pages_below_a_page_mark_it_as_current(manager: Membership) -> None:
    def current(path: str) -> dict[str, str]:
        shown = navigation_for(manager, path=path)
        return {entry.name: entry.current for entry in shown if entry.current}

    assert current("/") == {"studio": "page"}
    assert current("/generations/0/receipt/") == {"studio": "true"}
    assert current("/webhooks/deliveries/") == {"keys": "true"}
    assert current("/budgets/limits/") == {"budgets": "true"}
    assert current("/notices/") == {}


def test_f13_counts_end_at_99_and_have_ids_to_be_updated_by(
    bob: Membership, manager: Membership, sign_in: SignIn
) -> None:
    fund(bob.team, 10_000)
    set_threshold(team=bob.team, above=0, by=SYSTEM)
    make_generation(bob)
    page = sign_in(manager).get("/").content.decode()
    for name in ("count-approvals", "count-approvals-more", "dot-approvals", "bell-count"):
        assert page.count(f'id="{name}"') == 1, name
    assert page.count('id="wallet-sum"') == 1
    [entry] = [one for one in navigation_for(manager, path="/") if one.name == "approvals"]
    assert (entry.count, entry.count_text) == (1, "1")
    [theirs] = [one for one in navigation_for(bob, path="/") if one.name == "approvals"]
    assert theirs.count == 0  # they decide nothing
    for _ in range(99):
        make_generation(bob, duration=4, resolution="480p", generate_audio=False)
    [entry] = [one for one in navigation_for(manager, path="/") if one.name == "approvals"]
    assert (entry.count, entry.count_text) == (100, "99+")
