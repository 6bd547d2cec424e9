"""What people are told in the portal and by mail."""

from accounts.notices.mailing import mail_each
from accounts.notices.service import mark_read, notify
from accounts.notices.steps import mail_step

__all__ = ["mail_each", "mail_step", "mark_read", "notify"]
