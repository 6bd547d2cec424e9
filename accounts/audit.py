"""The one writer of the audit trail."""

from typing import Any

from accounts.authority import By
from accounts.models import AuditEvent, Team


def record(
    *,
    by: By,
    action: str,
    team: Team | None = None,
    subject: str = "",
    reason: str = "",
    **data: Any,
) -> AuditEvent:
    """Write that `by` did `action` to `subject` (`kind:id`), inside the caller's transaction."""
    return AuditEvent.objects.create(
        actor=by.name,
        request_id=by.request_id,
        action=action,
        team=team,
        subject=subject,
        reason=reason,
        data=data,
    )
