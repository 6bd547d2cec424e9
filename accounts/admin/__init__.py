"""The admin's pages about people, their teams, projects and notifications, and the audit trail."""

from accounts.admin import audit, memberships, notices, projects, users
from accounts.webhooks import admin as webhooks

__all__ = ["audit", "memberships", "notices", "projects", "users", "webhooks"]
