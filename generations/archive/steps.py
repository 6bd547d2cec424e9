"""The steps that keep a film and make its previews."""

from datetime import datetime
from uuid import UUID

from generations.models import Film, StoredFile
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

make_previews_step = Step(
    "generations.archive.steps.make_previews_step",
    runs="generations.archive.previews.make_due_previews",
    queue=FILM_QUEUE,
    # None while anything waits there: films are kept first.
    most_waiting=1,
)


keep_step.due_by(Film.objects.filter(state=Film.State.PENDING), "next_attempt_at")
make_previews_step.due_by(StoredFile.objects.filter(uses__gt=0), "previews_due_at")


@keep_step.when_due
def _keep_due(now: datetime) -> None:
    films = Film.objects.filter(state=Film.State.PENDING, next_attempt_at__lte=now)
    due = films.order_by("next_attempt_at")[: keep_step.room()]
    for film in take_due(due, "next_attempt_at", now=now):
        keep_step.enqueue(film.pk)


@make_previews_step.when_due
def _previews_due(now: datetime) -> None:
    if StoredFile.objects.filter(previews_due_at__lte=now, uses__gt=0).exists():
        make_previews_step.enqueue_up_to(1)
