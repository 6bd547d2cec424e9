"""Set and lift spend limits."""

from typing import Any

from django.db import transaction

from accounts.actor import Actor
from accounts.models import Team
from accounts.services.audit import record
from billing.ledger import MAX_CREDITS, Subject
from billing.models import SpendLimit
from billing.windows import Window
from platform_site.errors import InvalidRequest


@transaction.atomic
def set_limit(
    *, team: Team, subject: Subject, window: str, credits: int | None, actor: Actor
) -> SpendLimit | None:
    """Cap what `subject` may hold and spend in one `window`, in credits; None lifts the cap.

    Raises `InvalidRequest` for an unknown window or an amount that is no whole number >= 0.
    """
    if window not in Window.values:
        raise InvalidRequest(f"{window!r} is not one of {', '.join(Window.values)}.")
    if credits is not None and not 0 <= credits <= MAX_CREDITS:
        raise InvalidRequest("A limit is a whole number of credits, 0 or more.", field="credits")
    place: dict[str, Any] = {
        "subject_kind": subject.kind,
        "subject_id": subject.id,
        "window": window,
    }
    if credits is None:
        SpendLimit.objects.filter(**place).delete()
        limit = None
    else:
        limit, _ = SpendLimit.objects.update_or_create(**place, defaults={"credits": credits})
    record(
        actor=actor,
        action="spend_limit.set",
        team=team,
        subject=f"{subject.kind}:{subject.id}",
        window=window,
        credits=credits,
    )
    return limit
