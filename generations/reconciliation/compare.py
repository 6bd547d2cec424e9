"""Compare the vendor's usage of one provider key with our books. Pure: data in, data out.

A key's samples form a row. Some of them are *baselines*: samples from which the later ones are
measured. Between a baseline and a later sample the usage moved, our books moved, and what the one
did beyond the other is the discrepancy, in credits; above zero the vendor charged more than we know
of.

Nothing tells whether a refund lowers `total_consumed` (docs/vendor.md), so both readings are
accepted. A sample can be off for a moment: a generation is just being submitted, or a refund was
not polled yet. So a discrepancy counts once two stable samples in a row agree on it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from generations.models.usage_sample import Reading, UsageVerdict

# Two samples closer than this prove no more than one.
APART = timedelta(seconds=30)
# Sums of more candidates than this are not tried: too many would fit by chance.
_MOST_PARTS = 20
# A vendor's new price beyond this many times the old one is no price change.
_DEAREST = 4


@dataclass(frozen=True, slots=True)
class Sums:
    """Our books of one key at one moment, in credits.

    `charged`: all generations that the vendor accepted, and those a person decided that it charged.
    `refunded`: those of them that ended without costing anything. `in_flight`: those not ended.
    `unknown`: generations that the vendor may have accepted without telling us; `submitting` counts
    those whose POST is in progress.
    """

    charged: int = 0
    refunded: int = 0
    in_flight: int = 0
    unknown: int = 0
    submitting: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """One sample: the vendor's figures and ours. `stable`: ours stood still while it was taken."""

    taken_at: datetime
    balance: int | None
    purchased: int | None
    consumed: int | None
    charged: int
    refunded: int
    in_flight: int
    unknown: int
    stable: bool

    @property
    def readable(self) -> bool:
        """Return whether the vendor gave any figure that consumption moves."""
        return self.balance is not None or self.consumed is not None

    @property
    def net(self) -> int:
        """Return what our books say was charged and not refunded."""
        return self.charged - self.refunded


