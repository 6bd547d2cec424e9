"""Threads that ask the vendor, many at once, so that whoever hangs delays nobody (P27).

They only speak HTTP: the database belongs to the thread that hands in questions and collects what
was told. Questions of different keys take turns. Those that hang for long give their place to
others and wait beside them; how many may wait is bounded by the key and the endpoint.
"""

import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import structlog

from generations.polling.claims import Due
from generations.vendors.aivideoapi.client import ProviderClient
from generations.vendors.aivideoapi.wire import TaskReport, TaskStatus
from generations.vendors.base import ProviderError, ProviderUnclear

log = structlog.get_logger(__name__)

QUICK_ASKERS = 16
# A question that takes longer gives its place to another one.
SLOW_AFTER = 0.25  # seconds
MOST_ASKED = 192
# Of those, as many as one endpoint or the rows that gave trouble before may have; see `pacing` for
# one key.
MOST_OF_ENDPOINT = 160
MOST_IN_TROUBLE = 32
# Told in groups: each takes a few statements, however many it is about.
GROUP = 96

_ENDS = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED})


@dataclass(slots=True, eq=False)
class Question:
    """One poll; `asked_at` is of the monotonic clock, 0 before it is asked."""

    due: Due
    client: ProviderClient
    claimed_at: datetime
    asked_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Told:
    """What came of one question: a report, or the error that there is instead."""

    question: Question
    report: TaskReport | None
    error: ProviderError | None = None


class Askers:
    """A few threads, started as they are needed. Call it from one thread."""

    def __init__(self) -> None:
        """Start without questions and without threads."""
        self._turn = threading.Condition()
        self._waiting: OrderedDict[int, deque[Question]] = OrderedDict()  # by key, next one first
        self._asked: dict[Question, None] = {}  # the longest asked first
        self._told: list[Told] = []
        self._heard = threading.Event()
        self._threads = 0
        self._ended = False

    def hand_in(self, questions: Iterable[Question]) -> None:
        """Have these asked, the keys in turn."""
        with self._turn:
            for question in questions:
                lane = self._waiting.setdefault(question.due.provider_key_id, deque())
                lane.append(question)
            self._staff()

    def collect(self, *, seconds: float) -> list[Told]:
        """Return what was told: at once when it ends a generation, or is a group, or is all; what
        there is after `seconds` otherwise.
        """
        self._heard.wait(seconds)
        with self._turn:
            self._heard.clear()
            told, self._told = self._told, []
            self._staff()
        return told

    def withdraw(self, provider_key_id: int | None = None) -> list[Question]:
        """Take back what was not asked yet, of one key or of all."""
        with self._turn:
            keys = list(self._waiting) if provider_key_id is None else [provider_key_id]
            return [question for key in keys for question in self._waiting.pop(key, ())]

    def end(self) -> list[Question]:
        """Begin nothing more; return what is still asked, whose answers nobody will hear."""
        with self._turn:
            self._ended = True
            self._turn.notify_all()
            return list(self._asked)

    @property
    def waiting(self) -> int:
        """Return how many were handed in and not asked yet."""
        with self._turn:
            return self._count_waiting()

    @property
    def busy(self) -> bool:
        """Tell whether anything waits, is asked, or was told and not collected."""
        with self._turn:
            return bool(self._waiting or self._asked or self._told)

    def load(self) -> "Load":
        """Return whom the questions belong to that wait or are asked."""
        load = Load()
        with self._turn:
            for question in self._asked:
                load.add(question.due, question.client.endpoint)
            for lane in self._waiting.values():
                for question in lane:
                    load.add(question.due, question.client.endpoint)
        return load

    # In every thread

    def _work(self) -> None:
        question = self._next(None)
        while question is not None:
            question = self._next(_ask(question))

    def _next(self, told: Told | None) -> Question | None:
        """Note what was told, and wait for the next question; None when there will be none."""
        with self._turn:
            if told is not None:
                self._note(told)
            while not self._ended:
                if self._waiting and self._places() > 0:
                    return self._pick()
                self._turn.wait()
        return None

    # With the lock held

    def _note(self, told: Told) -> None:
        del self._asked[told.question]
        self._told.append(told)
        ends = told.report is not None and told.report.status in _ENDS
        all_told = not self._waiting and not self._asked
        if ends or all_told or len(self._told) >= GROUP:
            self._heard.set()

    def _pick(self) -> Question:
        key, lane = self._waiting.popitem(last=False)
        question = lane.popleft()
        if lane:
            self._waiting[key] = lane  # at the end: the other keys come first
        question.asked_at = time.monotonic()
        self._asked[question] = None
        return question

    def _places(self) -> int:
        """Return how many more may be asked at this moment."""
        lately = time.monotonic() - SLOW_AFTER
        slow = 0
        for question in self._asked:
            if question.asked_at > lately:
                break
            slow += 1
        asked = len(self._asked)
        return min(QUICK_ASKERS - (asked - slow), MOST_ASKED - asked)

    def _staff(self) -> None:
        """Wake as many threads as can ask now, and start those that are missing."""
        wanted = min(self._count_waiting(), self._places())
        if wanted <= 0:
            return
        free = self._threads - len(self._asked)
        for _ in range(wanted - free):
            self._threads += 1
            # Nobody waits for them at the end: what they still ask changes nothing.
            threading.Thread(target=self._work, name="asker", daemon=True).start()
        self._turn.notify(wanted)

    def _count_waiting(self) -> int:
        return sum(len(lane) for lane in self._waiting.values())


class Load:
    """How much of each key, endpoint and kind of row is under way, against what may be."""

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
        """Tell whether this one may be asked too."""
        return (
            self.of_key[due.provider_key_id] < most_of_key
            and self.of_endpoint[endpoint] < MOST_OF_ENDPOINT
            and not (due.in_trouble and self.in_trouble >= MOST_IN_TROUBLE)
        )


def _ask(question: Question) -> Told:
    try:
        return Told(question, question.client.get_task(question.due.upstream_id))
    except ProviderError as error:
        return Told(question, None, error)
    except Exception as error:
        # A thread that died would keep its place for ever.
        log.exception("poll_broke", generation_id=str(question.due.id))
        return Told(question, None, ProviderUnclear(f"Not asked: {type(error).__name__}."))
