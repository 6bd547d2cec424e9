"""Mail for an installation without a mail server: written into a folder that its user alone reads.

Mails carry links that approve, confirm and reset. On standard error they would stand in the log.
"""

import os
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

log = structlog.get_logger(__name__)

# No link in a mail works for longer than a week.
KEPT = timedelta(days=30)


def mail_folder() -> Path:
    """Return the folder; it may not exist yet."""
    folder: Path = settings.DATA_DIR / "mail"
    return folder


class FolderMail(BaseEmailBackend):
    """Writes each mail as a file of its own; the log says only that there is one."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write all; return how many. Raises `OSError` when the disk takes none."""
        folder = mail_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
            name = f"{timezone.now():%Y%m%dT%H%M%S}-{secrets.token_hex(4)}.eml"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(folder / name, flags, 0o600), "wb") as file:
                file.write(message.message().as_bytes())
            log.info("mail_written", file=name)
        return len(email_messages)


def prune_written_mails(*, now: datetime) -> int:
    """Delete mails that nobody has fetched for a month; return how many."""
    count = 0
    for path in mail_folder().glob("*.eml"):
        if path.stat().st_mtime < (now - KEPT).timestamp():
            path.unlink(missing_ok=True)
            count += 1
    return count
