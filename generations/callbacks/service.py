"""Take the vendor's callbacks as hints of when to look (P30); they decide nothing else.

One exception, because it is the only way back to a lost id: a generation in review, without an
upstream id, may adopt the id that a callback proposes, once the vendor itself confirms it. So may
one that a person has decided meanwhile: its state stays, and what it cost follows the vendor.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.authority import By
from generations.callbacks import steps
from generations.errors import CallbackNotTaken
from generations.lifecycle import TERMINAL, EventKind
from generations.models import CallbackReceipt, Generation
from generations.provider_keys import client_for
from generations.review import adopt_task, lacks_id, may_still_come, time_mismatch
from generations.transitions import POLLS, record_event
from generations.vendors import (
    ProviderError,
    TaskReport,
    TaskUnknown,
    UnknownVendor,
    usable_task_id,
    vendor_named,
)
from platform_site.backoff import Backoff
from platform_site.clusters.watch import announce
from platform_site.errors import NotFound
from platform_site.text.untrusted import clean_text

log = structlog.get_logger(__name__)

# Whoever knows the path could post without end; evidence beyond this adds nothing.
MAX_RECEIPTS = 50
_BACKOFF = Backoff(first=timedelta(seconds=5), last=timedelta(minutes=10))


@transaction.atomic
def receive_callback(
    token: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
    sent_from: str,
    now: datetime,
    request_id: str = "",
) -> None:
    """Note that the vendor called, with this request. Raises one and the same `NotFound` for a
    wrong token and for an id that is not the generation's, `CallbackNotTaken` for one proposal too
    many to be checked.
    """
    # PostgreSQL takes no NUL, which a path may hold.
    if not token.isprintable():
        raise NotFound
    rows = Generation.objects.select_related("provider_key")
    generation = rows.filter(callback_token=token).first()
    if generation is None:
        raise NotFound
    try:
        vendor = vendor_named(generation.provider_key.vendor)
    except UnknownVendor:
        raise NotFound from None
    called = vendor.read_callback(headers, body)
    if usable_task_id(called.task_id) is None:
        raise NotFound
    receipt = CallbackReceipt(
        generation=generation,
        proposed_id=called.task_id,
        event=clean_text(called.event, most=60),
        sent_from=clean_text(sent_from, most=45),
        received_at=now,
        verdict=CallbackReceipt.Verdict.NOTED,
    )
    by = By.provider("callback", request_id=request_id)
    if generation.upstream_id is None:
        if not may_still_come(generation, now=now):
            raise NotFound
        _propose(receipt, by, now)
        return
    if generation.upstream_id != called.task_id:
        raise NotFound
    _note(receipt, by)
    if generation.state not in TERMINAL:
        Generation.objects.filter(pk=generation.pk, state=generation.state).update(next_poll_at=now)
        announce(POLLS)


def check_callback(receipt_id: int) -> None:
    """Ask the vendor about a proposed id, with the pinned key, and adopt it when it is ours.

    It must answer for that key, be created no earlier than our submit (but for what clocks differ
    by), and belong to no other generation. An unclear answer is asked again later; only a clear no
    rejects.
    """
    receipt = (
        CallbackReceipt.objects.select_related("generation__provider_key", "generation__team")
        .filter(pk=receipt_id, verdict=CallbackReceipt.Verdict.PROPOSED)
        .first()
    )
    if receipt is None:
        return
    generation = receipt.generation
    if not may_still_come(generation, now=timezone.now()):
        _judge(receipt, _verdict_once_resolved(receipt))
        return
    if not lacks_id(generation):
        # The reply to our POST may still come; if it does not, the review checks again.
        return
    try:
        report = client_for(generation.provider_key).get_task(receipt.proposed_id)
    except TaskUnknown:
        _judge(receipt, CallbackReceipt.Verdict.REJECTED)
        return
    except ProviderError:
        _check_later(receipt)
        return
    try:
        adopted = _adopt(receipt, report)
    except Exception:
        # What cannot be written at this moment is asked about again, ever more rarely.
        log.exception("callback_not_applied", generation_id=str(generation.pk))
        _check_later(receipt)
        return
    if not adopted:
        # Another receipt, or another run of this one, may have been quicker.
        generation.refresh_from_db()
        _judge(receipt, _verdict_once_resolved(receipt))


def _adopt(receipt: CallbackReceipt, report: TaskReport) -> bool:
    generation = receipt.generation
    if time_mismatch(report, generation):
        return False
    with transaction.atomic():
        # Together: another run of this check must not judge in between.
        adopted = adopt_task(generation, report.id, by=By.system("callback"), now=timezone.now())
        if adopted:
            _judge(receipt, CallbackReceipt.Verdict.ADOPTED)
    return adopted


def _propose(receipt: CallbackReceipt, by: By, now: datetime) -> None:
    receipt.verdict = CallbackReceipt.Verdict.PROPOSED
    receipt.next_check_at = now + timedelta(seconds=10)
    stored = _note(receipt, by) or _squeeze_in(receipt)
    if stored and lacks_id(receipt.generation):
        steps.check_callback_step.enqueue(receipt.pk)


def _note(receipt: CallbackReceipt, by: By) -> bool:
    if receipt.generation.callbacks.count() >= MAX_RECEIPTS:
        return False
    receipt.save(force_insert=True)
    record_event(
        receipt.generation, EventKind.CALLBACK, by=by, message=f"It called: {receipt.event}."
    )
    return True


def _squeeze_in(receipt: CallbackReceipt) -> bool:
    """Store a proposal in place of a spent one: forged ones must not keep the true one out.

    False when its id waits to be checked already. Leaves no event: those are permanent.
    """
    rows = list(receipt.generation.callbacks.order_by("id"))
    waiting = [row for row in rows if row.verdict == CallbackReceipt.Verdict.PROPOSED]
    first = {row.proposed_id: row.pk for row in reversed(waiting)}
    if receipt.proposed_id in first:
        return False
    doubles = [row for row in waiting if row.pk != first[row.proposed_id]]
    spent = [row for row in rows if row.verdict != CallbackReceipt.Verdict.PROPOSED] + doubles
    if not spent:
        raise CallbackNotTaken
    spent[0].delete()
    receipt.save(force_insert=True)
    return True


def _verdict_once_resolved(receipt: CallbackReceipt) -> str:
    """Return what a proposal is once its generation needs none: it may name the very id."""
    known = receipt.generation.upstream_id == receipt.proposed_id
    return CallbackReceipt.Verdict.NOTED if known else CallbackReceipt.Verdict.REJECTED


def _judge(receipt: CallbackReceipt, verdict: str) -> None:
    # Of two runs of one check the first one's word stands.
    CallbackReceipt.objects.filter(pk=receipt.pk, verdict=CallbackReceipt.Verdict.PROPOSED).update(
        verdict=verdict, next_check_at=None
    )
    log.info("callback_judged", generation_id=str(receipt.generation_id), verdict=verdict)


def _check_later(receipt: CallbackReceipt) -> None:
    wait = _BACKOFF.after(receipt.checks + 1)
    CallbackReceipt.objects.filter(pk=receipt.pk).update(
        next_check_at=timezone.now() + wait, checks=receipt.checks + 1
    )
