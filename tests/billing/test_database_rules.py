"""What the database itself refuses, whoever writes past the ledger."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from accounts.models import AuditEvent, Team
from billing.models import Account, Hold, HoldWindow, SpendLimit, SpendWindow, Transfer
from generations.models import GenerationEvent
from platform_site.db.append_only import AppendOnlyError
from tests.factories import SYSTEM, make_hold, make_limit, make_team, team_subject

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def refused(sql: str, *parameters: Any) -> bool:
    """Run raw SQL that a constraint must refuse."""
    with pytest.raises(IntegrityError), transaction.atomic():
        run(sql, *parameters)
    return True


def run(sql: str, *parameters: Any) -> None:
    """Run raw SQL, foreign keys included: SQLite looks at them when the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
    connection.check_constraints()


def entry(team: Team, **changes: Any) -> Transfer:
    """Return a sound, unsaved entry with `changes`."""
    wallet, held = (Account.objects.get(team=team, kind=kind) for kind in ("wallet", "held"))
    values: dict[str, Any] = {
        "team": team,
        "kind": "hold",
        "debit_account": wallet,
        "credit_account": held,
        "amount": 70,
        "actor": SYSTEM.name,
        "hold": None,
    }
    return Transfer(**{**values, **changes})


def refused_entry(row: Transfer) -> bool:
    """Insert an entry that a constraint must refuse."""
    with pytest.raises(IntegrityError), transaction.atomic():
        Transfer.objects.bulk_create([row])
    return True


@pytest.fixture
def hold(team: Team) -> Hold:
    """An open hold of 70 credits."""
    return make_hold(team, 70)


@pytest.mark.parametrize("amount", [0, -1, -70])
def test_p08_a_transfer_moves_more_than_nothing(hold: Hold, amount: int) -> None:
    assert refused_entry(entry(hold.team, kind="settle", hold=hold, amount=amount))


@pytest.mark.parametrize("amount", [0, -1])
def test_p08_a_hold_is_more_than_nothing(team: Team, amount: int) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Hold.objects.bulk_create([Hold(team=team, amount=amount, subject_id="zero")])


def test_p08_nan_is_no_amount(hold: Hold) -> None:
    with pytest.raises((ValueError, TypeError)):
        Transfer.objects.bulk_create([entry(hold.team, hold=hold, amount=float("nan"))])


def test_a_wallet_is_never_overdrawn(team: Team) -> None:
    wallet = Account.objects.get(team=team, kind="wallet")
    assert refused("UPDATE billing_account SET debits = credits + 1 WHERE id = %s", wallet.pk)


@pytest.mark.parametrize("kind", ["held", "spent"])
def test_neither_is_what_is_held_or_spent(team: Team, kind: str) -> None:
    account = Account.objects.get(team=team, kind=kind)
    assert refused("UPDATE billing_account SET debits = credits + 1 WHERE id = %s", account.pk)


def test_no_running_sum_is_negative(team: Team) -> None:
    granted = Account.objects.get(team=team, kind="granted")
    assert refused("UPDATE billing_account SET credits = -1 WHERE id = %s", granted.pk)


def test_a_team_has_one_account_of_a_kind(team: Team) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Account.objects.bulk_create([Account(team=team, kind="wallet")])


@pytest.mark.parametrize("kinds", [("settle", "settle"), ("settle", "release")])
def test_p09_a_hold_has_one_closing_entry(hold: Hold, kinds: tuple[str, str]) -> None:
    Transfer.objects.bulk_create([entry(hold.team, kind=kinds[0], hold=hold)])
    assert refused_entry(entry(hold.team, kind=kinds[1], hold=hold))


def test_a_hold_has_one_opening_entry(hold: Hold) -> None:
    assert refused_entry(entry(hold.team, kind="hold", hold=hold))


def test_p14_a_hold_has_one_adjusting_entry(hold: Hold) -> None:
    Transfer.objects.bulk_create([entry(hold.team, kind="adjust", hold=hold)])
    assert refused_entry(entry(hold.team, kind="adjust", hold=hold))


