"""The only writer of accounts, holds and transfers, beside `admission`, which opens holds.

Every function runs inside its caller's transaction, so that money and the state it belongs to
commit together or not at all (P10). Rows are locked in one order by every writer: holds, then spend
windows by id, then the team's accounts by id; so writers wait, and never deadlock.
"""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F

from accounts.authority import By
from accounts.models import Team
from billing.errors import LedgerConflict
from billing.models import Account, Hold, HoldWindow, SpendWindow, Transfer
from billing.refusals import wallet_refusal
from billing.selectors import books_of
from platform_site.errors import InvalidRequest
from platform_site.text.untrusted import clean_text
from platform_site.text.visible import typed_reason

MAX_CREDITS = 10**12
_REASON_LENGTH = 500  # characters, as the column has them


def grant(
    *, team: Team, credits: int, reason: str, by: By, idempotency_key: str | None = None
) -> Transfer:
    """Add `credits` to the team's wallet. The same idempotency key adds them once.

    Raises `PermissionDenied` for who belongs to teams only, `InvalidRequest` for an amount that is
    not a whole number from 1 to `MAX_CREDITS`, or without a reason; `LedgerConflict` when the key
    was used for another grant.
    """
    by.require_everywhere()
    if isinstance(credits, bool) or not isinstance(credits, int) or not 0 < credits <= MAX_CREDITS:
        raise InvalidRequest(
            f"Enter a whole number of credits from 1 to {MAX_CREDITS:,}.", field="credits"
        )
    reason = typed_reason(reason)
    if not reason:
        raise InvalidRequest("Enter a reason.", field="reason")
    try:
        with transaction.atomic():
            return _earlier_grant(idempotency_key, team, credits) or _grant(
                team=team,
                credits=credits,
                reason=reason,
                by=by,
                idempotency_key=idempotency_key,
            )
    except IntegrityError:
        # Two callers came with one idempotency key at once; the database let one in.
        earlier = _earlier_grant(idempotency_key, team, credits)
        if earlier is None:
            raise
        return earlier


def settle_hold(*, hold_id: UUID, by: By, reason: str, now: datetime) -> Transfer | None:
    """Spend a hold: the vendor charged. None when it was closed already."""
    return _close(hold_id, Transfer.Kind.SETTLE, by=by, reason=reason, now=now)


def release_hold(*, hold_id: UUID, by: By, reason: str, now: datetime) -> Transfer | None:
    """Give a hold back: the vendor did not charge. None when it was closed already."""
    return _close(hold_id, Transfer.Kind.RELEASE, by=by, reason=reason, now=now)


def adjust_hold(*, hold_id: UUID, spent: bool, by: By, reason: str, now: datetime) -> Transfer:
    """Correct a closed hold by one linked entry: what was released is spent, or the reverse.

    A hold is corrected once (P14). Raises `LedgerConflict` when it is open, says so already or was
    corrected before, `InsufficientCredits` when the wallet lacks what is to be spent, and
    `InvalidRequest` without a reason.
    """
    require_transaction()
    reason = typed_reason(reason)
    if not reason:
        raise InvalidRequest("Enter a reason.", field="reason")
    wrong = {"released__gt": 0} if spent else {"settled__gt": 0}
    change = F("released") if spent else -F("settled")
    won = Hold.objects.filter(pk=hold_id, closed_at__isnull=False, adjusted=0, **wrong).update(
        adjusted=change
    )
    if not won:
        raise LedgerConflict(
            "Nothing to correct: this is still held, was corrected before, or already stands so."
        )
    hold = Hold.objects.select_related("team").get(pk=hold_id)
    accounts = _accounts_of(hold.team)
    debit, credit = Account.Kind.WALLET, Account.Kind.SPENT
    if not spent:
        debit, credit = credit, debit
    entry = _write(
        kind=Transfer.Kind.ADJUST,
        accounts=accounts,
        debit=debit,
        credit=credit,
        amount=hold.amount,
        by=by,
        hold=hold,
        reason=reason,
        at=now,
    )
    _count_in_windows(hold, held=0, spent=hold.adjusted)
    if not _move(accounts, debit, credit, hold.amount):
        raise wallet_refusal(books_of(hold.team), hold.amount)
    return entry


def open_accounts(team: Team) -> None:
    """Create the team's four accounts; harmless when they exist."""
    Account.objects.bulk_create(
        [Account(team=team, kind=kind) for kind in Account.Kind.values], ignore_conflicts=True
    )


