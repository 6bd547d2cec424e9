"""Polls what is due: claims rows, has them asked, and acts on results as they come."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from django.utils import timezone

from generations.models import Generation
from generations.polling.claims import (
    Due,
    claim_rows,
    due_rows,
    give_back,
    is_anything_due,
    put_off,
)
from generations.polling.key_clients import KeyClients
from generations.polling.outcome import (
    PollOutcome,
    apply_answer,
    count_unrecorded,
    needs_transition,
)
from generations.polling.pool import GROUP, MOST_IN_TROUBLE, PollPool, PollRequest, PollResult
from generations.polling.render_times import Expectation, FilmKind, expectations_of_site
from generations.polling.schedule import wait_before_look
from generations.vendors import ProviderError, ProviderUnclear, TaskReport

log = structlog.get_logger(__name__)

# Enough to do for the threads while a group is written.
MOST_WAITING = 2 * GROUP
_LEARN_SECONDS = 30.0

Outcome = tuple[Due, TaskReport | None]


class Poller:
    """Polls under a holder's name of its own. Call it from one thread: the database is that one's,
    and the vendor the threads' of its `PollPool`.
    """

    def __init__(self) -> None:
        """Start without requests."""
        self._holder = uuid4().hex
        self._pool = PollPool()
        self._keys = KeyClients()
        self._expected: dict[FilmKind, Expectation] = {}
        self._learn_at = 0.0

    def step(self, *, pause: float, take_more: bool = True) -> None:
        """Ask about what is due, then act on what was told within `pause` seconds.

        Does not wait where there is nobody to wait for.
        """
        if take_more and self._pool.waiting < GROUP:
            self._take()
        if self._pool.busy:
            self._handle(self._pool.collect(seconds=pause))

    def finish(self, *, seconds: float) -> None:
        """Unclaim what was not asked about, and handle the answers for at most `seconds`.

        What hangs for longer counts as an unclear answer; another sweep asks again.
        """
        self._give_back(self._pool.withdraw(), at=timezone.now())
        ends = time.monotonic() + seconds
        while self.busy and time.monotonic() < ends:
            self.step(pause=0.1, take_more=False)
        hanging = self._pool.end()
        self._handle([PollResult(one, None, ProviderUnclear("It hung.")) for one in hanging])

    @property
    def busy(self) -> bool:
        """Return whether anything was taken and not acted on yet."""
        return self._pool.busy

    def _take(self) -> None:
        """Claim due rows for which there is room, and have them asked about."""
        now = timezone.now()
        if not is_anything_due(now):
            return
        load = self._pool.load()
        rows = due_rows(
            now,
            limit=MOST_WAITING,
            without_keys=self._keys.without_room(load.of_key),
            with_trouble=load.in_trouble < MOST_IN_TROUBLE,
        )
        self._keys.learn({row.provider_key_id for row in rows})
        chosen = []
        for row in rows:
            client = self._keys.client(row.provider_key_id)
            if client is None:
                chosen.append(row)
            elif load.has_room(
                row, client.endpoint, most_of_key=self._keys.most_of(row.provider_key_id)
            ):
                load.add(row, client.endpoint)
                chosen.append(row)
        claimed = claim_rows(chosen, holder=self._holder, now=now)
        clients = [(row, self._keys.client(row.provider_key_id)) for row in claimed]
        self._pool.submit(PollRequest(row, client, now) for row, client in clients if client)
        self._settle([(row, None) for row, client in clients if not client], claimed_at=now)

    def _handle(self, told: Sequence[PollResult]) -> None:
        """Act on answers, and learn from them how fast each key may be asked."""
        for one in told:
            if one.error is None:
                self._keys.answered(one.request.due.provider_key_id)
            else:
                self._handle_error(one.request, one.error)
        if told:
            self._settle(
                [(one.request.due, one.report) for one in told],
                claimed_at=min(one.request.claimed_at for one in told),
            )

    def _handle_error(self, request: PollRequest, error: ProviderError) -> None:
        due = request.due
        log.warning("poll_unclear", generation_id=str(due.id), problem=error.message)
        if not error.asks_to_wait:
            return
        rest = self._keys.throttled(
            due.provider_key_id, asked_ago=time.monotonic() - request.asked_at
        )
        if rest is not None:
            at = timezone.now() + timedelta(seconds=rest)
            self._give_back(self._pool.withdraw(due.provider_key_id), at=at)

    def _settle(self, outcomes: Sequence[Outcome], *, claimed_at: datetime) -> None:
        """End what ended, one by one, and put off the rest, together."""
        now = timezone.now()
        moving: dict[UUID, TaskReport | None] = {}
        later: list[Outcome] = []
        for due, report in outcomes:
            if needs_transition(report, state=due.state, since=due.since, now=now):
                moving[due.id] = report
            else:
                later.append((due, report))
        self._apply(moving)
        self._learn()
        for clear in (True, False):
            group = [due for due, report in later if (report is not None) == clear]
            self._put_off(group, claimed_at=claimed_at, clear=clear)

    def _apply(self, reports: Mapping[UUID, TaskReport | None]) -> None:
        if not reports:
            return
        rows = Generation.objects.select_related("team", "film", "provider_key").in_bulk(
            list(reports)
        )
        for pk, generation in rows.items():
            answer = PollOutcome(generation, reports[pk])
            try:
                apply_answer(answer, now=timezone.now())
            except Exception:
                # One row that cannot be written must not keep the others from being polled.
                log.exception("poll_not_applied", generation_id=str(pk))
                self._count_unrecorded(answer)

    def _count_unrecorded(self, answer: PollOutcome) -> None:
        try:
            count_unrecorded(answer, now=timezone.now())
        except Exception:
            # Its claim runs out, and it is asked about again.
            log.exception("poll_not_counted", generation_id=str(answer.generation.pk))

    def _put_off(self, group: Sequence[Due], *, claimed_at: datetime, clear: bool) -> None:
        now = timezone.now()
        times = {due.id: now + self._wait(due, now, clear=clear) for due in group}
        try:
            put_off(times, holder=self._holder, claimed_at=claimed_at, clear=clear)
        except Exception:
            log.exception("polls_not_written", count=len(group))
            for due in group if len(group) > 1 else ():
                self._put_off([due], claimed_at=claimed_at, clear=clear)

    def _wait(self, due: Due, now: datetime, *, clear: bool) -> timedelta:
        return wait_before_look(
            state=due.state,
            waited=(now - due.since).total_seconds(),
            failures=0 if clear else due.poll_failures + 1,
            expected=self._expected.get(due.kind),
        )

    def _give_back(self, requests: Sequence[PollRequest], *, at: datetime) -> None:
        if requests:
            give_back(
                [request.due.id for request in requests],
                holder=self._holder,
                claimed_at=min(request.claimed_at for request in requests),
                at=at,
            )

    def _learn(self) -> None:
        if time.monotonic() >= self._learn_at:
            self._learn_at = time.monotonic() + _LEARN_SECONDS
            self._expected = expectations_of_site()