@dataclass(frozen=True, slots=True)
class Change:
    """How the usage moved between two samples beyond our books. `discrepancy` None: incomparable.

    `contradicts`: the balance fits our books, total_consumed does not. `fell`: total_consumed is
    lower than before. `restarted`: total_purchased is, which no account of one life does.
    """

    discrepancy: int | None
    reading: Reading = Reading.EITHER
    contradicts: bool = False
    fell: bool = False
    restarted: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a sample shows. `is_baseline`: confirmed, and later samples are measured from it.

    What a confirmed discrepancy comes from, `explain` says.
    """

    change: Change
    is_baseline: bool
    verdict: UsageVerdict


@dataclass(frozen=True, slots=True)
class Cost:
    """What a discrepancy may come from. `group`: what is priced alike; `rate`: credits a second."""

    id: str
    credits: int
    seconds: int = 0
    rate: int = 0
    group: str = ""


@dataclass(frozen=True, slots=True)
class Suspects:
    """What happened at our side between two samples, and around them.

    `unknown`: submits without an answer. `failed`: ended, and refunded in our books. `settled`:
    completed recently. `accepted`: taken by the vendor, not refunded. `siblings`: what other keys
    at the same endpoint spent. `prices`: what one generation can cost. `discrepancies`: the
    discrepancies that are open.
    """

    unknown: Sequence[Cost] = ()
    failed: Sequence[Cost] = ()
    settled: Sequence[Cost] = ()
    accepted: Sequence[Cost] = ()
    siblings: Sequence[Cost] = ()
    discrepancies: Sequence[Cost] = ()
    prices: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Explanation:
    """The likeliest cause of a discrepancy, and the ids of the generations that it may come from.

    Of `MADE_GOOD` the ids are those of the open discrepancies.
    """

    verdict: UsageVerdict
    detail: str
    candidates: tuple[str, ...] = ()


def compare(earlier: Standing, later: Standing) -> Change:
    """Return how the usage moved from `earlier` to `later` beyond our books.

    The balance, corrected by purchases, is trusted before `total_consumed`: it is what is paid
    with. Each may be null; a balance without purchases that rose was topped up and tells nothing.
    """
    consumption = _discrepancy_of_consumption(earlier, later)
    balance = _discrepancy_of_balance(earlier, later)
    if consumption is None and balance is None:
        return Change(None)
    by_consumption, reading = consumption or (None, Reading.EITHER)
    if by_consumption:
        reading = Reading.EITHER  # neither fits
    return Change(
        discrepancy=balance or by_consumption or 0,
        reading=reading,
        contradicts=balance == 0 and bool(by_consumption),
        fell=(_change(earlier.consumed, later.consumed) or 0) < 0,
        restarted=(_change(earlier.purchased, later.purchased) or 0) < 0,
    )


def judge(baseline: Standing | None, previous: Standing | None, latest: Standing) -> Judgement:
    """Judge `latest` by the last baseline and the sample before it (which may be the baseline).

    Confirmed is what two stable samples in a row agree on, with no submit between them.
    """
    if not latest.readable:
        return Judgement(Change(None), is_baseline=False, verdict=UsageVerdict.UNREADABLE)
    change = compare(baseline, latest) if baseline else Change(None)
    if baseline is None or previous is None or change.discrepancy is None:
        # In flight may be a generation that the vendor has refunded already, which would look
        # charged.
        first = latest.stable and latest.in_flight == 0
        return Judgement(change, is_baseline=first, verdict=UsageVerdict.STARTS)
    verdict = UsageVerdict.WAITING if change.discrepancy else UsageVerdict.AGREES
    return Judgement(change, _persists(baseline, previous, latest, change), verdict)


def explain(change: Change, suspects: Suspects) -> Explanation:
    """Return the likeliest cause of a confirmed discrepancy other than zero."""
    discrepancy = change.discrepancy or 0
    if change.restarted or (change.contradicts and change.fell):
        return Explanation(UsageVerdict.WENT_BACK, "The vendor's totals started over.")
    undone = _undone(discrepancy, suspects.discrepancies)
    if undone:
        return Explanation(UsageVerdict.MADE_GOOD, "Usage and books agree again.", undone)
    if change.contradicts:
        detail = f"total_consumed moved by {discrepancy:+} credits more than the balance paid."
        return Explanation(UsageVerdict.CONTRADICTS, detail)
    return (
        _explain_more(discrepancy, suspects) if discrepancy > 0 else _explain_less(change, suspects)
    )


def still_unknown(change: Change, latest: Standing, unknown: Sequence[Cost]) -> list[Cost]:
    """Return the unknown for which the usage provably did not move by their credits.

    Refunds of generations in flight may hide a charge of as much.
    """
    if change.discrepancy is None or change.discrepancy < 0:
        return []
    most = change.discrepancy + latest.in_flight
    return [cost for cost in unknown if cost.credits > most]


def costs_that_sum_to(total: int, costs: Iterable[Cost]) -> list[Cost]:
    """Return every cost of exactly `total` credits, else the fewest that sum to it, else nothing.

    Several of one size are alternatives of each other: any one of them explains the total.
    """
    parts = list(costs)
    alone = [cost for cost in parts if cost.credits == total]
    if alone:
        return alone
    fewest: dict[int, list[Cost]] = {0: []}
    for cost in parts[:_MOST_PARTS]:
        for partly, chosen in list(fewest.items()):
            more = partly + cost.credits
            known = fewest.get(more)
            if more <= total and (known is None or len(known) > len(chosen) + 1):
                fewest[more] = [*chosen, cost]
    return fewest.get(total, [])


def _persists(baseline: Standing, previous: Standing, latest: Standing, change: Change) -> bool:
    if not (previous.stable and latest.stable) or latest.taken_at - previous.taken_at < APART:
        return False
    if (previous.charged, previous.unknown) != (latest.charged, latest.unknown):
        return False
    discrepancy = change.discrepancy or 0
    if -latest.in_flight <= discrepancy < 0:
        return False  # the vendor may have refunded what polling has not seen yet
    return compare(baseline, previous).discrepancy == discrepancy


def _discrepancy_of_consumption(earlier: Standing, later: Standing) -> tuple[int, Reading] | None:
    consumed = _change(earlier.consumed, later.consumed)
    if consumed is None:
        return None
    net = consumed - (later.net - earlier.net)
    gross = consumed - (later.charged - earlier.charged)
    if net == gross:
        return net, Reading.EITHER
    return (net, Reading.NET) if abs(net) <= abs(gross) else (gross, Reading.GROSS)


def _discrepancy_of_balance(earlier: Standing, later: Standing) -> int | None:
    balance = _change(earlier.balance, later.balance)
    if balance is None:
        return None
    purchased = _change(earlier.purchased, later.purchased)
    net = later.net - earlier.net
    if purchased is None:
        if _change(earlier.consumed, later.consumed) is not None:
            return None
        return max(0, -balance - net)
    discrepancy = purchased - balance - net
    refunds = later.refunded - earlier.refunded
    if discrepancy == purchased == refunds:
        return 0  # the vendor books a refund as a purchase
    return discrepancy


def _change(earlier: int | None, later: int | None) -> int | None:
    return None if earlier is None or later is None else later - earlier


def _undone(discrepancy: int, discrepancies: Sequence[Cost]) -> tuple[str, ...]:
    """Return the open ones that this one takes back: the oldest of its size, or several."""
    sign = -1 if discrepancy > 0 else 1
    sizes = [
        replace(cost, credits=cost.credits * sign)
        for cost in discrepancies
        if cost.credits * sign > 0
    ]
    found = costs_that_sum_to(abs(discrepancy), sizes)
    return _ids(found[:1] if found and found[0].credits == abs(discrepancy) else found)


def _explain_more(discrepancy: int, suspects: Suspects) -> Explanation:
    """Explain why the vendor charged more than we know of."""
    charged = costs_that_sum_to(discrepancy, suspects.unknown)
    if charged:
        detail = f"Vendor usage rose by exactly the {discrepancy} credits of unconfirmed submits."
        return Explanation(UsageVerdict.UNKNOWN_SUBMIT, detail, _ids(charged))
    kept = costs_that_sum_to(discrepancy, suspects.failed)
    if kept:
        detail = f"The vendor says failed, and its usage did not fall by the {discrepancy} credits."
        return Explanation(UsageVerdict.REFUND_NOT_SEEN, detail, _ids(kept))
    siblings = costs_that_sum_to(discrepancy, suspects.siblings)
    if siblings:
        detail = f"Other keys here spent exactly {discrepancy} credits; they may share the account."
        return Explanation(UsageVerdict.SHARED_ACCOUNT, detail)
    repriced = _price_change(discrepancy, suspects.accepted)
    # One more generation at a known price is likelier than a new price.
    if repriced and discrepancy not in suspects.prices:
        return repriced
    detail = f"Vendor usage rose by {discrepancy} credits that no generation here accounts for."
    if repriced:
        detail = f"{detail} Or else: {repriced.detail}"
    return Explanation(UsageVerdict.USED_OUTSIDE, detail)


def _explain_less(change: Change, suspects: Suspects) -> Explanation:
    """Explain why the vendor charged less than we know of."""
    missing = -(change.discrepancy or 0)
    refunded = [cost for cost in suspects.settled if cost.credits == missing]
    if refunded:
        detail = f"Vendor usage fell by the {missing} credits of a completed generation."
        return Explanation(UsageVerdict.LATE_REFUND, detail, _ids(refunded))
    repriced = _price_change(-missing, suspects.accepted)
    if repriced:
        return repriced
    if change.fell:
        detail = f"Vendor usage fell by {missing} credits more than refunds explain."
        return Explanation(UsageVerdict.WENT_BACK, detail)
    detail = f"Vendor usage rose by {missing} credits less than the generations here account for."
    return Explanation(UsageVerdict.CHARGED_LESS, detail)


def _price_change(discrepancy: int, accepted: Sequence[Cost]) -> Explanation | None:
    """Return the new price that explains `discrepancy` exactly: whole credits a second for one
    group.

    The group of most seconds wins, because the least chance divides by it.
    """
    groups: dict[str, list[Cost]] = {}
    for cost in accepted:
        groups.setdefault(cost.group, []).append(cost)
    seconds = {name: sum(cost.seconds for cost in costs) for name, costs in groups.items()}
    for name in sorted(groups, key=lambda name: (-seconds[name], name)):
        change, rest = divmod(discrepancy, seconds[name]) if seconds[name] else (0, 1)
        rates = [cost.rate for cost in groups[name]]
        if rest == 0 and min(rates) + change > 0 and max(rates) + change <= max(rates) * _DEAREST:
            detail = f"The vendor charged {change:+} credits per second for {name}."
            return Explanation(UsageVerdict.PRICE_DIFFERS, detail, _ids(groups[name]))
    return None


def _ids(costs: Iterable[Cost]) -> tuple[str, ...]:
    return tuple(cost.id for cost in costs)
