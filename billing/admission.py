"""Set credits aside for what is being admitted: one thing or many, all of them or none.

`read_wallet` and `plan_holds` look outside any transaction: what the wallet has, which limits
count, how far they are used. `HoldPlan.taking` then writes inside the caller's transaction, in the
order that every writer keeps: holds and entries first, then spend windows by id, then the team's
accounts by id. The contended counters come last, each changed by a conditional UPDATE whose row
count decides (P01), so that their locks live for a moment only. The statements are the same on
SQLite and PostgreSQL, and as many for a batch as for one.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper

from accounts.authority import By
from accounts.models import Team
from billing.errors import AdmissionOutdated
from billing.ledger import open_accounts, require_transaction
from billing.models import Account, Hold, HoldWindow, SpendLimit, SpendWindow, Transfer
from billing.refusals import limit_refusal, wallet_refusal
from billing.selectors import Books, LimitUse, limits_over, site_zone
from billing.subjects import Subject
from billing.windows import window_end, window_start
from platform_site.db.catalogue import CATALOGUE_VERSION
from platform_site.db.inserts import Insert, Written, insert
from platform_site.db.remembered import Remembered

_HOLDS, _LINKS, _ENTRIES = Insert(Hold), Insert(HoldWindow), Insert(Transfer)

_READ_ACCOUNTS = f"""
SELECT kind, id, debits, credits, limits_version, {CATALOGUE_VERSION}
FROM billing_account WHERE team_id = %s
"""  # noqa: S608  # nothing but this module's own words

_READ_WINDOWS = """
SELECT id, limit_id, starts_at, held, spent FROM billing_spendwindow
WHERE (limit_id, starts_at) IN (VALUES {pairs})
"""

# Windows and accounts are locked by id before any of them changes, wherever a database has such
# locks: the order in which an UPDATE meets its rows is nobody's promise. Not FOR UPDATE: that would
# wait for whoever has committed rows that point here.
_TAKE_WINDOWS = """
UPDATE billing_spendwindow SET held = billing_spendwindow.held + taken.column2
FROM (VALUES {windows}) AS taken
WHERE billing_spendwindow.id = taken.column1
  AND billing_spendwindow.held + billing_spendwindow.spent + taken.column2 <= taken.column3
  AND billing_spendwindow.id IN (
    SELECT id FROM billing_spendwindow WHERE id IN ({ids}) ORDER BY id {lock}
  )
"""
_WINDOW = "(CAST(%s AS bigint), CAST(%s AS bigint), CAST(%s AS bigint))"

_TAKE_CREDITS = f"""
UPDATE billing_account SET
  debits = debits + CASE kind WHEN 'wallet' THEN CAST(%s AS bigint) ELSE 0 END,
  credits = credits + CASE kind WHEN 'held' THEN CAST(%s AS bigint) ELSE 0 END
WHERE id IN (
    SELECT id FROM billing_account WHERE team_id = %s AND kind IN ('wallet', 'held')
    ORDER BY id {{lock}}
  )
  AND (
    kind = 'held' OR (
      credits - debits >= %s AND limits_version = %s
      AND {CATALOGUE_VERSION} = %s
    )
  )
