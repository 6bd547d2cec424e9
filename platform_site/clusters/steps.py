"""Background steps: what each runs, in which queue, and how the sweep finds what nobody has run.

A step is put into the queue inside the transaction that makes it necessary: the queue is a table in
the same database, so a step exists exactly when its cause does. The database, not the queue,
decides who works: every step takes ids only, may run twice or never, and the sweep finds what was
never run.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.tasks import async_task

from platform_site.clusters.due_times import DueRows
from platform_site.clusters.shutdown import is_shutting_down

# The queue delivers at once. In case it lost a step, the sweep enqueues it again after this long;
# until then the row's due time says that it is in progress.
ENQUEUE_AGAIN = timedelta(seconds=60)
BATCH = 100

# django-q2's broker sets `lock` to the future when a worker takes a row.
_COUNT_WAITING = """
SELECT count(*) FROM (
  SELECT 1 FROM django_q_ormq WHERE key = %s AND lock <= %s LIMIT %s
) AS waiting
"""

Row = TypeVar("Row", bound=Model)
Id = UUID | int | float | str


class Step:
    """One kind of background work.

    `path` is where this object stands: the queue's rows name it. `runs` is the dotted path of the
    function that does the work, imported by the worker that runs it; it is called with the ids,
    each turned into the type that `takes` says. `most_waiting`, where there is one: more of these
    steps in the queue than this would only lengthen it.
    """

    def __init__(
        self,
        path: str,
        *,
        runs: str,
        queue: str,
        takes: Sequence[type[Id]] = (),
        most_waiting: int | None = None,
    ) -> None:
        """Declare a step; nothing is imported or asked yet."""
        self.path = path
        self.runs = runs
        self.queue = queue
        self.takes = tuple(takes)
        self.most_waiting = most_waiting
        self.due_rows: DueRows | None = None
        self._enqueue_due: Callable[[datetime], None] | None = None

    def __call__(self, *ids: Any) -> None:
        """Do the work. A worker that was told to stop hands it back to the queue instead."""
        if is_shutting_down():
            self.enqueue(*ids)
            return
        work = import_string(self.runs)
        work(*(kind(one) for kind, one in zip(self.takes, ids, strict=True)))

    def enqueue(self, *ids: Id) -> None:
        """Have a worker run the step soon, in the caller's transaction."""
        plain = (str(one) if isinstance(one, UUID) else one for one in ids)
        # Always by name: without one it would be the queue that this process itself serves.
        async_task(self.path, *plain, cluster=self.queue)

    def enqueue_up_to(self, count: int) -> int:
        """Enqueue the step `count` times, or until `most_waiting` wait; return how often it was.

        Raises `TypeError` for a step without `most_waiting`, or with ids.
        """
        if self.takes:
            raise TypeError(f"{self.path} takes ids: its steps are not one like the other.")
        missing = min(count, self.room())
        for _ in range(missing):
            self.enqueue()
        return missing

    def room(self) -> int:
        """Return how many more may wait in the step's queue until `most_waiting` do.

        Raises `TypeError` for a step without `most_waiting`.
        """
        most = self.most_waiting
        if most is None:
            raise TypeError(f"{self.path} has no `most_waiting`.")
        return max(0, most - self._count_waiting(timezone.now(), most=most))

    def has_waited(self, time: timedelta) -> bool:
        """Return whether a task of the step's queue, of whatever step, waits for so long."""
        return self._count_waiting(timezone.now() - time, most=1) > 0

    def _count_waiting(self, since: datetime, *, most: int) -> int:
        """Return how many tasks, up to `most`, have been in the step's queue since then."""
        with connection.cursor() as cursor:
            at = connection.ops.adapt_datetimefield_value(since)
            cursor.execute(_COUNT_WAITING, [self.queue, at, most])
            (count,) = cursor.fetchone()
        return int(count)

    def when_due(self, look: Callable[[datetime], None]) -> Callable[[datetime], None]:
        """Decorate the function that enqueues what is due at a moment, for the sweep."""
        self._enqueue_due = look
        return look

    def due_by(self, rows: "QuerySet[Any]", column: str) -> None:
        """Say by which rows the sweep knows when to look: each is due at the time in `column`."""
        self.due_rows = DueRows(rows, column)

    def enqueue_due(self, now: datetime) -> None:
        """Enqueue what is due at `now`, whatever the reason that nobody took it."""
        if self._enqueue_due is not None:
            self._enqueue_due(now)


def step_at(path: str) -> Step:
    """Return the step at a dotted path: for rooms that wake one of a room above them."""
    found = import_string(path)
    if not isinstance(found, Step):
        raise TypeError(f"{path} is not a step.")
    return found


def take_due(due: QuerySet[Row], column: str, *, now: datetime) -> list[Row]:
    """Move the due time in `column` of up to `BATCH` rows on, and return the rows that were ours.

    By conditional UPDATE: of two sweeps, one has each row.
    """
    again_at = now + ENQUEUE_AGAIN
    # Not `due.filter`: a join would turn the condition into a subquery, which PostgreSQL does not
    # look at again after waiting for another sweep, and both would have the row.
    rows: QuerySet[Row] = QuerySet(due.model)
    return [
        row
        for row in due[:BATCH]
        if rows.filter(pk=row.pk, **{column: getattr(row, column)}).update(**{column: again_at})
    ]
