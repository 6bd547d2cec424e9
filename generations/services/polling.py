"""Ask the vendor how tasks are, many at once, and act on what it says. Polling is the truth."""

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.actor import system_actor
from generations.lifecycle import Money, ReviewReason, State
from generations.models import Generation
from generations.provider.errors import ProviderError
from generations.provider.wire import TaskReport, TaskStatus
from generations.services.corrections import apply_late_truth, watch_again_at
from generations.services.filming import begin_keeping
from generations.services.moves import end_generation, move
from generations.services.provider_keys import client_for

log = structlog.get_logger(__name__)
ACTOR = system_actor("poll")

POLL_THREADS = 16
# A question that hangs gives its place to others after this long (P27); so many may hang at once.
SLOW_AFTER = 1.0  # seconds
SLOW_THREADS = 112
# A claimed row is nobody else's for this long; a sweep that dies gives it back by time alone.
CLAIM = timedelta(seconds=60)
DEADLINE = timedelta(hours=2)  # typical render times are minutes (FACTS.md)


@dataclass(frozen=True, slots=True)
class Question:
    """One poll under way; `asked_at` is of the monotonic clock."""

    generation: Generation
    asked_at: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one poll: a report, or why there is none."""

    generation: Generation
    report: TaskReport | None
    problem: str = ""


def first_poll_at(now: datetime) -> datetime:
    """Return when to look for the first time."""
    return now + timedelta(seconds=1)


def next_poll_at(generation: Generation, now: datetime) -> datetime:
    """Return when to look again: a tenth of the time waited so far, from 1 to 30 seconds; an
    unclear answer doubles it, up to five minutes, and past the deadline it is five minutes.
    """
    waited = (now - (generation.accepted_at or now)).total_seconds()
    seconds = min(30.0, max(1.0, waited / 10))
    if generation.poll_failures:
        seconds = min(300.0, seconds * 2 ** min(generation.poll_failures, 8))
    if generation.state == State.NEEDS_REVIEW:
        seconds = 300.0
    return now + timedelta(seconds=seconds)


def claim_due(now: datetime, *, limit: int) -> list[Generation]:
    """Take the rows that are due to be polled; each row goes to one sweep (P26, P27)."""
    due = (
        Generation.objects.filter(next_poll_at__lte=now, upstream_id__isnull=False)
        .select_related("provider_key", "team", "hold")
        .order_by("next_poll_at")[:limit]
    )
    return [
        one
        for one in due
        if Generation.objects.filter(pk=one.pk, next_poll_at=one.next_poll_at).update(
            next_poll_at=now + CLAIM
        )
    ]


class Poller:
    """Keeps up to `POLL_THREADS` questions to the vendor under way, and those that hang beside
    them, and acts on answers as they come, so that a slow one delays nobody. Threads only speak
    HTTP; the database belongs to the thread that calls `step`.
    """

    def __init__(self) -> None:
        """Start without questions."""
        self._pool = ThreadPoolExecutor(max_workers=POLL_THREADS + SLOW_THREADS)
        self._asked: dict[Future[TaskReport], Question] = {}

    def step(self, *, pause: float, take_more: bool = True) -> None:
        """Ask about what is due, then act on what has come within `pause` seconds."""
        room = self._room() if take_more else 0
        if room > 0:
            for generation in claim_due(timezone.now(), limit=room):
                self._ask(generation)
        if not self._asked:
            time.sleep(pause)
            return
        done, _ = wait(self._asked, timeout=pause, return_when=FIRST_COMPLETED)
        for future in done:
            self._act(self._asked.pop(future).generation, future)

    def drain(self, *, seconds: float) -> None:
        """Finish what was asked, for at most `seconds`; rows left over are due again by time."""
        ends = time.monotonic() + seconds
        while self._asked and time.monotonic() < ends:
            self.step(pause=0.1, take_more=False)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _room(self) -> int:
        """Return how many more may be asked now."""
        lately = time.monotonic() - SLOW_AFTER
        quick = sum(question.asked_at > lately for question in self._asked.values())
        return min(POLL_THREADS - quick, POLL_THREADS + SLOW_THREADS - len(self._asked))

    def _ask(self, generation: Generation) -> None:
        future: Future[TaskReport]
        try:
            client = client_for(generation.provider_key)
        except ProviderError as error:
            future = Future()
            future.set_exception(error)
        else:
            future = self._pool.submit(client.get_task, generation.upstream_id or "")
        self._asked[future] = Question(generation, time.monotonic())

    def _act(self, generation: Generation, future: Future[TaskReport]) -> None:
        try:
            apply_answer(_answer(generation, future), now=timezone.now())
        except Exception:
            # One row that cannot be asked or written must not keep the others from being polled.
            log.exception("poll_not_applied", generation_id=str(generation.id))


def _answer(generation: Generation, future: Future[TaskReport]) -> Answer:
    try:
        return Answer(generation, future.result())
    except ProviderError as error:
        log.warning("poll_unclear", generation_id=str(generation.id), problem=error.message)
        return Answer(generation, None, error.message)


def apply_answer(answer: Answer, *, now: datetime) -> None:
    """Act on one poll. Only the vendor's clear word ends anything (P13, P28); the deadline passes
    whether it says that it still works or says nothing that we understand.
    """
    generation, report = answer.generation, answer.report
    failures = generation.poll_failures + 1 if report is None else 0
    if report is not None and generation.is_terminal:
        apply_late_truth(generation, report, now=now)
    elif report is not None and report.status == TaskStatus.COMPLETED:
        complete(generation, report, now=now)
    elif report is not None and report.status == TaskStatus.FAILED:
        _fail(generation, report, now)
    elif _is_overdue(generation, now):
        move(
            generation,
            State.NEEDS_REVIEW,
            actor=ACTOR,
            message="The vendor has not finished it by its deadline; its credits stay held.",
            review_reason=ReviewReason.SILENT,
            next_poll_at=now + timedelta(minutes=5),
            polls=generation.polls + 1,
            poll_failures=failures,
        )
    else:
        _look_again(generation, now, failures=failures)


def complete(generation: Generation, report: TaskReport, *, now: datetime) -> bool:
    """Settle a finished task and start keeping its film, in one transaction.

    No URL is no reason not to settle: the vendor charged (P29).
    """
    seed = report.metadata.get("seed")
    with transaction.atomic():
        ended = end_generation(
            generation,
            State.COMPLETED,
            money=Money.SETTLE,
            actor=ACTOR,
            now=now,
            message="The vendor completed it.",
            upstream_metadata=report.metadata,
            metadata_differs=metadata_differs(generation, report),
            seed=seed if isinstance(seed, int) and 0 <= seed < 2**63 else None,
        )
        if not ended:
            return False
        begin_keeping(generation, report, now=now)
    return True


def metadata_differs(generation: Generation, report: TaskReport) -> bool:
    """Tell whether the vendor says it made something else than was ordered and billed (P19)."""
    ordered = {
        "duration": generation.duration,
        "resolution": generation.resolution,
        "ratio": generation.aspect_ratio,
        "generate_audio": generation.generate_audio,
    }
    return any(
        name in report.metadata and report.metadata[name] != value
        for name, value in ordered.items()
    )


def _fail(generation: Generation, report: TaskReport, now: datetime) -> None:
    end_generation(
        generation,
        State.FAILED,
        money=Money.RELEASE,
        actor=ACTOR,
        now=now,
        message="The vendor says that it failed, and refunds it.",
        error_code=report.error_code or "upstream_error",
        error_message=report.error_message or "The vendor gave no reason.",
    )


def _look_again(generation: Generation, now: datetime, *, failures: int) -> None:
    generation.poll_failures = failures
    row = Generation.objects.filter(pk=generation.pk, state=generation.state)
    if generation.is_terminal:
        # A slow answer must not have looked at again what another one has brought to its end.
        row = row.filter(next_poll_at__isnull=False)
        again_at = watch_again_at(generation, now)
    else:
        again_at = next_poll_at(generation, now)
    row.update(
        next_poll_at=again_at,
        polls=generation.polls + 1,
        poll_failures=failures,
    )


def _is_overdue(generation: Generation, now: datetime) -> bool:
    if generation.state != State.PROCESSING:
        return False
    return now - (generation.accepted_at or generation.created_at) > DEADLINE
