"""The models of accounts, one file each."""

from accounts.models.api_key import ApiKey
from accounts.models.audit_event import AuditEvent
from accounts.models.notice import Notice
from accounts.models.project import Project
from accounts.models.team import Membership, Team
from accounts.models.user import User
from accounts.models.webhook import (
    TEST_EVENT,
    HostBackoff,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)

__all__ = [
    "TEST_EVENT",
    "ApiKey",
    "AuditEvent",
    "HostBackoff",
    "Membership",
    "Notice",
    "Project",
    "Team",
    "User",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEvent",
]