def test_every_entry_but_a_grant_names_its_hold(hold: Hold) -> None:
    for kind in ("hold", "settle", "release", "adjust"):
        assert refused_entry(entry(hold.team, kind=kind, hold=None))
    assert refused_entry(entry(hold.team, kind="grant", hold=hold))


def test_an_entry_has_a_known_kind_and_two_accounts(hold: Hold) -> None:
    assert refused_entry(entry(hold.team, kind="gift", hold=hold))
    held = Account.objects.get(team=hold.team, kind="held")
    assert refused_entry(entry(hold.team, kind="settle", hold=hold, debit_account=held))


def test_an_idempotency_key_is_used_once(hold: Hold) -> None:
    Transfer.objects.bulk_create(
        [entry(hold.team, kind="settle", hold=hold, idempotency_key="once")]
    )
    assert refused_entry(entry(hold.team, kind="adjust", hold=hold, idempotency_key="once"))


@pytest.mark.parametrize(
    ("settled", "released", "closed"),
    [
        (70, 0, False),
        (0, 70, False),
        (70, 70, True),
        (69, 0, True),
        (71, 0, True),
        (0, 0, True),
        (-1, 71, True),
    ],
)
def test_p08_a_hold_is_open_or_wholly_closed(
    hold: Hold, settled: int, released: int, *, closed: bool
) -> None:
    moment = timezone.now() if closed else None
    with pytest.raises(IntegrityError), transaction.atomic():
        Hold.objects.filter(pk=hold.pk).update(settled=settled, released=released, closed_at=moment)


def test_a_subject_is_held_for_once(hold: Hold) -> None:
    same = {"subject_kind": hold.subject_kind, "subject_id": hold.subject_id}
    with pytest.raises(IntegrityError), transaction.atomic():
        Hold.objects.bulk_create([Hold(team=hold.team, amount=1, **same)])


@pytest.mark.parametrize("column", ["held", "spent"])
def test_a_windows_counters_are_never_negative(team: Team, column: str) -> None:
    make_limit(team_subject(team), 100, team=team)
    make_hold(team, 70, subjects=(team_subject(team),))
    window = SpendWindow.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        SpendWindow.objects.filter(pk=window.pk).update(**{column: -1})


def test_a_limit_and_a_window_exist_once(team: Team) -> None:
    limit = make_limit(team_subject(team), 100, team=team)
    make_hold(team, 70, subjects=(team_subject(team),))
    window = SpendWindow.objects.get()
    link = HoldWindow.objects.get()
    doubles: list[models.Model] = [
        SpendLimit(
            subject_kind=limit.subject_kind,
            subject_id=limit.subject_id,
            window=limit.window,
            credits=5,
        ),
        SpendWindow(limit=limit, starts_at=window.starts_at),
        HoldWindow(hold=link.hold, window=window),
    ]
    for double in doubles:
        with pytest.raises(IntegrityError), transaction.atomic():
            type(double)._base_manager.bulk_create([double])


@pytest.mark.parametrize("table", ["accounts_team", "billing_hold", "billing_account"])
def test_nothing_that_money_points_at_can_be_deleted(hold: Hold, table: str) -> None:
    assert refused(f"DELETE FROM {table}")


@pytest.mark.parametrize("model", [Transfer, GenerationEvent, AuditEvent])
def test_rows_that_are_written_once_refuse_every_change(model: Any) -> None:
    make_hold(make_team(credits=70))
    with pytest.raises(AppendOnlyError):
        model.objects.all().update(actor="somebody else")
    with pytest.raises(AppendOnlyError):
        model.objects.all().delete()


def test_an_entry_is_neither_saved_again_nor_deleted(hold: Hold) -> None:
    stored = Transfer.objects.get(hold=hold)
    stored.amount = 1
    with pytest.raises(AppendOnlyError):
        stored.save()
    with pytest.raises(AppendOnlyError):
        stored.delete()
    assert Transfer.objects.get(hold=hold).amount == 70
