"""The one writer of the audit trail."""

from typing import Any

from accounts.actor import Actor
from accounts.models import AuditEvent, Team


def record(
    *,
    actor: Actor,
    action: str,
    team: Team | None = None,
    subject: str = "",
    reason: str = "",
    **data: Any,
) -> AuditEvent:
    """Write that `actor` did `action` to `subject` (`kind:id`), inside the caller's transaction."""
    return AuditEvent.objects.create(
        actor=actor.name,
        request_id=actor.request_id,
        action=action,
        team=team,
        subject=subject,
        reason=reason,
        data=data,
    )
