"""Change the email that a person signs in with.

Asked for with the password, and in force once the link in a mail to the new email was followed by
the same person. The books name people by id, so an email names nobody there.
"""

from datetime import timedelta
from smtplib import SMTPException
from typing import Any

import structlog
from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac

from accounts.audit import record
from accounts.authority import By
from accounts.models import AuditAction, User
from platform_site.errors import Conflict, InvalidRequest, Unavailable

log = structlog.get_logger(__name__)

EMAIL_LINK_LIFE = timedelta(days=1)
MAX_CHARACTERS = 254
_SALT = "accounts.email"


def ask_for_email(user: User, *, email: str, password: str, by: By) -> str:
    """Mail a link to the new email, which confirms it; return the email as it will be stored.

    Nothing changes yet. Whoever has the email already is told so in that mail, and the asker is
    not. Raises `InvalidRequest` for a wrong password or no email, `Unavailable` when the mail
    cannot be sent.
    """
    if not user.check_password(password):
        raise InvalidRequest("This password is wrong.", field="password")
    email = _normal(email)
    if email == user.email.lower():
        raise InvalidRequest("This is already your email.", field="email")
    action = AuditAction.USER_EMAIL_CHANGE_ASKED
    record(by=by, action=action, subject=user, to=_masked(email))
    if User.objects.filter(email__iexact=email).exists():
        _mail("new_email_taken", email, {"asker": user.email})
    else:
        token = signing.dumps([user.pk, email, _fingerprint(user)], salt=_SALT)
        link = f"{settings.PUBLIC_URL}/accounts/confirm-email/{token}/"
        _mail("new_email_confirm", email, {"link": link, "asker": user.email})
    return email


def email_named(user: User, token: str) -> str | None:
    """Return the email that this link would confirm for `user`.

    None for a link that is forged, older than `EMAIL_LINK_LIFE`, somebody else's, or from before
    the email or the password changed: so it works once.
    """
    named = _read(token)
    if named is None:
        return None
    pk, email, fingerprint = named
    return email if (pk, fingerprint) == (user.pk, _fingerprint(user)) else None


def confirm_email(user: User, token: str, *, by: By) -> str:
    """Sign the person in with the link's email from now on, and tell the one before it.

    Returns the email; for a link that was followed a moment ago the one in force. Raises
    `InvalidRequest` for a link that does not work (any more), and `Conflict` when somebody else
    has the email meanwhile.
    """
    if _is_in_force(user, token):
        return user.email
    email = email_named(user, token)
    if email is None:
        raise InvalidRequest("This link has been used, has expired, or belongs to someone else.")
    before = user.email
    try:
        with transaction.atomic():
            # The row count decides between two links followed at once.
            if not User.objects.filter(pk=user.pk, email=before).update(email=email):
                raise InvalidRequest("This link has been used.")
            note_email_change(user, before=before, email=email, by=by)
    except IntegrityError:
        raise Conflict("This email belongs to another account.", field="email") from None
    user.email = email
    notify_previous_email(user, before)
    return email


def note_email_change(user: User, *, before: str, email: str, by: By) -> None:
    """Write a change down, in the transaction that makes it; the trail has no whole emails."""
    record(
        by=by,
        action=AuditAction.USER_EMAIL_CHANGED,
        subject=user,
        before=_masked(before),
        to=_masked(email),
    )


def notify_previous_email(user: User, before: str) -> None:
    """Tell the email that a person had that it is theirs no more. Called within a request."""
    try:
        _mail("new_email_changed", before, {"email": user.email})
    except Unavailable:
        log.warning("email_change_not_told", user=user.pk)


def _normal(email: str) -> str:
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise InvalidRequest("Enter an email address.", field="email") from None
    if len(email) > MAX_CHARACTERS or not email.isascii():
        raise InvalidRequest(
            f"Use plain letters, at most {MAX_CHARACTERS} characters.", field="email"
        )
    return email


def _is_in_force(user: User, token: str) -> bool:
    """Return whether this is the person's own link to the email that they have."""
    named = _read(token)
    return named is not None and named[:2] == (user.pk, user.email)


def _read(token: str) -> tuple[int, str, str] | None:
    try:
        pk, email, fingerprint = signing.loads(token, salt=_SALT, max_age=EMAIL_LINK_LIFE)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return int(pk), str(email), str(fingerprint)


def _fingerprint(user: User) -> str:
    """Return what changes with the email, the password and the right to sign in."""
    value = f"{user.pk}:{user.email}:{user.password}:{user.is_active}"
    return salted_hmac(_SALT, value, algorithm="sha256").hexdigest()[:32]


def _masked(email: str) -> str:
    """Return enough of an email to recognise it: the trail outlives the person's wish."""
    name, _, host = email.partition("@")
    return f"{name[:1]}…@{host}"


def _mail(name: str, email: str, words: dict[str, Any]) -> None:
    try:
        get_adapter().send_mail(f"account/email/{name}", email, words)
    except (OSError, SMTPException) as error:
        log.warning("mail_not_sent", mail=name, problem=type(error).__name__)
        raise Unavailable("The email could not be sent. Try again later.") from error
