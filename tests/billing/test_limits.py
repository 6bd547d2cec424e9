"""`set_limit`, and how far limits are used, read one by one and together."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.authority import By
from accounts.models import AuditEvent, Team
from accounts.roles import Role
from billing.ledger import settle_hold
from billing.models import Hold, SpendLimit, SpendWindow
from billing.selectors import limits_of, limits_over, use_of, uses_over
from billing.services.alerts import set_alerts
from billing.services.limits import set_limit
from billing.subjects import LimitHolder, Subject
from platform_site.errors import InvalidRequest, PermissionDenied
from tests.factories import SYSTEM, make_hold, make_limit, make_member, make_team, team_subject

pytestmark = pytest.mark.django_db

KEY, OTHER = Subject("api_key", "7"), Subject("project", "7")
NOON = datetime(2026, 5, 6, 12, 30, tzinfo=UTC)


def cap(team: Team, window: str = "day", credits: Any = 100, by: By = SYSTEM) -> SpendLimit | None:
    return set_limit(LimitHolder(team, KEY), window=window, credits=credits, by=by)


class TestSetLimit:
    @pytest.mark.parametrize("window", ["year", "", "Day"])
    def test_a_limit_has_one_of_five_windows(self, team: Team, window: str) -> None:
        with pytest.raises(InvalidRequest, match="hour, day, week, month, total") as caught:
            cap(team, window)
        assert caught.value.field == "window"
        assert not SpendLimit.objects.exists()

    @pytest.mark.parametrize("credits", [-1, 10**12 + 1, True, 1.5, float("nan"), "70"])
    def test_p08_a_limit_is_a_whole_number_of_credits(self, team: Team, credits: Any) -> None:
        with pytest.raises(InvalidRequest) as caught:
            cap(team, credits=credits)
        assert caught.value.field == "credits"
        assert not SpendLimit.objects.exists()

    @pytest.mark.parametrize("credits", [0, 10**12])
    def test_p08_the_least_and_the_most_are_limits(self, team: Team, credits: int) -> None:
        cap(team, credits=credits)
        assert SpendLimit.objects.get().credits == credits

    def test_f17_who_sets_no_limits_in_the_team_caps_nothing(self, team: Team) -> None:
        member, stranger = make_member(team, Role.MEMBER), make_member(make_team(), Role.OWNER)
        for one in (member, stranger):
            with pytest.raises(PermissionDenied):
                cap(team, by=By.member(one))
        assert not SpendLimit.objects.exists()

    def test_f17_ones_own_limit_is_ones_own_alone_to_set(self, team: Team) -> None:
        member, viewer, owner = (
            make_member(team, role) for role in (Role.MEMBER, Role.VIEWER, Role.OWNER)
        )
        own = LimitHolder(team, KEY, own_of=member.user_id)
        for by in (By.member(owner), By.person(member.user)):
            with pytest.raises(PermissionDenied, match="personal limit"):
                set_limit(own, window="day", credits=100, by=by)
        viewers = LimitHolder(team, KEY, own_of=viewer.user_id)
        with pytest.raises(PermissionDenied):  # who only watches spends nothing
            set_limit(viewers, window="day", credits=100, by=By.member(viewer))
        assert not SpendLimit.objects.exists()
        set_limit(own, window="day", credits=100, by=By.member(member))
        with pytest.raises(PermissionDenied):
            set_alerts(own, window="day", percents=[10], by=By.member(owner))
        assert set_alerts(own, window="day", percents=[10], by=By.member(member)).alert_at == [10]

    def test_changing_and_lifting_a_limit_are_audited_with_their_amounts(self, team: Team) -> None:
        for credits in (100, 50, None, None):
            limit = cap(team, credits=credits)
            assert (limit and limit.credits) == credits
        assert not SpendLimit.objects.exists()
        events = AuditEvent.objects.filter(action="spend_limit.set").order_by("pk")
        assert [event.data for event in events] == [
            {"window": "day", "credits": credits} for credits in (100, 50, None, None)
        ]
        assert {(event.subject_kind, event.subject_id) for event in events} == {("api_key", "7")}

    def test_p04_a_new_limit_counts_what_earlier_holds_are_and_were(self, team: Team) -> None:
        make_hold(team, 70)
        spent = make_hold(team, 30)
        with transaction.atomic():
            settle_hold(hold_id=spent.pk, by=SYSTEM, reason="Made", now=NOON)
        make_hold(make_team(credits=9), 9)  # somebody else's
        limit = set_limit(
            LimitHolder(team, KEY),
            window="total",
            credits=200,
            by=SYSTEM,
            earlier=Hold.objects.all(),
        )
        assert limit is not None
        assert [(row.held, row.spent) for row in limit.windows.all()] == [(70, 30)]

    def test_changing_a_limit_counts_nothing_twice(self, team: Team) -> None:
        make_limit(KEY, 100, team=team)
        make_hold(team, 70, subjects=(KEY,))
        set_limit(
            LimitHolder(team, KEY),
            window="total",
            credits=90,
            by=SYSTEM,
            earlier=Hold.objects.all(),
        )
        assert SpendWindow.objects.get().held == 70


class TestUses:
    @pytest.fixture(autouse=True)
    def limits(self, team: Team) -> None:
        """Cap one subject in two windows and another in one; hold 70 under both at noon."""
        make_limit(KEY, 1000, team=team, window="total")
        make_limit(KEY, 100, team=team, window="hour")
        make_limit(OTHER, 50, team=team, window="day")
        make_hold(team, 30, subjects=(KEY, OTHER), now=NOON)
        make_limit(OTHER, 20, team=team, window="day")
        make_hold(team, 40, subjects=(KEY,), now=NOON)

    def test_each_subjects_limits_come_shortest_window_first_in_two_queries(
        self, team: Team
    ) -> None:
        with CaptureQueriesContext(connection) as queries:
            uses = uses_over((OTHER, KEY, team_subject(team)), now=NOON)
        assert len(queries) == 2
        assert list(uses) == [OTHER, KEY]
        shown = {
            subject: [(use.limit.window, use.limit.credits, use.used, use.left) for use in found]
            for subject, found in uses.items()
        }
        assert shown == {
            OTHER: [("day", 20, 30, 0)],
            KEY: [("hour", 100, 70, 30), ("total", 1000, 70, 930)],
        }
        assert uses[KEY] == limits_of("api_key", "7", now=NOON)
        assert uses[KEY][0].resets_at == NOON.replace(hour=13, minute=0)
        assert uses[KEY][1].resets_at is None

    def test_p07_an_hour_later_the_hour_is_unused(self) -> None:
        later = uses_over((KEY,), now=NOON + timedelta(hours=1))[KEY]
        assert [(use.held, use.spent, use.left) for use in later] == [(0, 0, 100), (70, 0, 930)]
        assert use_of(later[0].limit, now=NOON).held == 70

    def test_of_nobody_there_are_none(self, team: Team) -> None:
        assert uses_over(()) == {}
        assert limits_over(()) == []
        assert uses_over((team_subject(team),)) == {}
