"""Queue thousands of generations at once, as rows, past the services that admit them one by one."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.db import connection

from accounts.models import Membership
from billing.models import Hold
from generations.lifecycle import Ending, State
from generations.models import Generation
from generations.models.generation import new_token
from tests.factories import make_generation


def make_crowd(membership: Membership, count: int, **changes: Any) -> list[Generation]:
    """Queue one generation of the member and `count` - 1 copies, each a millisecond later.

    The copies' holds are rows only, so the team's books do not balance. `changes` go to every copy.
    """
    first = make_generation(membership, duration=4, resolution="480p", generate_audio=False)
    holds = [
        Hold(team=first.team, amount=first.credits, subject_kind="crowd", subject_id=str(uuid4()))
        for _ in range(count - 1)
    ]
    Hold.objects.bulk_create(holds, batch_size=500)
    names = [field.attname for field in Generation._meta.concrete_fields]
    same = {name: getattr(first, name) for name in names} | changes
    copies = [
        Generation(
            **same
            | {
                "id": uuid4(),
                "hold_id": hold.pk,
                "callback_token": new_token(),
                "created_at": first.created_at + timedelta(milliseconds=number),
            }
        )
        for number, hold in enumerate(holds, start=1)
    ]
    Generation.objects.bulk_create(copies, batch_size=200)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return [first, *copies]


def land(generation: Generation) -> None:
    """Take a generation out of flight, as an end would, without the vendor or the books."""
    Generation.objects.filter(pk=generation.pk).update(
        state=State.FAILED,
        ending=Ending.FAILED,
        ended_at=generation.created_at,
        next_poll_at=None,
    )
