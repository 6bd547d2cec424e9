"""Threads that ask the vendor, many at once, so that whoever hangs delays nobody (P27).

They only speak HTTP: the database belongs to the thread that submits requests and collects results.
Requests of different keys take turns. Those that hang for long give their slot to others and wait
beside them; how many may wait is bounded by the key and the endpoint.
"""

import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import structlog

from generations.polling.claims import Due
from generations.vendors import ProviderClient, ProviderError, ProviderUnclear, TaskReport

log = structlog.get_logger(__name__)

QUICK_THREADS = 16
# A request that takes longer gives its slot to another one.
SLOW_AFTER = 0.25  # seconds
MOST_ASKED = 192
# Of those, as many as one endpoint or the rows that gave trouble before may have; see
# `congestion` for one key.
MOST_OF_ENDPOINT = 160
MOST_IN_TROUBLE = 32
# Collected in groups: each takes a few statements, however many it is about.
GROUP = 96


@dataclass(slots=True, eq=False)
class PollRequest:
    """One poll; `asked_at` is of the monotonic clock, 0 before it is asked."""

    due: Due
    client: ProviderClient
    claimed_at: datetime
    asked_at: float = 0.0


@dataclass(frozen=True, slots=True)
class PollResult:
    """What came of one request: a report, or the error that there is instead."""

    request: PollRequest
    report: TaskReport | None
    error: ProviderError | None = None


class PollPool:
    """A few threads, started as they are needed. Call it from one thread."""

    def __init__(self) -> None:
        """Start without requests and without threads."""
        self._lock = threading.Condition()
        # By key, the next one first.
        self._waiting: OrderedDict[int, deque[PollRequest]] = OrderedDict()
        self._asked: dict[PollRequest, None] = {}  # the longest asked first
        self._results: list[PollResult] = []
        self._ready = threading.Event()
        self._threads = 0
        self._ended = False

    def submit(self, requests: Iterable[PollRequest]) -> None:
        """Have these asked, the keys in turn."""
        with self._lock:
            for request in requests:
                waiting = self._waiting.setdefault(request.due.provider_key_id, deque())
                waiting.append(request)
            self._start_threads()

    def collect(self, *, seconds: float) -> list[PollResult]:
        """Return results: at once when one ends a generation, or they are a group, or are all; what
        there is after `seconds` otherwise.
        """
        self._ready.wait(seconds)
        with self._lock:
            self._ready.clear()
            results, self._results = self._results, []
            self._start_threads()
        return results

    def withdraw(self, provider_key_id: int | None = None) -> list[PollRequest]:
        """Take back what was not asked yet, of one key or of all."""
        with self._lock:
            keys = list(self._waiting) if provider_key_id is None else [provider_key_id]
            return [request for key in keys for request in self._waiting.pop(key, ())]

    def end(self) -> list[PollRequest]:
        """Begin nothing more; return what is still asked, whose results nobody will collect."""
        with self._lock:
            self._ended = True
            self._lock.notify_all()
            return list(self._asked)

    @property
    def waiting(self) -> int:
        """Return how many were submitted and not asked yet."""
        with self._lock:
            return self._count_waiting()

    @property
    def busy(self) -> bool:
        """Return whether anything waits, is asked, or came back and was not collected."""
        with self._lock:
            return bool(self._waiting or self._asked or self._results)

    def load(self) -> "Load":
        """Return whom the requests belong to that wait, are asked, or whose answers were not
        collected: what those say of a key's speed is not known yet.
        """
        load = Load()
        with self._lock:
            for request in (*self._asked, *(one.request for one in self._results)):
                load.add(request.due, request.client.endpoint)
            for waiting in self._waiting.values():
                for request in waiting:
                    load.add(request.due, request.client.endpoint)
        return load

    # In every thread

    def _work(self) -> None:
        request = self._next(None)
        while request is not None:
            request = self._next(_ask(request))

    def _next(self, result: PollResult | None) -> PollRequest | None:
        """Note a result, and wait for the next request; None when there will be none."""
        with self._lock:
            if result is not None:
                self._note(result)
            while not self._ended:
                if self._waiting and self._free_slots() > 0:
                    return self._pick()
                self._lock.wait()
        return None

    # With the lock held

    def _note(self, result: PollResult) -> None:
        del self._asked[result.request]
        self._results.append(result)
        ends = result.report is not None and result.report.has_ended
        is_all = not self._waiting and not self._asked
        if ends or is_all or len(self._results) >= GROUP:
            self._ready.set()

    def _pick(self) -> PollRequest:
        key, waiting = self._waiting.popitem(last=False)
        request = waiting.popleft()
        if waiting:
            self._waiting[key] = waiting  # at the end: the other keys come first
        request.asked_at = time.monotonic()
        self._asked[request] = None
        return request

    def _free_slots(self) -> int:
        """Return how many more may be asked at this moment."""
        recently = time.monotonic() - SLOW_AFTER
        slow = 0
        for request in self._asked:
            if request.asked_at > recently:
                break
            slow += 1
        asked = len(self._asked)
        return min(QUICK_THREADS - (asked - slow), MOST_ASKED - asked)

    def _start_threads(self) -> None:
        """Wake as many threads as can ask now, and start those that are missing."""
        wanted = min(self._count_waiting(), self._free_slots())
        if wanted <= 0:
            return
        free = self._threads - len(self._asked)
        for _ in range(wanted - free):
            self._threads += 1
            # Nobody waits for them at the end: what they still ask changes nothing.
            threading.Thread(target=self._work, name="poll", daemon=True).start()
        self._lock.notify(wanted)

    def _count_waiting(self) -> int:
        return sum(len(waiting) for waiting in self._waiting.values())


class Load:
    """How much of each key, endpoint and kind of row is in progress, against what may be."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.of_key: Counter[int] = Counter()
        self.of_endpoint: Counter[str] = Counter()
        self.in_trouble = 0

    def add(self, due: Due, endpoint: str) -> None:
        """Count one more."""
        self.of_key[due.provider_key_id] += 1
        self.of_endpoint[endpoint] += 1
        self.in_trouble += due.in_trouble

    def has_room(self, due: Due, endpoint: str, *, most_of_key: int) -> bool:
        """Return whether this one may be asked too."""
        return (
            self.of_key[due.provider_key_id] < most_of_key
            and self.of_endpoint[endpoint] < MOST_OF_ENDPOINT
            and not (due.in_trouble and self.in_trouble >= MOST_IN_TROUBLE)
        )


def _ask(request: PollRequest) -> PollResult:
    try:
        return PollResult(request, request.client.get_task(request.due.upstream_id))
    except ProviderError as error:
        return PollResult(request, None, error)
    except Exception as error:
        # A thread that died would keep its slot forever.
        log.exception("poll_broke", generation_id=str(request.due.id))
        return PollResult(request, None, ProviderUnclear(f"Not asked: {type(error).__name__}."))
