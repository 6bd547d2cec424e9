"""What changes between two statements of one who grants, holds or caps."""

from typing import Any

import pytest
from django.db import IntegrityError, connection

from accounts.models import AuditEvent, Team
from billing.audit import audit_books
from billing.errors import AdmissionOutdated, SpendLimitExceeded
from billing.ledger import grant
from billing.models import Account, Hold, SpendLimit, SpendWindow, Transfer
from billing.selectors import Books, books_of, use_of
from billing.services.limits import set_limit
from billing.subjects import LimitHolder, Subject
from platform_site.db.remembered import fresh_version
from platform_site.errors import Conflict
from platform_site.models import CATALOGUE, Version
from tests.factories import SYSTEM, make_hold, make_limit, make_team
from tests.support.meanwhile import before

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

KEY = Subject("api_key", "7")
READ_WINDOWS = "FROM billing_spendwindow\nWHERE (limit_id"
TAKE_WINDOWS = "UPDATE billing_spendwindow"
TAKE_CREDITS = "UPDATE billing_account"
WRITE_ENTRY = 'INSERT INTO "billing_transfer"'
CHANGE_ACCOUNT = 'UPDATE "billing_account"'
LOCK_LATE_HOLDS = 'FROM "billing_hold" WHERE "billing_hold"."id" IN'
UNTOUCHED = Books(granted=1000, available=1000, held=0, spent=0)


def cap(team: Team, credits: int | None) -> SpendLimit | None:
    """Cap the key in total, counting what the team held before."""
    holds = Hold.objects.filter(team=team)
    return set_limit(
        LimitHolder(team, KEY), window="total", credits=credits, by=SYSTEM, earlier=holds
    )


