"""The one writer of the audit trail."""

from typing import Any, Protocol

from django.db.models import Model

from accounts.authority import By
from accounts.models import AuditAction, AuditEvent, Team
from platform_site.db.subjects import subject_kind_of
from platform_site.logs import redact


class Named(Protocol):
    """Something that is named by kind and id, such as the subject of a spend limit."""

    @property
    def kind(self) -> str:
        """Return its kind."""

    @property
    def id(self) -> str:
        """Return its id."""


def record(
    *,
    by: By,
    action: AuditAction,
    subject: Model | Named,
    team: Team | None = None,
    reason: str = "",
    **data: Any,
) -> AuditEvent:
    """Write that `by` did `action` to `subject`, inside the caller's transaction."""
    if isinstance(subject, Model):
        kind, key = subject_kind_of(subject), str(subject.pk)
    else:
        kind, key = subject.kind, subject.id
    return AuditEvent.objects.create(
        actor=by.name,
        request_id=by.request_id,
        action=action,
        team=team,
        subject_kind=kind,
        subject_id=key,
        # People paste keys where they explain themselves, and vendors repeat them.
        reason=redact(reason),
        data=data,
    )
