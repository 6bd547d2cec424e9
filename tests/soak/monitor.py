"""Look on while it happens: how far it is, and that nothing is ever beyond its limit."""

import threading
import time
from collections.abc import Callable

import structlog
from django.db import Error, connections
from django.db.models import Count, Exists, F, OuterRef, Q, Sum

from billing.models import Account, SpendWindow
from generations.lifecycle import COUNTS_IN_FLIGHT, TERMINAL, State
from generations.models import Generation, GenerationEvent
from tests.soak.hosts import Host, memory_of

log = structlog.get_logger(__name__)

_EVERY_SECONDS = 0.4
_MEMORY_EVERY_SECONDS = 10.0


class Watch:
    """A thread that samples the database and the memory until it is stopped."""

    def __init__(self, hosts: list[Host], *, most_memory: int, give_up: Callable[[str], None]):
        """Prepare; `give_up` is called with a reason when the memory is beyond `most_memory`."""
        self._hosts = hosts
        self._most_memory = most_memory
        self._give_up = give_up
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.ended = 0
        """Jobs that nothing more happens to, or that wait for a person."""
        self.admitted = 0
        self.samples = 0
        self.blind = 0
        """Samples that the database did not answer."""
        self.peak_memory = 0
        self.problems: set[str] = set()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(30)

    def _run(self) -> None:
        measured_at = 0.0
        while not self._stop.wait(_EVERY_SECONDS):
            try:
                self._sample()
                self.samples += 1
            except Error:
                self.blind += 1
                connections.close_all()
            if time.monotonic() - measured_at > _MEMORY_EVERY_SECONDS:
                measured_at = time.monotonic()
                self._measure()
        connections.close_all()

    def _sample(self) -> None:
        over = Q(state__in=[*TERMINAL, State.NEEDS_REVIEW])
        counts = Generation.objects.aggregate(all=Count("pk"), ended=Count("pk", filter=over))
        self.admitted, self.ended = counts["all"], counts["ended"]
        self.problems |= set(_beyond_their_limits())

    def _measure(self) -> None:
        memory = memory_of(self._hosts)
        self.peak_memory = max(self.peak_memory, memory)
        if memory > self._most_memory:
            self._give_up(f"the hosts use {memory >> 20} MB of memory")


def _beyond_their_limits() -> list[str]:
    """Return what is over a limit at this moment, by the counters and by the jobs themselves."""
    windows = SpendWindow.objects.annotate(used=F("held") + F("spent"))
    problems = [
        f"window {window.pk} used {window.used} of {window.limit.credits}"
        for window in windows.filter(used__gt=F("limit__credits")).select_related("limit")
    ]
    unreleased = Sum("credits", filter=Q(hold__released=0))
    by_key = Generation.objects.filter(api_key__isnull=False).values("api_key")
    spent = dict(by_key.annotate(sum=unreleased).values_list("api_key", "sum"))
    for subject, credits in SpendWindow.objects.filter(
        limit__subject_kind="api_key", limit__window="total"
    ).values_list("limit__subject_id", "limit__credits"):
        if (spent.get(int(subject)) or 0) > credits:
            problems.append(f"API key {subject} spent {spent[int(subject)]} of {credits}")
    by_team = dict(
        Generation.objects.values("team").annotate(sum=unreleased).values_list("team", "sum")
    )
    for account in Account.objects.filter(kind=Account.Kind.GRANTED):
        if (by_team.get(account.team_id) or 0) > account.balance:
            problems.append(f"team {account.team_id} spent {by_team[account.team_id]}")
    # What came back from a review was at the vendor all the time, and nobody could know.
    came_back = GenerationEvent.objects.filter(
        generation=OuterRef("pk"), from_state=State.NEEDS_REVIEW, to_state=State.PROCESSING
    )
    in_flight = Generation.objects.filter(~Exists(came_back), state__in=sorted(COUNTS_IN_FLIGHT))
    by_provider_key = in_flight.order_by().values("provider_key", "provider_key__max_in_flight")
    problems += [
        f"provider key {row['provider_key']} has {row['sent']} in flight"
        for row in by_provider_key.annotate(sent=Count("pk"))
        if row["sent"] > row["provider_key__max_in_flight"]
    ]
    return problems
