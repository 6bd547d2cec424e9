"""Which limits and wallets people hear about, and that it is once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.authority import By
from accounts.models import AuditEvent, Team
from accounts.roles import Role
from billing.alerts import crossings, low_wallets
from billing.ledger import release_hold, settle_hold
from billing.models import Account, Hold, SpendAlert, SpendLimit, SpendWindow
from billing.services.alerts import (
    claim_low_wallet,
    claim_thresholds,
    rearm_wallets,
    set_alerts,
    set_low_mark,
)
from billing.services.limits import set_limit
from billing.subjects import LimitHolder, Subject
from platform_site.errors import InvalidRequest, NotFound, PermissionDenied
from tests.factories import SYSTEM, fund, make_hold, make_limit, make_member, make_team
from tests.support.races import race

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

SUBJECT = Subject("project", "7")


def now() -> datetime:
    return timezone.now()


def hold(team: Team, amount: int, at: datetime | None = None) -> Hold:
    return make_hold(team, amount, subjects=(SUBJECT,), now=at)


def release(one: Hold) -> None:
    with transaction.atomic():
        release_hold(hold_id=one.pk, by=SYSTEM, reason="x", now=now())


def reached(at: datetime | None = None) -> list[list[int]]:
    return [crossing.thresholds for crossing in crossings(now=at or now())]


def tell(at: datetime | None = None) -> list[list[int]]:
    """Claim whatever there is to tell; return what was claimed a window."""
    at = at or now()
    return [claim_thresholds(one.window, one.thresholds, now=at) for one in crossings(now=at)]


class TestCrossings:
    def test_held_credits_count_as_well_as_spent_ones(self, team: Team) -> None:
        make_limit(SUBJECT, 100, team=team)
        first = hold(team, 49)
        assert reached() == []
        hold(team, 1)
        assert reached() == [[50]]
        with transaction.atomic():
            settle_hold(hold_id=first.pk, by=SYSTEM, reason="x", now=now())
        assert reached() == [[50]]
        hold(team, 30)
        (crossing,) = crossings(now=now())
        assert (crossing.thresholds, crossing.used, crossing.resets_at) == ([50, 80], 80, None)

    def test_a_threshold_is_told_once_a_window(self, team: Team) -> None:
        make_limit(SUBJECT, 100, team=team)
        hold(team, 50)
        assert tell() == [[50]]
        assert tell() == []
        hold(team, 50)
        assert tell() == [[80, 100]]
        assert tell() == []

    def test_released_and_held_again_is_not_told_again(self, team: Team) -> None:
        make_limit(SUBJECT, 100, team=team, window="day")
        one = hold(team, 80)
        assert tell() == [[50, 80]]
        release(one)
        assert tell() == []
        hold(team, 85)
        assert tell() == []

    def test_the_next_window_tells_again_and_the_last_one_no_more(self, team: Team) -> None:
        make_limit(SUBJECT, 100, team=team, window="day")
        today = datetime(2026, 3, 3, 23, 59, tzinfo=UTC)
        hold(team, 90, at=today)
        assert reached(today) == [[50, 80]]
        tomorrow = today + timedelta(minutes=2)
        assert reached(tomorrow) == []
        hold(team, 60, at=tomorrow)
        assert tell(tomorrow) == [[50]]
        assert tell(tomorrow) == []

    def test_lowering_a_limit_crosses_thresholds(self, team: Team) -> None:
        make_limit(SUBJECT, 1000, team=team)
        hold(team, 90)
        assert reached() == []
        make_limit(SUBJECT, 100, team=team)
        assert tell() == [[50, 80]]
        make_limit(SUBJECT, 10, team=team)  # far beyond it already
        assert tell() == [[100]]

    def test_raising_a_limit_tells_nothing_twice(self, team: Team) -> None:
        make_limit(SUBJECT, 100, team=team)
        hold(team, 60)
        assert tell() == [[50]]
        make_limit(SUBJECT, 200, team=team)
        hold(team, 50)
        assert tell() == []

    def test_a_limit_of_nothing_is_quiet_until_something_is_used(self, team: Team) -> None:
        make_limit(SUBJECT, 0, team=team)
        SpendWindow.objects.create(
            limit=SpendLimit.objects.get(), starts_at=datetime(1970, 1, 1, tzinfo=UTC)
        )
        assert reached() == []
        make_limit(SUBJECT, 100, team=team)
        hold(team, 10)
        make_limit(SUBJECT, 0, team=team)
        assert tell() == [[50, 80, 100]]
        assert tell() == []

    def test_a_limit_set_later_knows_what_was_held_before(self, team: Team) -> None:
        make_hold(team, 70)
        earlier = Hold.objects.filter(team=team)
        set_limit(LimitHolder(team, SUBJECT), window="day", credits=100, by=SYSTEM, earlier=earlier)
        assert reached() == [[50]]

    def test_every_kind_of_window_is_looked_at(self, team: Team) -> None:
        for window in ("hour", "day", "week", "month", "total"):
            make_limit(SUBJECT, 100, team=team, window=window)
        hold(team, 100)
        found = crossings(now=now())
        assert len(found) == 5
        assert {one.resets_at is None for one in found if one.window.limit.window == "total"} == {
            True
        }

    def test_it_is_one_query_that_reads_no_old_windows(self, team: Team) -> None:
        make_limit(SUBJECT, 100, team=team, window="hour")
        for hours in range(5):
            hold(team, 60, at=now() - timedelta(hours=hours))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert reached() == [[50]]
        assert len(queries) == 1
        if connection.vendor == "sqlite":
            plan = connection.cursor().execute(f"EXPLAIN QUERY PLAN {queries[0]['sql']}").fetchall()
            assert any("spend_window_current" in str(step) for step in plan), plan


class TestClaimThresholds:
    def test_what_others_claimed_since_it_was_read_is_not_ours(self, team: Team) -> None:
        make_limit(SUBJECT, 100, team=team)
        hold(team, 80)
        (crossing,) = crossings(now=now())
        assert claim_thresholds(crossing.window, [80], now=now()) == [80]
        assert claim_thresholds(crossing.window, crossing.thresholds, now=now()) == [50]
        assert SpendAlert.objects.count() == 2

    @pytest.mark.django_db(transaction=True)
    def test_of_twenty_at_once_each_threshold_is_one_callers(self, team: Team) -> None:
        make_limit(SUBJECT, 100, team=team)
        hold(team, 100)

        def claim(_: int) -> list[int]:
            ours = []
            for one in crossings(now=now()):
                with transaction.atomic():
                    ours += claim_thresholds(one.window, one.thresholds, now=now())
            return ours

        results = race(20, claim)
        assert not [result for result in results if isinstance(result, Exception)]
        claimed = [one for result in results if isinstance(result, list) for one in result]
        assert sorted(claimed) == [50, 80, 100]
        assert SpendAlert.objects.count() == 3

    @pytest.mark.parametrize("percent", [0, 101])
    def test_the_database_knows_what_a_percent_is(self, team: Team, percent: int) -> None:
        make_limit(SUBJECT, 100, team=team)
        hold(team, 1)
        with pytest.raises(IntegrityError), transaction.atomic():
            SpendAlert.objects.create(window=SpendWindow.objects.get(), threshold=percent)


class TestSetAlerts:
    def test_new_limits_tell_at_half_at_four_fifths_and_at_the_end(self, team: Team) -> None:
        assert make_limit(SUBJECT, 100, team=team).alert_at == [50, 80, 100]

    def test_others_may_be_chosen_and_last_when_the_limit_changes(self, team: Team) -> None:
        limit = make_limit(SUBJECT, 100, team=team)
        set_alerts(
            LimitHolder(team, SUBJECT), window=limit.window, percents=[90, 10, 90], by=SYSTEM
        )
        hold(team, 9)
        assert reached() == []
        hold(team, 1)
        assert reached() == [[10]]
        make_limit(SUBJECT, 11, team=team)
        assert SpendLimit.objects.get().alert_at == [10, 90]
        assert reached() == [[10, 90]]
        assert AuditEvent.objects.filter(action="spend_limit.alerts_set").count() == 1

    def test_a_limit_that_is_not_there_alerts_nobody(self, team: Team) -> None:
        with pytest.raises(NotFound):
            set_alerts(LimitHolder(team, SUBJECT), window="day", percents=[50], by=SYSTEM)

    def test_f17_who_sets_no_limits_in_the_team_says_not_when_people_are_told(
        self, team: Team
    ) -> None:
        limit = make_limit(SUBJECT, 100, team=team)
        holder = LimitHolder(team, SUBJECT)
        for member in (make_member(team, Role.MEMBER), make_member(make_team(), Role.OWNER)):
            with pytest.raises(PermissionDenied):
                set_alerts(holder, window=limit.window, percents=[10], by=By.member(member))
        limit.refresh_from_db()
        assert limit.alert_at == [50, 80, 100]

    def test_none_at_all_is_a_choice(self, team: Team) -> None:
        limit = make_limit(SUBJECT, 100, team=team)
        set_alerts(LimitHolder(team, SUBJECT), window=limit.window, percents=[], by=SYSTEM)
        hold(team, 100)
        assert reached() == []

    def test_a_lower_one_added_later_is_old_news(self, team: Team) -> None:
        limit = make_limit(SUBJECT, 100, team=team)
        hold(team, 80)
        tell()
        set_alerts(
            LimitHolder(team, SUBJECT), window=limit.window, percents=[60, 80, 95], by=SYSTEM
        )
        assert reached() == []
        hold(team, 15)
        assert reached() == [[95]]

    @pytest.mark.parametrize("percents", [[0], [101], [-1], [50.5], ["50"], [True], [None]])
    def test_only_whole_percents_are_taken(self, team: Team, percents: Any) -> None:
        limit = make_limit(SUBJECT, 100, team=team)
        with pytest.raises(InvalidRequest) as caught:
            set_alerts(
                LimitHolder(team, SUBJECT), window=limit.window, percents=percents, by=SYSTEM
            )
        assert caught.value.field == "alert_at"
        limit.refresh_from_db()
        assert limit.alert_at == [50, 80, 100]


class TestLowWallet:
    def claim_all(self) -> int:
        return sum(claim_low_wallet(wallet, now=now()) for wallet in low_wallets())

    def test_it_is_told_once_a_fall_and_armed_again_above(self) -> None:
        team = make_team(credits=1070)
        assert self.claim_all() == 0
        first = make_hold(team, 71)
        assert self.claim_all() == 1
        make_hold(team, 10)
        assert (rearm_wallets(), self.claim_all()) == (0, 0)
        release(first)
        assert (rearm_wallets(), self.claim_all()) == (1, 0)
        make_hold(team, 71)
        assert self.claim_all() == 1

    def test_a_team_that_never_got_any_is_left_alone(self) -> None:
        team = make_team()
        set_low_mark(team=team, credits=500, by=SYSTEM)
        assert self.claim_all() == 0
        fund(team, 100)
        assert self.claim_all() == 1

    def test_the_mark_is_the_teams(self) -> None:
        team, other = make_team(credits=300), make_team(credits=300)
        set_low_mark(team=team, credits=300, by=SYSTEM)
        set_low_mark(team=other, credits=0, by=SYSTEM)
        assert self.claim_all() == 0
        make_hold(team, 1)
        make_hold(other, 300)
        assert self.claim_all() == 1
        assert Account.objects.get(low_since__isnull=False).team == team

    @pytest.mark.parametrize("credits", [-1, 10**12 + 1, 1.5, True, None])
    def test_the_mark_is_whole_credits(self, team: Team, credits: Any) -> None:
        with pytest.raises(InvalidRequest):
            set_low_mark(team=team, credits=credits, by=SYSTEM)

    @pytest.mark.django_db(transaction=True)
    def test_of_twenty_at_once_one_tells(self) -> None:
        make_team(credits=5)
        (wallet,) = low_wallets()
        results = race(20, lambda _: claim_low_wallet(wallet, now=now()))
        assert sorted(map(bool, results)) == [False] * 19 + [True]
