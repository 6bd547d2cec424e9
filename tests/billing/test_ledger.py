"""The ledger's verbs: `grant`, taking holds, `settle_hold`, `release_hold`."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.authority import By
from accounts.models import Team
from billing.admission import WantedHold, plan_holds, read_wallet
from billing.audit import audit_books
from billing.errors import InsufficientCredits, LedgerConflict, SpendLimitExceeded
from billing.ledger import grant, release_hold, settle_hold
from billing.models import Account, Hold, SpendWindow, Transfer
from billing.selectors import Books, books_of, limits_of
from billing.services.limits import set_limit
from billing.subjects import LimitHolder, Subject
from platform_site.errors import InvalidRequest
from tests.factories import SYSTEM, fund, make_hold, make_limit, make_team, team_subject

pytestmark = pytest.mark.django_db

KEY = Subject("api_key", "7")


def settle(hold: Hold, *, now: datetime | None = None) -> Transfer | None:
    """Spend a hold."""
    with transaction.atomic():
        return settle_hold(hold_id=hold.pk, by=SYSTEM, reason="Made", now=now or timezone.now())


def release(hold: Hold, *, now: datetime | None = None) -> Transfer | None:
    """Give a hold back."""
    with transaction.atomic():
        return release_hold(hold_id=hold.pk, by=SYSTEM, reason="Failed", now=now or timezone.now())


class TestGrant:
    def test_credits_come_into_the_wallet(self) -> None:
        team = make_team()
        grant(team=team, credits=250, reason="Bought", by=SYSTEM)
        assert books_of(team) == Books(granted=250, available=250, held=0, spent=0)

    def test_a_team_that_never_got_any_has_nothing(self) -> None:
        assert books_of(make_team()) == Books()

    @pytest.mark.parametrize(
        "credits", [0, -1, 10**12 + 1, 1.5, float("nan"), float("inf"), True, "70", None]
    )
    def test_p08_only_a_whole_positive_amount_is_granted(self, credits: Any) -> None:
        team = make_team()
        with pytest.raises(InvalidRequest):
            grant(team=team, credits=credits, reason="Bought", by=SYSTEM)
        assert not Transfer.objects.exists()

    @pytest.mark.parametrize("reason", ["", " \n"])
    def test_a_grant_says_why(self, reason: str) -> None:
        with pytest.raises(InvalidRequest):
            grant(team=make_team(), credits=1, reason=reason, by=SYSTEM)

    def test_the_same_key_grants_once(self) -> None:
        team = make_team()
        first = grant(team=team, credits=5, reason="Bought", by=SYSTEM, idempotency_key="inv-1")
        again = grant(team=team, credits=5, reason="Bought", by=SYSTEM, idempotency_key="inv-1")
        assert again.pk == first.pk
        assert books_of(team).granted == 5

    def test_the_same_key_with_another_amount_or_team_is_a_conflict(self) -> None:
        team, other = make_team(), make_team()
        grant(team=team, credits=5, reason="Bought", by=SYSTEM, idempotency_key="inv-1")
        for wrong_team, wrong_credits in ((team, 6), (other, 5)):
            with pytest.raises(LedgerConflict):
                grant(
                    team=wrong_team,
                    credits=wrong_credits,
                    reason="Bought",
                    by=SYSTEM,
                    idempotency_key="inv-1",
                )

    def test_p35_an_entry_says_who_and_in_which_request(self) -> None:
        by = By("ada@studio.example", request_id="request-77", acts_everywhere=True)
        entry = grant(team=make_team(), credits=5, reason="Bought", by=by)
        stored = Transfer.objects.get(pk=entry.pk)
        assert (stored.actor, stored.request_id) == ("ada@studio.example", "request-77")
        assert stored.reason == "Bought"


class TestTakingHolds:
    def test_a_hold_moves_credits_aside(self, team: Team) -> None:
        hold = make_hold(team, 70)
        assert hold.is_open
        assert books_of(team) == Books(granted=1000, available=930, held=70, spent=0)

    def test_the_last_credit_can_be_held_and_none_more(self, team: Team) -> None:
        make_hold(team, 1000)
        with pytest.raises(InsufficientCredits) as caught:
            make_hold(team, 1)
        assert caught.value.status == 402
        assert caught.value.details == {
            "scope": "wallet",
            "window": "total",
            "limit": 1000,
            "spent": 0,
            "held": 1000,
            "needed": 1,
            "resets_at": None,
        }

    def test_p04_a_hold_counts_against_every_limit_at_once(self, team: Team) -> None:
        for window in ("hour", "day", "total"):
            make_limit(KEY, 100, team=team, window=window)
        make_hold(team, 70, subjects=(KEY,))
        assert [(use.held, use.spent, use.left) for use in limits_of("api_key", "7")] == [
            (70, 0, 30)
        ] * 3

    def test_a_limit_may_be_used_up_exactly(self, team: Team) -> None:
        make_limit(KEY, 140, team=team)
        make_hold(team, 70, subjects=(KEY,))
        make_hold(team, 70, subjects=(KEY,))
        with pytest.raises(SpendLimitExceeded):
            make_hold(team, 1, subjects=(KEY,))

    def test_a_limit_of_nothing_admits_nothing(self, team: Team) -> None:
        make_limit(KEY, 0, team=team)
        with pytest.raises(SpendLimitExceeded):
            make_hold(team, 1, subjects=(KEY,))

    def test_a_limit_below_what_is_used_already_admits_nothing_more(self, team: Team) -> None:
        make_limit(KEY, 100, team=team)
        make_hold(team, 70, subjects=(KEY,))
        make_limit(KEY, 30, team=team)
        with pytest.raises(SpendLimitExceeded) as caught:
            make_hold(team, 1, subjects=(KEY,))
        assert (caught.value.details["limit"], caught.value.details["held"]) == (30, 70)

    def test_p01_one_scope_without_room_rolls_all_of_them_back(self, team: Team) -> None:
        narrow, wide = Subject("api_key", "1"), Subject("member", "1:1")
        make_limit(narrow, 500, team=team)
        make_limit(wide, 69, team=team)
        with pytest.raises(SpendLimitExceeded):
            make_hold(team, 70, subjects=(narrow, wide, team_subject(team)))
        assert books_of(team).held == 0
        assert limits_of("api_key", "1")[0].held == 0
        assert not Hold.objects.exists()

    def test_a_limit_refuses_before_the_wallet(self) -> None:
        team = make_team(credits=1)
        make_limit(KEY, 1, team=team)
        with pytest.raises(SpendLimitExceeded):
            make_hold(team, 70, subjects=(KEY,))

    def test_p34_a_refusal_names_the_scope_and_its_figures(self, team: Team) -> None:
        now = datetime(2026, 5, 1, 13, 30, tzinfo=ZoneInfo("UTC"))
        make_limit(KEY, 100, team=team, window="day")
        settle(make_hold(team, 20, subjects=(KEY,), now=now), now=now)
        make_hold(team, 30, subjects=(KEY,), now=now)
        with pytest.raises(SpendLimitExceeded) as caught:
            make_hold(team, 70, subjects=(KEY,), now=now)
        assert caught.value.details == {
            "scope": "api_key",
            "window": "day",
            "limit": 100,
            "spent": 20,
            "held": 30,
            "needed": 70,
            "resets_at": int(datetime(2026, 5, 2, tzinfo=ZoneInfo("UTC")).timestamp()),
        }

    def test_another_teams_limit_does_not_count(self, team: Team) -> None:
        make_limit(Subject("api_key", "8"), 0, team=team)
        assert make_hold(team, 70, subjects=(KEY,)).is_open


class TestClosing:
    def test_settling_spends_the_hold(self, team: Team) -> None:
        hold = make_hold(team, 70)
        entry = settle(hold)
        hold.refresh_from_db()
        assert entry is not None
        assert (hold.settled, hold.released, hold.is_open) == (70, 0, False)
        assert books_of(team) == Books(granted=1000, available=930, held=0, spent=70)

    def test_releasing_gives_the_hold_back(self, team: Team) -> None:
        hold = make_hold(team, 70)
        release(hold)
        hold.refresh_from_db()
        assert (hold.settled, hold.released, hold.is_open) == (0, 70, False)
        assert books_of(team) == Books(granted=1000, available=1000, held=0, spent=0)

    @pytest.mark.parametrize("first", [settle, release])
    @pytest.mark.parametrize("second", [settle, release])
    def test_p09_a_hold_closes_once_and_the_second_does_nothing(
        self, team: Team, first: Any, second: Any
    ) -> None:
        hold = make_hold(team, 70)
        first(hold)
        books = books_of(team)
        assert second(hold) is None
        assert books_of(team) == books
        assert Transfer.objects.filter(hold=hold, kind__in=["settle", "release"]).count() == 1

    def test_p12_released_credits_can_be_held_again_for_ever(self) -> None:
        team = make_team(credits=70)
        make_limit(KEY, 70, team=team)
        for _ in range(5):
            release(make_hold(team, 70, subjects=(KEY,)))
        assert books_of(team) == Books(granted=70, available=70, held=0, spent=0)
        assert limits_of("api_key", "7")[0].left == 70

    def test_closing_a_hold_that_does_not_exist_does_nothing(self, team: Team) -> None:
        with transaction.atomic():
            entry = settle_hold(hold_id=Hold().pk, by=SYSTEM, reason="Made", now=timezone.now())
        assert entry is None

    @pytest.mark.parametrize("close", [settle_hold, release_hold])
    def test_p09_a_held_account_without_the_credits_lets_no_hold_close(
        self, team: Team, close: Any
    ) -> None:
        hold = make_hold(team, 70)
        Account.objects.filter(team=team, kind="held").update(credits=69)
        with pytest.raises(LedgerConflict, match="less than its open holds"), transaction.atomic():
            close(hold_id=hold.pk, by=SYSTEM, reason="Told", now=timezone.now())
        hold.refresh_from_db()
        assert hold.is_open
        assert [entry.kind for entry in Transfer.objects.filter(hold=hold)] == ["hold"]


class TestWindows:
    def test_p07_held_before_midnight_and_settled_after_leaves_the_new_day_at_zero(
        self, team: Team
    ) -> None:
        make_limit(KEY, 100, team=team, window="day")
        late = datetime(2026, 5, 1, 23, 59, 59, tzinfo=ZoneInfo("UTC"))
        early = late + timedelta(seconds=2)
        hold = make_hold(team, 70, subjects=(KEY,), now=late)
        make_hold(team, 100, subjects=(KEY,), now=early)
        settle(hold, now=early)
        days = {w.starts_at.day: (w.held, w.spent) for w in SpendWindow.objects.all()}
        assert days == {1: (0, 70), 2: (100, 0)}

    def test_p07_released_after_midnight_frees_the_old_day(self, team: Team) -> None:
        make_limit(KEY, 70, team=team, window="day")
        late = datetime(2026, 5, 1, 23, 59, 59, tzinfo=ZoneInfo("UTC"))
        hold = make_hold(team, 70, subjects=(KEY,), now=late)
        release(hold, now=late + timedelta(hours=1))
        assert make_hold(team, 70, subjects=(KEY,), now=late).is_open

    @pytest.mark.parametrize(
        ("window", "later"),
        [
            ("hour", timedelta(hours=1)),
            ("day", timedelta(days=1)),
            ("week", timedelta(weeks=1)),
            ("month", timedelta(days=31)),
        ],
    )
    def test_p07_the_next_window_starts_afresh(
        self, team: Team, window: str, later: timedelta
    ) -> None:
        make_limit(KEY, 70, team=team, window=window)
        now = datetime(2026, 5, 1, 12, tzinfo=ZoneInfo("UTC"))
        make_hold(team, 70, subjects=(KEY,), now=now)
        with pytest.raises(SpendLimitExceeded):
            make_hold(team, 70, subjects=(KEY,), now=now)
        assert make_hold(team, 70, subjects=(KEY,), now=now + later).is_open

    def test_a_total_never_starts_afresh(self, team: Team) -> None:
        make_limit(KEY, 70, team=team)
        now = timezone.now()
        settle(make_hold(team, 70, subjects=(KEY,), now=now))
        with pytest.raises(SpendLimitExceeded) as caught:
            make_hold(team, 1, subjects=(KEY,), now=now + timedelta(days=4000))
        assert caught.value.details["resets_at"] is None

    def test_p07_days_follow_the_sites_zone(self, team: Team, settings: Any) -> None:
        settings.TIME_ZONE = "Asia/Kolkata"
        make_limit(KEY, 70, team=team, window="day")
        before = datetime(2026, 5, 1, 18, 29, 59, tzinfo=ZoneInfo("UTC"))  # 23:59:59 there
        make_hold(team, 70, subjects=(KEY,), now=before)
        after = before + timedelta(seconds=1)
        assert make_hold(team, 70, subjects=(KEY,), now=after).is_open

    def test_lifting_a_limit_leaves_open_holds_closable(self, team: Team) -> None:
        make_limit(KEY, 70, team=team)
        hold = make_hold(team, 70, subjects=(KEY,))
        set_limit(LimitHolder(team, KEY), window="total", credits=None, by=SYSTEM)
        assert settle(hold) is not None
        assert not list(audit_books())


def test_the_books_prove_themselves_after_all_of_it(team: Team) -> None:
    make_limit(KEY, 500, team=team, window="day")
    fund(team, 23)
    settle(make_hold(team, 70, subjects=(KEY,)))
    release(make_hold(team, 120, subjects=(KEY,)))
    place = make_hold(team, 84, subjects=(KEY,))
    assert place.is_open
    books = books_of(team)
    assert books == Books(granted=1023, available=869, held=84, spent=70)
    assert not list(audit_books())


@pytest.mark.django_db(transaction=True)
def test_p10_money_moves_inside_a_transaction_only() -> None:
    team = make_team(credits=70)
    now = timezone.now()
    wanted = [WantedHold(70, Subject("test", "1"), ())]
    plan = plan_holds(team=team, wanted=wanted, now=now, wallet=read_wallet(team))
    with (
        pytest.raises(transaction.TransactionManagementError),
        plan.taking(plan.holds(), by=SYSTEM),
    ):
        pass
    hold = make_hold(team)
    for close in (settle_hold, release_hold):
        with pytest.raises(transaction.TransactionManagementError):
            close(hold_id=hold.pk, by=SYSTEM, reason="Made", now=now)


@pytest.mark.django_db(transaction=True)
def test_p10_a_failure_after_the_money_moved_takes_the_money_back() -> None:
    team = make_team(credits=70)
    hold = make_hold(team)

    def settle_and_fail() -> None:
        with transaction.atomic():
            settle_hold(hold_id=hold.pk, by=SYSTEM, reason="Made", now=timezone.now())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        settle_and_fail()
    assert books_of(team).held == 70
    assert settle(hold) is not None


@pytest.mark.both_databases
@pytest.mark.parametrize("reason", ["x" * 5000, "东" * 501, "a\0\ud800b"])
def test_f17_no_reason_keeps_an_entry_from_being_written(team: Team, reason: str) -> None:
    grant(team=team, credits=100, reason=reason, by=SYSTEM)
    for close in (settle_hold, release_hold):
        with transaction.atomic():
            entry = close(hold_id=make_hold(team).pk, by=SYSTEM, reason=reason, now=timezone.now())
        assert entry is not None
        assert 0 < len(entry.reason) <= 500
    assert list(audit_books()) == []
