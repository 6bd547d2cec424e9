"""The models of accounts, one file each."""

from accounts.models.api_key import ApiKey
from accounts.models.audit_action import AuditAction
from accounts.models.audit_event import AuditEvent
from accounts.models.mailing import MailedModel
from accounts.models.notice import Notice, NoticeKind
from accounts.models.project import Project
from accounts.models.team import Membership, Team
from accounts.models.user import User
from accounts.models.webhook import (
    HostBackoff,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)

__all__ = [
    "ApiKey",
    "AuditAction",
    "AuditEvent",
    "HostBackoff",
    "MailedModel",
    "Membership",
    "Notice",
    "NoticeKind",
    "Project",
    "Team",
    "User",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
]
