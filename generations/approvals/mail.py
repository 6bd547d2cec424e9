"""Write to the managers that a generation waits for them, with a one-time link."""

from uuid import UUID

from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from accounts.models import Membership
from accounts.roles import Permission
from accounts.selectors import members_who_may
from generations.approvals.links import approval_link
from generations.models import Approval


def ask_managers(generation_id: UUID) -> None:
    """Mail everybody who may approve; nothing when it is decided already."""
    approval = (
        Approval.objects.filter(pk=generation_id, decision=Approval.Decision.OPEN)
        .select_related("generation__team", "generation__user", "generation__project")
        .first()
    )
    if approval is None:
        return
    for member in members_who_may(approval.generation.team, Permission.APPROVE):
        _mail(approval, member)


def _mail(approval: Approval, member: Membership) -> None:
    generation = approval.generation
    asker = generation.user.get_full_name()
    words = {
        "approval": approval,
        "generation": generation,
        "link": approval_link(approval, member),
    }
    subject = f"[{generation.team}] {asker} asks for {generation.credits} credits"
    EmailMessage(
        subject=" ".join(subject.split()),  # a name with a line break would be a header
        body=render_to_string("generations/mail/approval.txt", words),
        to=[member.user.email],
        headers={"Auto-Submitted": "auto-generated"},
    ).send()