def _grant(
    *, team: Team, credits: int, reason: str, by: By, idempotency_key: str | None
) -> Transfer:
    accounts = _accounts_of(team)
    entry = _write(
        kind=Transfer.Kind.GRANT,
        accounts=accounts,
        debit=Account.Kind.GRANTED,
        credit=Account.Kind.WALLET,
        amount=credits,
        by=by,
        reason=reason,
        idempotency_key=idempotency_key,
    )
    _move(accounts, Account.Kind.GRANTED, Account.Kind.WALLET, credits)
    return entry


def _close(
    hold_id: UUID, kind: Transfer.Kind, *, by: By, reason: str, now: datetime
) -> Transfer | None:
    require_transaction()
    settles = kind == Transfer.Kind.SETTLE
    # The row count decides between poller, callback, sweep and person (P09).
    won = Hold.objects.filter(pk=hold_id, closed_at=None).update(
        closed_at=now, **{"settled" if settles else "released": F("amount")}
    )
    if not won:
        return None
    hold = Hold.objects.select_related("team").get(pk=hold_id)
    accounts = _accounts_of(hold.team)
    target = Account.Kind.SPENT if settles else Account.Kind.WALLET
    entry = _write(
        kind=kind,
        accounts=accounts,
        debit=Account.Kind.HELD,
        credit=target,
        amount=hold.amount,
        by=by,
        hold=hold,
        reason=reason,
        at=now,
    )
    _count_in_windows(hold, held=-hold.amount, spent=hold.settled)
    if not _move(accounts, Account.Kind.HELD, target, hold.amount):
        raise LedgerConflict(f"The held account of {hold.team} has less than its open holds.")
    return entry


def _count_in_windows(hold: Hold, *, held: int, spent: int) -> None:
    """Change the windows that the hold was taken in (P07), locked as admissions lock them."""
    links = HoldWindow.objects.filter(hold=hold).order_by("window").values_list("window", flat=True)
    for window_id in list(links):
        SpendWindow.objects.filter(pk=window_id).update(
            held=F("held") + held, spent=F("spent") + spent
        )


def _accounts_of(team: Team) -> dict[str, Account]:
    accounts = {account.kind: account for account in Account.objects.filter(team=team)}
    if len(accounts) < len(Account.Kind.values):
        open_accounts(team)
        accounts = {account.kind: account for account in Account.objects.filter(team=team)}
    return accounts


def _write(
    *,
    kind: Transfer.Kind,
    accounts: dict[str, Account],
    debit: str,
    credit: str,
    amount: int,
    by: By,
    hold: Hold | None = None,
    reason: str = "",
    idempotency_key: str | None = None,
    at: datetime | None = None,
) -> Transfer:
    entry = Transfer(
        team_id=accounts[debit].team_id,
        kind=kind,
        debit_account=accounts[debit],
        credit_account=accounts[credit],
        amount=amount,
        hold=hold,
        idempotency_key=idempotency_key,
        actor=by.name,
        request_id=by.request_id,
        # What the reason quotes may be long; nothing may keep an entry from being written.
        reason=clean_text(reason, most=_REASON_LENGTH),
    )
    if at is not None:
        entry.created_at = at
    entry.save(force_insert=True)
    return entry


def _move(accounts: dict[str, Account], debit: str, credit: str, amount: int) -> bool:
    """Move credits between two accounts; False when the debited one has too few."""
    source = Account.objects.filter(pk=accounts[debit].pk)
    if debit != Account.Kind.GRANTED:
        source = source.filter(credits__gte=F("debits") + amount)
    target = Account.objects.filter(pk=accounts[credit].pk)
    steps = {
        accounts[debit].pk: (source, {"debits": F("debits") + amount}),
        accounts[credit].pk: (target, {"credits": F("credits") + amount}),
    }
    # By id, whichever way the credits flow: two opposite transfers must not deadlock.
    return all(steps[pk][0].update(**steps[pk][1]) for pk in sorted(steps))


def _earlier_grant(idempotency_key: str | None, team: Team, credits: int) -> Transfer | None:
    if idempotency_key is None:
        return None
    earlier: Transfer | None = Transfer.objects.filter(idempotency_key=idempotency_key).first()
    if earlier is None:
        return None
    if (earlier.kind, earlier.team_id, earlier.amount) != ("grant", team.pk, credits):
        raise LedgerConflict("This idempotency key was used for another grant.")
    return earlier


def require_transaction() -> None:
    """Raise `TransactionManagementError` outside of a transaction."""
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("Money moves inside a transaction only.")
