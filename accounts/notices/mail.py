"""Mail notices to whom they are for."""

from smtplib import SMTPException

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import Membership, Notice
from accounts.notices.service import claim_mailing, end_mailing, note_mailed, postpone_mailing
from accounts.roles import Permission
from accounts.selectors import audience_of

log = structlog.get_logger(__name__)


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
