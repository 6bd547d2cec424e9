"""Threads that POST, so that a provider that hangs delays nobody else (P27).

They only speak HTTP: the database belongs to the thread that submits and collects. What one
endpoint may have is less than there is in all, so POSTs that hang wait beside the others'.
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue

import structlog

from generations.dispatch.send import PostResult, post
from generations.models import Generation

log = structlog.get_logger(__name__)

MOST_POSTS = 64
# So many may be in doubt at once when a provider falls ill.
MOST_OF_ENDPOINT = 16


class PostPool:
    """A few threads, started as they are needed. Call it from one thread."""

    def __init__(self) -> None:
        """Start without POSTs and without threads."""
        self._threads = ThreadPoolExecutor(MOST_POSTS, thread_name_prefix="post")
        self._begun: dict[Future[PostResult], tuple[Generation, float]] = {}
        self._ended: SimpleQueue[Future[PostResult]] = SimpleQueue()

    def submit(self, generations: Sequence[Generation]) -> None:
        """Have these posted, each at once."""
        for generation in generations:
            future = self._threads.submit(post, generation)
            self._begun[future] = (generation, time.monotonic())
            future.add_done_callback(self._ended.put)

    def collect(self, *, seconds: float) -> list[PostResult]:
        """Return what was answered, as soon as there is something, after `seconds` at the latest.

        A POST that broke for another reason than the provider's has no result: its generation is
        left `submitting`, since nobody knows what became of it.
        """
        ended: list[Future[PostResult]] = []
        try:
            ended.append(self._ended.get(timeout=seconds))
            while True:
                ended.append(self._ended.get_nowait())
        except Empty:
            pass
        results = []
        for future in ended:
            generation, _ = self._begun.pop(future)
            try:
                results.append(future.result())
            except Exception:
                log.exception("post_broke", generation_id=str(generation.pk))
        return results

    def end(self) -> None:
        """Begin nothing more; the threads end with their POSTs."""
        self._threads.shutdown(wait=False)

    @property
    def busy(self) -> bool:
        """Return whether anything was begun and not collected."""
        return bool(self._begun)

    @property
    def free(self) -> int:
        """Return how many more may be posted at once."""
        return MOST_POSTS - len(self._begun)

    def free_of(self, endpoints: Iterable[str]) -> Mapping[str, int]:
        """Return how many more each of the `endpoints` may have."""
        begun = Counter(one.provider_key.endpoint for one, _ in self._begun.values())
        return {endpoint: max(0, MOST_OF_ENDPOINT - begun[endpoint]) for endpoint in endpoints}

    def by_key(self) -> Counter[int]:
        """Return how many each key has, by its id."""
        return Counter(one.provider_key_id for one, _ in self._begun.values())

    def longest(self) -> float:
        """Return for how many seconds the oldest POST has not been answered."""
        oldest = min((at for _, at in self._begun.values()), default=time.monotonic())
        return time.monotonic() - oldest
