"""Write to the managers that a generation waits for them, with a one-time link."""

from collections.abc import Iterable
from uuid import UUID

from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import Membership
from accounts.notices import mail_each
from generations.approvals.duties import deciders_of
from generations.approvals.links import approval_link
from generations.models import Approval


def ask_managers(generation_id: UUID) -> None:
    """Mail everybody who may approve and has no email of it yet; nothing once it is decided."""
    approval = Approval.objects.filter(
        pk=generation_id, decision=Approval.Decision.OPEN
    ).select_related("generation__team", "generation__user", "generation__project")
    mail_each(approval, to=_deciders, write=_mail, now=timezone.now())


def _deciders(approval: Approval) -> Iterable[Membership]:
    return deciders_of(approval.generation)


def _mail(approval: Approval, member: Membership) -> None:
    generation = approval.generation
    asker = generation.user.get_full_name()
    words = {
        "approval": approval,
        "generation": generation,
        "link": approval_link(approval, member),
    }
    subject = f"[{generation.team}] {asker} requests {generation.credits:,} credits"
    EmailMessage(
        subject=" ".join(subject.split()),  # a name with a line break would be a header
        body=render_to_string("generations/mail/approval.txt", words),
        to=[member.user.email],
        headers={"Auto-Submitted": "auto-generated"},
    ).send()