"""  # noqa: S608

# By team: the limits of each subject that was asked about, in the order of their making.
_limits: Remembered[int, dict[Subject, tuple[SpendLimit, ...]]] = Remembered(most=10_000)


@dataclass(frozen=True, slots=True)
class WantedHold:
    """What is to be set aside for one thing: `amount` credits, counted under every limit of
    `subjects`, narrowest first. There is one hold for a `purpose`, ever.
    """

    amount: int
    purpose: Subject
    subjects: Sequence[Subject]


@dataclass(frozen=True, slots=True)
class Wallet:
    """A team's accounts as they were read, with the versions of its limits and of the catalogue at
    that moment; `accounts` are ids by kind.
    """

    accounts: dict[str, int]
    books: Books
    limits_version: int
    catalogue_version: int


@dataclass(frozen=True, slots=True)
class HoldPlan:
    """Holds that would fit at the moment they were planned, and what that rests on."""

    team: Team
    wanted: Sequence[WantedHold]
    windows: Sequence[Sequence[LimitUse]]  # of each wanted hold
    window_ids: dict[int, int]  # by limit
    wallet: Wallet
    now: datetime

    @contextmanager
    def taking(self, holds: Sequence[Hold], *writes: Written, by: By) -> Iterator[None]:
        """Insert the plan's `holds`, and `writes` of what they are for, and take their credits when
        the block ends.

        What else belongs to them is written in the block. Raises `AdmissionOutdated` when something
        changed since the plan was made: the caller's transaction must then end, and may begin again
        with another plan. Needs a transaction (P10).
        """
        require_transaction()
        links = [
            HoldWindow(hold_id=hold.pk, window_id=self.window_ids[use.limit.pk])
            for hold, uses in zip(holds, self.windows, strict=True)
            for use in uses
        ]
        entries = [self._entry(hold, by) for hold in holds]
        with connection.cursor() as cursor:
            insert(
                cursor,
                _HOLDS.of(holds),
                _LINKS.of(links),
                _ENTRIES.of(entries),
                *writes,
            )
            yield
            self._take_windows(cursor)
            self._take_credits(cursor)

    def holds(self) -> list[Hold]:
        """Return the holds, to be written by `taking`."""
        return [self._hold(one) for one in self.wanted]

    def _hold(self, wanted: WantedHold) -> Hold:
        return Hold(
            team=self.team,
            amount=wanted.amount,
            subject_kind=wanted.purpose.kind,
            subject_id=wanted.purpose.id,
            created_at=self.now,
        )

    def _entry(self, hold: Hold, by: By) -> Transfer:
        return Transfer(
            team=self.team,
            kind=Transfer.Kind.HOLD,
            debit_account_id=self.wallet.accounts[Account.Kind.WALLET],
            credit_account_id=self.wallet.accounts[Account.Kind.HELD],
            amount=hold.amount,
            hold=hold,
            actor=by.name,
            request_id=by.request_id,
            created_at=self.now,
        )

    def _take_windows(self, cursor: CursorWrapper) -> None:
        taken: Counter[int] = Counter()
        most: dict[int, int] = {}
        for wanted, uses in zip(self.wanted, self.windows, strict=True):
            for use in uses:
                window = self.window_ids[use.limit.pk]
                taken[window] += wanted.amount
                most[window] = use.limit.credits
        if not taken:
            return
        text = _TAKE_WINDOWS.format(
            windows=", ".join([_WINDOW] * len(taken)),
            ids=", ".join(["%s"] * len(taken)),
            lock=_lock(),
        )
        rows = [value for pk, amount in taken.items() for value in (pk, amount, most[pk])]
        cursor.execute(text, [*rows, *taken])
        if cursor.rowcount < len(taken):
            raise AdmissionOutdated

    def _take_credits(self, cursor: CursorWrapper) -> None:
        total = sum(wanted.amount for wanted in self.wanted)
        versions = self.wallet.limits_version, self.wallet.catalogue_version
        values = (total, total, self.team.pk, total, *versions)
        cursor.execute(_TAKE_CREDITS.format(lock=_lock()), values)
        if cursor.rowcount < 2:
            raise AdmissionOutdated


def read_wallet(team: Team) -> Wallet:
    """Return the team's wallet in one statement; a team's first one is opened."""
    rows = _rows(_READ_ACCOUNTS, [team.pk])
    if len(rows) < len(Account.Kind.values):
        open_accounts(team)
        rows = _rows(_READ_ACCOUNTS, [team.pk])
    sums = {kind: credits - debits for kind, _, debits, credits, _, _ in rows}
    versions = {kind: version for kind, _, _, _, version, _ in rows}
    return Wallet(
        accounts={kind: pk for kind, pk, *_ in rows},
        books=Books(
            granted=-sums[Account.Kind.GRANTED],
            available=sums[Account.Kind.WALLET],
            held=sums[Account.Kind.HELD],
            spent=sums[Account.Kind.SPENT],
        ),
        limits_version=versions[Account.Kind.WALLET],
        catalogue_version=rows[0][-1],
    )


def plan_holds(
    *,
    team: Team,
    wanted: Sequence[WantedHold],
    now: datetime,
    wallet: Wallet,
) -> HoldPlan:
    """Return how `wanted` would be held under all limits and from the team's wallet, which was read
    before anything else that this rests on: it is taken only while its versions stand.

    Makes the rows of windows that begin. Raises `SpendLimitExceeded` or `InsufficientCredits` for
    what has no room; their `item` is the place of the first such hold, and of several limits
    without room its first is named. Raises `AdmissionOutdated` when limits change meanwhile.
    """
    subjects = list(dict.fromkeys(subject for one in wanted for subject in one.subjects))
    limits = _limits_of(team, wallet.limits_version, subjects)
    uses, window_ids = _uses_of([limit for some in limits.values() for limit in some], now)
    windows = [
        [uses[limit.pk] for subject in one.subjects for limit in limits[subject]] for one in wanted
    ]
    _require_room(wanted, windows, wallet.books)
    return HoldPlan(team, wanted, windows, window_ids, wallet, now)


def _require_room(
    wanted: Sequence[WantedHold],
    windows: Sequence[Sequence[LimitUse]],
    books: Books,
) -> None:
    """Refuse the first of `wanted` that has no room beside those before it."""
    taken: Counter[int] = Counter()
    for item, (one, uses) in enumerate(zip(wanted, windows, strict=True)):
        for use in uses:
            use_then = replace(use, held=use.held + taken[use.limit.pk])
            if use_then.used + one.amount > use.limit.credits:
                raise limit_refusal(use_then, one.amount, item=item)
        if one.amount > books.available:
            raise wallet_refusal(books, one.amount, item=item)
        for use in uses:
            taken[use.limit.pk] += one.amount
        books = replace(books, available=books.available - one.amount, held=books.held + one.amount)


def _limits_of(
    team: Team, version: int, subjects: Sequence[Subject]
) -> dict[Subject, tuple[SpendLimit, ...]]:
    known = _limits.get(team.pk, version, dict)
    missing = [subject for subject in subjects if subject not in known]
    if missing:
        found: dict[Subject, list[SpendLimit]] = {subject: [] for subject in missing}
        for limit in limits_over(missing):
            found[Subject(limit.subject_kind, limit.subject_id)].append(limit)
        known.update({subject: tuple(limits) for subject, limits in found.items()})
    return {subject: known[subject] for subject in subjects}


def _uses_of(
    limits: Sequence[SpendLimit], now: datetime
) -> tuple[dict[int, LimitUse], dict[int, int]]:
    """Return the use of each limit in its window of `now`, and the windows' ids, by limit."""
    if not limits:
        return {}, {}
    zone = site_zone()
    starts = {limit.pk: window_start(limit.window, now, zone) for limit in limits}
    rows = _read_windows(starts)
    if len(rows) < len(limits):
        _begin_windows([limit for limit in limits if limit.pk not in rows], starts)
        rows = _read_windows(starts)
    if len(rows) < len(limits):
        raise AdmissionOutdated  # one was lifted since it was read
    uses = {
        limit.pk: LimitUse(
            limit=limit,
            held=rows[limit.pk][1],
            spent=rows[limit.pk][2],
            resets_at=window_end(limit.window, starts[limit.pk], zone),
        )
        for limit in limits
    }
    return uses, {limit: row[0] for limit, row in rows.items()}