class TestGrant:
    def test_a_key_used_since_it_was_looked_for_grants_nothing_more(self, team: Team) -> None:
        first = grant(team=team, credits=5, reason="Bought", by=SYSTEM, idempotency_key="inv-1")
        looked = False

        def too_early(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            """Look for the key as it was before the first grant."""
            nonlocal looked
            if not looked and sql.startswith("SELECT") and "inv-1" in (params or ()):
                looked = True
                params = tuple("none yet" if one == "inv-1" else one for one in params)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(too_early):
            again = grant(team=team, credits=5, reason="Bought", by=SYSTEM, idempotency_key="inv-1")
        assert looked
        assert again.pk == first.pk
        assert books_of(team).granted == 1005
        assert list(audit_books()) == []

    @pytest.mark.django_db(transaction=True)
    def test_a_grant_to_a_team_that_goes_meanwhile_fails_and_writes_nothing(self) -> None:
        team = make_team()

        def remove() -> None:
            Team.objects.filter(pk=team.pk)._raw_delete(connection.alias)

        with before(WRITE_ENTRY, remove), pytest.raises(IntegrityError):
            grant(team=team, credits=5, reason="Bought", by=SYSTEM, idempotency_key="inv-1")
        assert not Transfer.objects.exists()
        assert books_of(team) == Books()


class TestTakingHolds:
    def test_p01_a_limit_set_meanwhile_makes_the_admission_begin_again(self, team: Team) -> None:
        with before(TAKE_CREDITS, lambda: cap(team, 0)), pytest.raises(AdmissionOutdated):
            make_hold(team, 70, subjects=(KEY,))
        assert not Hold.objects.exists()
        assert books_of(team) == UNTOUCHED
        cap(team, 0)
        with pytest.raises(SpendLimitExceeded):
            make_hold(team, 70, subjects=(KEY,))

    def test_p01_a_limit_lowered_meanwhile_admits_nobody_under_the_old_one(
        self, team: Team
    ) -> None:
        cap(team, 100)
        with before(TAKE_WINDOWS, lambda: cap(team, 50)), pytest.raises(AdmissionOutdated):
            make_hold(team, 70, subjects=(KEY,))
        assert not Hold.objects.exists()
        cap(team, 50)
        with pytest.raises(SpendLimitExceeded):
            make_hold(team, 70, subjects=(KEY,))

    def test_p01_room_that_others_take_meanwhile_is_not_taken_twice(self, team: Team) -> None:
        cap(team, 100)

        def take() -> None:
            SpendWindow.objects.update(held=31)

        with before(TAKE_WINDOWS, take), pytest.raises(AdmissionOutdated):
            make_hold(team, 70, subjects=(KEY,))
        assert not Hold.objects.exists()
        assert books_of(team) == UNTOUCHED

    def test_p01_credits_that_others_take_meanwhile_are_not_taken_twice(self, team: Team) -> None:
        def take() -> None:
            Account.objects.filter(team=team, kind="wallet").update(debits=931)

        with before(TAKE_CREDITS, take), pytest.raises(AdmissionOutdated):
            make_hold(team, 70)
        assert not Hold.objects.exists()
        assert books_of(team) == UNTOUCHED

    @pytest.mark.django_db(transaction=True)
    def test_a_limit_lifted_meanwhile_is_not_counted_under(self) -> None:
        team = make_team(credits=1000)
        make_limit(KEY, 90, team=team)
        with before(READ_WINDOWS, lambda: cap(team, None)), pytest.raises(AdmissionOutdated):
            make_hold(team, 70, subjects=(KEY,))
        assert not Hold.objects.exists()
        assert make_hold(team, 70, subjects=(KEY,)).is_open
        assert not SpendWindow.objects.exists()

    def test_a_limit_lifted_after_its_window_began_is_not_counted_under(self, team: Team) -> None:
        make_limit(KEY, 90, team=team)
        begun: list[bool] = []

        def lift() -> None:
            """Lift it before the second read, which comes after the window's row was made."""
            if begun:
                cap(team, None)
            begun.append(True)

        with before(READ_WINDOWS, lift, times=2), pytest.raises(AdmissionOutdated):
            make_hold(team, 70, subjects=(KEY,))
        assert make_hold(team, 70, subjects=(KEY,)).is_open
        assert not SpendWindow.objects.exists()

    def test_the_catalogue_changed_meanwhile_holds_nothing(self, team: Team) -> None:
        def change() -> None:
            Version.objects.update_or_create(name=CATALOGUE, defaults={"number": fresh_version()})

        with before(TAKE_CREDITS, change), pytest.raises(AdmissionOutdated):
            make_hold(team, 70)
        assert books_of(team) == UNTOUCHED


class TestSetLimit:
    def test_p04_a_hold_placed_meanwhile_is_counted(self, team: Team) -> None:
        make_hold(team, 70, subjects=(KEY,))
        with before(CHANGE_ACCOUNT, lambda: make_hold(team, 30, subjects=(KEY,))):
            limit = cap(team, 100)
        assert limit is not None
        assert use_of(limit).held == 100
        with pytest.raises(SpendLimitExceeded):
            make_hold(team, 1, subjects=(KEY,))
        assert list(audit_books()) == []

    def test_who_finds_another_limit_than_was_read_begins_again(self, team: Team) -> None:
        make_hold(team, 70)
        with before(CHANGE_ACCOUNT, lambda: make_limit(KEY, 10, team=team)):
            limit = cap(team, 100)
        assert SpendLimit.objects.get() == limit
        assert limit is not None
        assert (limit.credits, use_of(limit).held) == (100, 70)
        assert AuditEvent.objects.filter(action="spend_limit.set").count() == 1
        assert list(audit_books()) == []

    def test_a_limit_lifted_meanwhile_is_looked_for_again(self, team: Team) -> None:
        make_limit(KEY, 10, team=team)
        with before(CHANGE_ACCOUNT, lambda: cap(team, None)):
            limit = cap(team, 100)
        assert limit is not None
        assert SpendLimit.objects.get().credits == 100

    def test_a_hold_that_others_have_in_hand_is_waited_for(self, team: Team) -> None:
        late: list[Hold] = []

        def hold() -> None:
            late.append(make_hold(team, 70))

        def skip() -> None:
            """Take the row away, as PostgreSQL leaves out what others have locked."""
            Hold.objects.filter(pk=late[0].pk)._raw_delete(connection.alias)

        with before(CHANGE_ACCOUNT, hold), before(LOCK_LATE_HOLDS, skip):
            limit = cap(team, 100)
        assert limit is not None
        assert use_of(limit).held == 0  # the first try was undone, and the hold with it
        assert books_of(team) == UNTOUCHED
        assert list(audit_books()) == []

    def test_after_ten_tries_the_team_is_too_busy(self, team: Team) -> None:
        with (
            before(CHANGE_ACCOUNT, lambda: make_limit(KEY, 10, team=team), times=10),
            pytest.raises(Conflict, match="try again"),
        ):
            cap(team, 100)
        assert not SpendLimit.objects.exists()
        assert not AuditEvent.objects.filter(action="spend_limit.set").exists()
