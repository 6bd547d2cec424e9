"""The admin's pages about people: users, memberships and the audit trail."""

from accounts.admin import audit, memberships, users

__all__ = ["audit", "memberships", "users"]
