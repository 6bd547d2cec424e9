"""`submit_batch`: a batch is admitted whole or not at all (P37)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.authority import By
from accounts.models import Project
from billing.errors import InsufficientCredits, NoRate, SpendLimitExceeded
from billing.models import Hold, Rate, SpendWindow, Transfer
from billing.selectors import Books, books_of
from generations.approvals.service import set_threshold
from generations.errors import IdempotencyConflict
from generations.models import Approval, Generation
from generations.ordering.submit import Submission, submit_batch
from generations.reports.audit import audit_site
from tests.factories import SYSTEM, fund, make_request
from tests.support.desk import Desk
from tests.support.races import race
from tests.support.steps import queued

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("balanced")]


def submit(desk: Desk, *orders: Submission) -> list[Generation]:
    """Submit a batch as the desk's member."""
    return submit_batch(orders, by=By.member(desk.membership), now=datetime.now(UTC))


def expect_nothing(desk: Desk) -> None:
    """Expect no trace of a batch."""
    assert not Generation.objects.exists()
    assert not Hold.objects.exists()
    assert not Transfer.objects.exclude(kind="grant").exists()
    assert queued() == []
    assert books_of(desk.team) == Books(granted=1_000, available=1_000)


def test_p37_a_batch_is_admitted_whole_and_answers_in_order(desk: Desk) -> None:
    orders = [desk.order(prompt=f"Film {number}", duration=4 + number) for number in range(3)]
    generations = submit(desk, *orders)
    assert [(one.prompt, one.credits) for one in generations] == [
        ("Film 0", 56),
        ("Film 1", 70),
        ("Film 2", 84),
    ]
    assert books_of(desk.team).held == 210


def test_p37_a_batch_that_outgrows_a_limit_leaves_no_trace_and_names_the_item(desk: Desk) -> None:
    desk.cap("project", 170)
    with pytest.raises(SpendLimitExceeded) as caught:
        submit(desk, *[desk.order() for _ in range(4)])
    details = caught.value.details
    assert (details["item"], details["scope"]) == (2, "project")
    # What its earlier items would hold is why it does not fit.
    assert (details["held"], details["needed"], details["limit"]) == (140, 70, 170)
    expect_nothing(desk)
    assert not SpendWindow.objects.exclude(held=0).exists()


def test_p34_variants_of_a_refused_item_fit_beside_the_items_before_it(desk: Desk) -> None:
    desk.cap("team", 170)
    orders = [desk.order() for _ in range(3)]
    with pytest.raises(SpendLimitExceeded) as caught:
        submit(desk, *orders)
    variants = caught.value.details["variants"]
    assert variants
    assert all(variant["credits"] <= 30 for variant in variants)
    nearest = {name: value for name, value in variants[0].items() if name != "credits"}
    assert len(submit(desk, *orders[:2], desk.order(**nearest))) == 3


def test_p34_an_earlier_item_in_another_project_takes_no_room_from_this_one(desk: Desk) -> None:
    other = Project.objects.create(team=desk.team, name="Other", slug="other")
    desk.cap("project", 100)
    elsewhere = Submission(make_request(desk.team), desk.api_key, other)
    with pytest.raises(SpendLimitExceeded) as caught:
        submit(desk, elsewhere, desk.order(duration=8))
    assert caught.value.details["item"] == 1
    assert caught.value.details["variants"][0]["credits"] == 98


def test_p37_a_batch_that_outgrows_the_wallet_leaves_no_trace_and_names_the_item(
    desk: Desk,
) -> None:
    with pytest.raises(InsufficientCredits) as caught:
        submit(desk, *[desk.order() for _ in range(15)])
    assert caught.value.details["item"] == 14
    assert caught.value.details["held"] == 980
    expect_nothing(desk)


def test_p37_an_item_without_a_price_refuses_the_batch_and_is_named(desk: Desk) -> None:
    unpriced = desk.order(resolution="480p")
    Rate.objects.filter(resolution="480p").delete()
    with pytest.raises(NoRate) as caught:
        submit(desk, desk.order(), unpriced)
    assert caught.value.details["item"] == 1
    expect_nothing(desk)


