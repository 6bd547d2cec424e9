"""Signed links for emails: they name who may decide what, and stop with the decision."""

from django.conf import settings
from django.core import signing

from accounts.models import Membership
from generations.models import Approval

_SALT = "approval"
_MAX_AGE_SECONDS = 7 * 24 * 3600


def approval_link(approval: Approval, member: Membership) -> str:
    """Return the link by which `member` decides; it works until the approval is decided."""
    signed = signing.dumps([approval.token, member.pk], salt=_SALT)
    return f"{settings.PUBLIC_URL}/approvals/{signed}"


def read_approval_link(signed: str) -> tuple[Approval, Membership] | None:
    """Return the approval and who may decide it, or None for a link that says neither."""
    try:
        token, member_id = signing.loads(signed, salt=_SALT, max_age=_MAX_AGE_SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    approval = Approval.objects.filter(token=token).select_related("generation__team").first()
    member = Membership.objects.filter(pk=member_id).select_related("team", "user").first()
    if approval is None or member is None or not member.user.is_active:
        return None
    if member.team_id != approval.generation.team_id:
        return None
    return approval, member
