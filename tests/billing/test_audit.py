"""`audit` and `manage.py audit`: damage that is planted past every rule is found and named."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from accounts.models import Membership, Team
from billing.models import Account, Hold, HoldWindow, SpendWindow, Transfer
from generations.lifecycle import State
from generations.models import Generation, ProviderKey
from generations.reports.audit import audit_site
from tests.factories import make_generation, make_hold, make_limit, make_team, team_subject

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


def damage(sql: str, *parameters: Any) -> None:
    """Write to the database past its own rules, as a restored backup or a faulty disk would."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA ignore_check_constraints = ON")
            cursor.execute("PRAGMA foreign_keys = OFF")
        else:
            cursor.execute("SET session_replication_role = replica")  # no foreign keys
        try:
            cursor.execute(sql, parameters)
        finally:
            if connection.vendor == "sqlite":
                cursor.execute("PRAGMA ignore_check_constraints = OFF")
                cursor.execute("PRAGMA foreign_keys = ON")
            else:
                cursor.execute("SET session_replication_role = DEFAULT")


def run_audit(*arguments: str) -> tuple[int, str]:
    """Run the command; return its exit status and what it printed."""
    out = StringIO()
    try:
        call_command("audit", *arguments, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def account(team: Team, kind: str) -> Account:
    """Return one of the team's accounts."""
    return Account.objects.get(team=team, kind=kind)


def stored(value: Any) -> Any:
    """Return a UUID as the database stores it."""
    return value.hex if connection.vendor == "sqlite" else value


@pytest.fixture
def busy(alice: Membership, provider_key: ProviderKey) -> Team:
    """A team under a limit with a generation of every outcome."""
    make_limit(team_subject(alice.team), 900, team=alice.team, window="day")
    for state in (State.COMPLETED, State.FAILED, State.CANCELLED, State.PROCESSING, State.QUEUED):
        make_generation(alice, state)
    return alice.team


def test_sound_books_balance_and_are_printed(busy: Team) -> None:
    status, printed = run_audit()
    assert status == 0
    assert f"{busy.slug}: granted 1000, available 790, held 140, spent 70" in printed
    assert "The books balance." in printed


def test_json_is_one_object(busy: Team) -> None:
    status, printed = run_audit("--json")
    report = json.loads(printed)
    assert status == 0
    assert report["ok"] is True
    assert report["findings"] == []
    assert report["teams"][busy.slug] == {
        "granted": 1000,
        "available": 790,
        "held": 140,
        "spent": 70,
    }


def an_account(team: Team) -> tuple[str, str]:
    wallet = account(team, "wallet")
    damage("UPDATE billing_account SET credits = credits + 1 WHERE id = %s", wallet.pk)
    return "account", f"account:{wallet.pk}"


def an_entrys_amount(team: Team) -> tuple[str, str]:
    entry = Transfer.objects.get(team=team, kind="settle")
    damage("UPDATE billing_transfer SET amount = 69 WHERE id = %s", entry.pk)
    return "hold", f"hold:{entry.hold_id}"


def an_entry_that_is_gone(team: Team) -> tuple[str, str]:
    entry = Transfer.objects.get(team=team, kind="settle")
    damage("DELETE FROM billing_transfer WHERE id = %s", entry.pk)
    return "account", f"account:{account(team, 'spent').pk}"


def a_grant_that_is_gone(team: Team) -> tuple[str, str]:
    damage("DELETE FROM billing_transfer WHERE kind = 'grant' AND team_id = %s", team.pk)
    return "account", f"account:{account(team, 'granted').pk}"


def a_settled_hold_that_says_released(team: Team) -> tuple[str, str]:
    hold = Hold.objects.get(team=team, settled=70)
    damage("UPDATE billing_hold SET settled = 0, released = 70 WHERE id = %s", stored(hold.pk))
    return "hold", f"hold:{hold.pk}"


def a_hold_closed_without_an_entry(team: Team) -> tuple[str, str]:
    generation = Generation.objects.get(team=team, state=State.PROCESSING)
    damage(
        "UPDATE billing_hold SET settled = 70, closed_at = created_at WHERE id = %s",
        stored(generation.hold_id),
    )
    return "hold", f"hold:{generation.hold_id}"


def an_open_hold_that_the_held_account_has_not(team: Team) -> tuple[str, str]:
    held = account(team, "held")
    damage("UPDATE billing_account SET debits = debits + 70 WHERE id = %s", held.pk)
    return "held", f"account:{held.pk}"


def a_windows_held(team: Team) -> tuple[str, str]:
    window = SpendWindow.objects.get()
    damage("UPDATE billing_spendwindow SET held = held + 1 WHERE id = %s", window.pk)
    return "window", f"spend_window:{window.pk}"


def a_windows_spent(team: Team) -> tuple[str, str]:
    window = SpendWindow.objects.get()
    damage("UPDATE billing_spendwindow SET spent = 0 WHERE id = %s", window.pk)
    return "window", f"spend_window:{window.pk}"


def a_hold_missing_from_its_window(team: Team) -> tuple[str, str]:
    window = SpendWindow.objects.get()
    link = HoldWindow.objects.get(hold__settled=70)
    damage("DELETE FROM billing_holdwindow WHERE id = %s", link.pk)
    return "window", f"spend_window:{window.pk}"


def sums_that_do_not_add_up(team: Team) -> tuple[str, str]:
    spent = account(team, "spent")
    damage("UPDATE billing_account SET credits = credits + 5 WHERE id = %s", spent.pk)
    return "sums", f"team:{team.pk}"


def a_leaked_hold(team: Team) -> tuple[str, str]:
    generation = Generation.objects.get(team=team, state=State.PROCESSING)
    damage(
        "UPDATE generations_generation"
        " SET state = 'failed', ending = 'failed', ended_at = created_at WHERE id = %s",
        stored(generation.pk),
    )
    return "leaked hold", f"generation:{generation.pk}"


def a_hold_closed_too_early(team: Team) -> tuple[str, str]:
    generation = Generation.objects.get(team=team, state=State.COMPLETED)
    damage(
        "UPDATE generations_generation"
        " SET state = 'processing', ending = '', ended_at = NULL WHERE id = %s",
        stored(generation.pk),
    )
    return "early close", f"generation:{generation.pk}"


def a_price_that_was_not_held(team: Team) -> tuple[str, str]:
    generation = Generation.objects.get(team=team, state=State.QUEUED)
    damage("UPDATE generations_generation SET credits = 7 WHERE id = %s", stored(generation.pk))
    return "price", f"generation:{generation.pk}"


def a_completed_one_that_was_refunded(team: Team) -> tuple[str, str]:
    generation = Generation.objects.get(team=team, state=State.FAILED)
    damage(
        "UPDATE generations_generation SET state = 'completed', ending = 'completed' WHERE id = %s",
        stored(generation.pk),
    )
    return "unsettled", f"generation:{generation.pk}"


def a_failed_one_that_was_paid(team: Team) -> tuple[str, str]:
    generation = Generation.objects.get(team=team, state=State.COMPLETED)
    damage(
        "UPDATE generations_generation SET state = 'failed', ending = 'failed' WHERE id = %s",
        stored(generation.pk),
    )
    return "unreleased", f"generation:{generation.pk}"


def a_hold_that_is_nobodys(team: Team) -> tuple[str, str]:
    hold = make_hold(team, 5)
    return "orphan", f"hold:{hold.pk}"


@pytest.mark.parametrize(
    "plant",
    [
        an_account,
        an_entrys_amount,
        an_entry_that_is_gone,
        a_grant_that_is_gone,
        a_settled_hold_that_says_released,
        a_hold_closed_without_an_entry,
        an_open_hold_that_the_held_account_has_not,
        a_windows_held,
        a_windows_spent,
        a_hold_missing_from_its_window,
        sums_that_do_not_add_up,
        a_leaked_hold,
        a_hold_closed_too_early,
        a_price_that_was_not_held,
        a_completed_one_that_was_refunded,
        a_failed_one_that_was_paid,
        a_hold_that_is_nobodys,
    ],
    ids=lambda plant: plant.__name__,
)
def test_p12_planted_damage_is_found_and_its_row_is_named(
    busy: Team, plant: Callable[[Team], tuple[str, str]]
) -> None:
    make_team(credits=5)  # a sound team beside it is not accused
    rule, row = plant(busy)
    assert (rule, row) in {(finding.rule, finding.row) for finding in audit_site()}
    status, printed = run_audit()
    assert status == 1
    assert f"{rule}: {row}: " in printed
    status, printed = run_audit("--json")
    assert status == 1
    assert json.loads(printed)["ok"] is False
