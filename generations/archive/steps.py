"""The step that keeps a film."""

from datetime import datetime
from uuid import UUID

from generations.models import Film
from platform_site.clusters.queues import FILM_QUEUE
from platform_site.clusters.steps import Step, take_due

# With so many films waiting for a worker, those that are due again wait in their own table: a film
# that waits for its turn anyway would only be in the queue twice.
FILMS_WAITING = 20

keep_step = Step(
    "generations.archive.steps.keep_step",
    runs="generations.archive.keep.keep_film",
    queue=FILM_QUEUE,
    takes=(UUID,),
    most_waiting=FILMS_WAITING,
)


@keep_step.when_due
def _keep_due(now: datetime) -> None:
    films = Film.objects.filter(state=Film.State.PENDING, next_attempt_at__lte=now)
    due = films.order_by("next_attempt_at")[: keep_step.room()]
    for film in take_due(due, "next_attempt_at", now=now):
        keep_step.enqueue(film.pk)
