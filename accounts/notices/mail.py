"""Mail notices to whom they are for."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import Membership, Notice
from accounts.notices.mailing import mail_each
from accounts.roles import Permission
from accounts.selectors import audience_of


def mail_notice(notice_id: int) -> None:
    """Write a notice to everybody it is for and who has no email of it yet."""
    notice = Notice.objects.filter(pk=notice_id).select_related("team", "user")
    mail_each(notice, to=audience_of, write=_mail, now=timezone.now())


def _mail(notice: Notice, member: Membership) -> None:
    words = {
        "notice": notice,
        "member": member,
        "link": f"{settings.PUBLIC_URL}{notice.path}" if notice.path else "",
        "why": Permission(notice.permission).label if notice.permission else "",
    }
    EmailMessage(
        subject=" ".join(f"[{notice.team}] {notice.title}".split()),
        body=render_to_string("accounts/mail/notice.txt", words),
        to=[member.user.email],
        headers={"Auto-Submitted": "auto-generated"},
    ).send()
