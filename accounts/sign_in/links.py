"""Links by which a person chooses a password, to hand over where no mail is sent."""

from allauth.account import app_settings
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.urls import reverse

from accounts.audit import record
from accounts.authority import By
from accounts.models import AuditAction, User
from platform_site.errors import InvalidRequest


def password_link(user: User, *, by: By) -> str:
    """Return a link by which a person chooses a password, as the mail of a reset has it, and record
    who made it. It works once, and for as long as Django's links do.

    An invitation that no mail server carries. Raises `PermissionDenied` for who belongs to teams
    only, `InvalidRequest` for someone who is disabled.
    """
    by.require_everywhere()
    if not user.is_active:
        raise InvalidRequest(f"{user} is disabled, and cannot sign in.")
    token = app_settings.PASSWORD_RESET_TOKEN_GENERATOR().make_token(user)
    path = reverse(
        "account_reset_password_from_key",
        kwargs={"uidb36": user_pk_to_url_str(user), "key": token},
    )
    record(by=by, action=AuditAction.USER_PASSWORD_LINK_MADE, subject=user)
    return f"{settings.PUBLIC_URL}{path}"
