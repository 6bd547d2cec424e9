"""Tell people by notices and e-mail, and teams' endpoints by webhooks.

Both are rows that commit with what they are about; the queue and the sweep take them from there.
"""

from datetime import datetime
from smtplib import SMTPException
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import Membership, Notice, Team, User, WebhookEvent
from accounts.notices.service import (
    claim_mailing,
    end_mailing,
    note_mailed,
    post_notice,
    postpone_mailing,
)
from accounts.roles import Permission
from accounts.selectors import audience_of
from accounts.webhooks.outbox import put_event
from generations.queue import enqueue_deliver, enqueue_mail

log = structlog.get_logger(__name__)


def tell(
    *,
    team: Team,
    audience: Permission | User,
    kind: str,
    title: str,
    body: str,
    key: str,
    path: str,
    now: datetime,
) -> bool:
    """Post a notice and have it mailed, in the caller's transaction; False when it was before."""
    notice = post_notice(
        team=team, audience=audience, kind=kind, title=title, body=body, key=key, path=path, now=now
    )
    if notice is not None:
        enqueue_mail(notice.pk)
    return notice is not None


def announce(
    *, team: Team, event: WebhookEvent, reference: str, data: dict[str, Any], now: datetime
) -> None:
    """Put an event into the outbox of the team's endpoints, in the caller's transaction."""
    if put_event(team=team, event=event, reference=reference, data=data, now=now):
        enqueue_deliver()


def mail_notice(notice_id: int) -> None:
    """Write a notice to everybody it is for and who has no e-mail of it yet."""
    notice = claim_mailing(notice_id, now=timezone.now())
    if notice is None:
        return
    missed = 0
    for member in audience_of(notice):
        if member.user_id in notice.mailed_to:
            continue
        try:
            _mail(notice, member)
        except (SMTPException, OSError) as error:
            # One address that the server refuses must not cost the others their e-mail.
            log.warning("notice_not_mailed", notice=notice.pk, problem=type(error).__name__)
            missed += 1
        else:
            note_mailed(notice, member.user)
    if not missed:
        end_mailing(notice)
    elif not postpone_mailing(notice, now=timezone.now()):
        log.error("notice_mail_given_up", notice=notice.pk, missed=missed)


def _mail(notice: Notice, member: Membership) -> None:
    words = {
        "notice": notice,
        "member": member,
        "link": f"{settings.PUBLIC_URL}{notice.path}" if notice.path else "",
        "why": Permission[notice.permission] if notice.permission else "",
    }
    EmailMessage(
        subject=" ".join(f"[{notice.team}] {notice.title}".split()),
        body=render_to_string("generations/mail/notice.txt", words),
        to=[member.user.email],
        headers={"Auto-Submitted": "auto-generated"},
    ).send()
