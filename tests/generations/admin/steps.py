"""What several of the admin's tests do."""

from typing import Any

from django.db.models import Model
from django.urls import reverse

from accounts.models import AuditEvent, User


def button(model: type[Model], name: str, pk: object) -> str:
    """Return the path of a row's button."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=[pk])


def errors_of(response: Any) -> dict[str, list[str]]:
    """Return a shown form's errors."""
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


def assert_recorded(action: str, root: User, **more: Any) -> AuditEvent:
    """Return the audit event that the administrator's click left."""
    event: AuditEvent | None = AuditEvent.objects.filter(action=action, **more).first()
    assert event is not None, action
    assert event.actor == f"user:{root.pk}/admin"
    assert event.request_id
    return event


def management(prefix: str, forms: int) -> dict[str, Any]:
    """Return the management fields of an inline with new forms."""
    return {f"{prefix}-TOTAL_FORMS": forms, f"{prefix}-INITIAL_FORMS": 0}