def test_a_batch_of_one_names_no_item(desk: Desk) -> None:
    desk.cap("team", 1)
    with pytest.raises(SpendLimitExceeded) as caught:
        submit(desk, desk.order())
    assert "item" not in caught.value.details


def test_an_empty_batch_is_nothing(desk: Desk) -> None:
    assert submit(desk) == []


def test_a_batch_that_is_sent_again_is_admitted_once(desk: Desk) -> None:
    orders = [desk.order(prompt=f"Film {number}", key=f"row-{number}") for number in range(3)]
    first = submit(desk, *orders)
    desk.cap("team", 0)  # the key is looked at first: a retry is not refused
    again = submit(desk, *orders)
    assert [one.pk for one in again] == [one.pk for one in first]
    assert Generation.objects.count() == 3


def test_a_batch_that_grew_admits_what_is_new(desk: Desk) -> None:
    [first] = submit(desk, desk.order(key="row-0"))
    both = submit(desk, desk.order(key="row-0"), desk.order(key="row-1"))
    assert both[0].pk == first.pk
    assert books_of(desk.team).held == 140


def test_items_of_one_batch_with_one_key_and_request_share_a_generation(desk: Desk) -> None:
    first, second, third = submit(
        desk, desk.order(key="row"), desk.order(key="other"), desk.order(key="row")
    )
    assert first.pk == third.pk != second.pk
    assert Generation.objects.count() == 2
    assert books_of(desk.team).held == 140


def test_items_of_one_batch_with_one_key_and_different_requests_refuse_it(desk: Desk) -> None:
    with pytest.raises(IdempotencyConflict) as caught:
        submit(desk, desk.order(key="row"), desk.order(prompt="Another", key="row"))
    assert caught.value.details["item"] == 1
    expect_nothing(desk)


def test_a_key_used_before_for_another_request_refuses_the_batch(desk: Desk) -> None:
    submit(desk, desk.order(key="row"))
    with pytest.raises(IdempotencyConflict) as caught:
        submit(desk, desk.order(), desk.order(prompt="Another", key="row"))
    assert caught.value.details["item"] == 1
    assert Generation.objects.count() == 1


def test_only_what_is_dear_in_a_batch_waits_for_approval(desk: Desk) -> None:
    set_threshold(team=desk.team, above=70, by=SYSTEM)
    cheap, dear = submit(desk, desk.order(), desk.order(duration=6))
    assert (cheap.state, dear.state) == ("queued", "awaiting_approval")
    assert Approval.objects.get().generation == dear
    assert queued() == [("ask", (str(dear.pk),))]


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p37_batches_that_cross_neither_deadlock_nor_split(desk: Desk) -> None:
    fund(desk.team, 100_000)
    cheap: dict[str, Any] = {
        "duration": 4,
        "resolution": "480p",
        "generate_audio": False,
    }
    projects = [
        Project.objects.create(team=desk.team, name=name, slug=name) for name in ["a", "b", "c"]
    ]
    scopes = [
        Desk(desk.team, desk.membership, desk.api_key, desk.provider_key, one) for one in projects
    ]
    for one in scopes:
        one.cap("project", 10_000, "hour")
    desk.cap("team", 12 * 50, "day")

    def work(number: int) -> object:
        turned = scopes[number % 3 :] + scopes[: number % 3]
        orders = [one.order(**cheap) for one in (turned if number % 2 else turned[::-1])]
        if number % 5 == 0:
            return turned[0].submit(**cheap)
        return submit(desk, *orders)

    results = race(40, work)
    errors = [one for one in results if isinstance(one, Exception)]
    assert {type(error) for error in errors} <= {SpendLimitExceeded}
    admitted = sum(len(one) if isinstance(one, list) else 1 for one in results if one not in errors)
    assert Generation.objects.count() == admitted
    assert 48 <= admitted <= 50
    assert list(audit_site()) == []


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p37_one_batch_sent_by_many_at_once_is_admitted_once(desk: Desk) -> None:
    orders = [desk.order(prompt=f"Film {number}", key=f"row-{number}") for number in range(3)]

    def work(number: int) -> list[Generation]:
        return submit(desk, *(orders if number % 2 else orders[::-1]))

    results = race(16, work)
    assert [one for one in results if isinstance(one, Exception)] == []
    assert Generation.objects.count() == 3
    assert books_of(desk.team).held == 210
