"""Mail what a row says to each person once, however often its step runs."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import TypeVar

import structlog
from django.db.models import Q, QuerySet

from accounts.models import MailedModel, Membership
from platform_site.backoff import Backoff

log = structlog.get_logger(__name__)

_CLAIM = timedelta(minutes=10)
_MOST_ATTEMPTS = 8
_BACKOFF = Backoff(first=timedelta(minutes=1), last=timedelta(hours=1))

Row = TypeVar("Row", bound=MailedModel)


def mail_each(
    row: QuerySet[Row],
    *,
    to: Callable[[Row], Iterable[Membership]],
    write: Callable[[Row, Membership], None],
    now: datetime,
) -> None:
    """Have `write` mail the one row of a query to everybody of `to` who has no email of it yet.

    Does nothing when everybody has theirs or another worker is at it. Who could not be written to
    is written to again later, with longer waits, and in the end given up.
    """
    claimed = _claimed(row.filter(next_mail_at__isnull=False), now)
    if claimed is None:
        return
    missed = 0
    for member in to(claimed):
        if member.user_id in claimed.mailed_to:
            continue
        try:
            write(claimed, member)
        except (SMTPException, OSError) as error:
            # One address that the server refuses must not cost the others their email.
            log.warning("mail_not_sent", about=repr(claimed.pk), problem=type(error).__name__)
            missed += 1
        else:
            claimed.mailed_to = [*claimed.mailed_to, member.user_id]
            row.update(mailed_to=claimed.mailed_to)
    again = missed > 0 and claimed.mail_attempts < _MOST_ATTEMPTS
    if missed and not again:
        log.error("mail_given_up", about=repr(claimed.pk), missed=missed)
    wait = _BACKOFF.after(claimed.mail_attempts)
    row.update(next_mail_at=now + wait if again else None, claimed_until=None)


def _claimed(due: QuerySet[Row], now: datetime) -> Row | None:
    """Take the row over; a claim ends by time when its worker died.

    Two copies of one step may run at once: whoever claims writes, the other does nothing.
    """
    row = due.first()
    if row is None:
        return None
    claimed = due.filter(
        Q(claimed_until=None) | Q(claimed_until__lte=now), mail_attempts=row.mail_attempts
    ).update(
        mail_attempts=row.mail_attempts + 1, claimed_until=now + _CLAIM, next_mail_at=now + _CLAIM
    )
    row.mail_attempts += 1
    return row if claimed else None