def _read_windows(starts: dict[int, datetime]) -> dict[int, tuple[int, int, int]]:
    """Return each limit's window that began then: its id, and the credits held and spent."""
    pairs = ", ".join(["(CAST(%s AS bigint), %s)"] * len(starts))
    as_stored = connection.ops.adapt_datetimefield_value
    values = [value for limit, at in starts.items() for value in (limit, as_stored(at))]
    rows = _rows(_READ_WINDOWS.format(pairs=pairs), values)
    return {limit: (pk, held, spent) for pk, limit, _, held, spent in rows}


def _begin_windows(limits: Sequence[SpendLimit], starts: dict[int, datetime]) -> None:
    """Make the windows' rows, in a transaction of their own; others may do so too."""
    try:
        with transaction.atomic():
            SpendWindow.objects.bulk_create(
                [
                    SpendWindow(limit=limit, starts_at=starts[limit.pk])
                    # Inserts of one row wait for each other, so they come in one order.
                    for limit in sorted(limits, key=lambda one: one.pk)
                ],
                ignore_conflicts=True,
            )
    except IntegrityError:
        raise AdmissionOutdated from None  # one was lifted since it was read


def _lock() -> str:
    return "FOR NO KEY UPDATE" if connection.features.has_select_for_update else ""


def _rows(text: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
