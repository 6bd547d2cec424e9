"""Whether a generation still waits for approval, and what is said to who decides too late."""

from datetime import UTC, datetime
from typing import Any

from django.utils import dateformat

from accounts.actors import read_person
from accounts.authority import By
from accounts.models import User
from generations.models import Approval, Generation
from platform_site.errors import Conflict

_DONE = {
    Approval.Decision.APPROVED: "approved",
    Approval.Decision.DENIED: "denied",
    Approval.Decision.WITHDRAWN: "cancelled",
}


class NotWaiting(Conflict):
    """Nobody can approve or deny this (any more) (409).

    Where there was a request, `details` have its `task`, its `decision` and, once there is one,
    `decided_at` (unix seconds).
    """

    message = "Your decision was not recorded: this is not waiting for approval."


def require_waiting(generation: Generation, *, by: By, now: datetime) -> None:
    """Raise `NotWaiting`, which says who decided, how and when, unless it can still be decided."""
    approval = Approval.objects.filter(generation=generation).first()
    if approval is None:
        raise NotWaiting
    is_open = approval.decision == Approval.Decision.OPEN
    if is_open and approval.expires_at > now:
        return
    details: dict[str, Any] = {"task": str(generation.pk), "decision": "expired"}
    if not is_open and approval.decided_at:
        at = int(approval.decided_at.timestamp())
        details |= {"decision": approval.decision, "decided_at": at}
    words = _words(approval, by=by)
    raise NotWaiting(f"Your decision was not recorded: {words}.", details=details)


def _words(approval: Approval, *, by: By) -> str:
    done = _DONE.get(Approval.Decision(approval.decision))
    if done is None or approval.decided_at is None:
        return f"this request expired on {_day_and_time(approval.expires_at)}"
    return f"{_who(approval.decided_by, by=by)} {done} this on {_day_and_time(approval.decided_at)}"


def _who(actor: str, *, by: By) -> str:
    person = read_person(actor)
    if person is None:
        return "the site"
    if person.user_id == by.user_id:
        return "you"
    user = User.objects.filter(pk=person.user_id).first()
    return user.get_full_name() if user else "somebody"


def _day_and_time(at: datetime) -> str:
    return f"{dateformat.format(at.astimezone(UTC), 'j F Y, H:i')} UTC"
