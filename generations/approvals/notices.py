"""Let whoever asked for an approval know what became of it."""

from datetime import datetime

from django.template.loader import render_to_string

from accounts.authority import By
from accounts.models import NoticeKind
from accounts.notices import notify
from accounts.people import name_of
from generations.models import Approval, Generation

_TITLES = {
    Approval.Decision.APPROVED: "Approved: {} credits for your film",
    Approval.Decision.DENIED: "Denied: {} credits for your film",
    Approval.Decision.EXPIRED: "Expired: {} credits for your film",
    Approval.Decision.WITHDRAWN: "Cancelled: your request for {} credits",
}


def notify_requester(
    generation: Generation, decision: Approval.Decision, *, reason: str, by: By, now: datetime
) -> None:
    """Notify the generation's person of a decision by somebody else, in the caller's transaction.

    `reason` is what the decider wrote, perhaps nothing; the asker reads it.
    """
    words = {
        "generation": generation,
        "decision": decision,
        "reason": reason,
        "by": name_of(by.name),
    }
    notify(
        team=generation.team,
        audience=generation.user,
        kind=NoticeKind.APPROVAL_DECIDED,
        title=_TITLES[decision].format(f"{generation.credits:,}"),
        body=render_to_string("generations/mail/approval_decided.txt", words),
        key=f"approval.decided:{generation.pk}",
        path=f"/generations/{generation.pk}/",
        subject=generation,
        now=now,
    )
