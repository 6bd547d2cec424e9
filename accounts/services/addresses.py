"""Change the address that a person signs in with.

Asked for with the password, and in force once the link in a mail to the new address was followed
by the same person. The books name people by id, so an address names nobody there.
"""

from datetime import timedelta
from smtplib import SMTPException
from typing import Any

import structlog
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac

from accounts.actor import Actor
from accounts.models import User
from accounts.services.audit import record
from platform_site.errors import Conflict, InvalidRequest, Unavailable

log = structlog.get_logger(__name__)

LINK_LIFE = timedelta(days=1)
MAX_CHARACTERS = 254
_SALT = "accounts.address"


def ask_for_address(user: User, *, address: str, password: str, actor: Actor) -> str:
    """Mail a link to the new address, which confirms it; return the address as it will be stored.

    Nothing changes yet. Whoever has the address already is told so in that mail, and the asker is
    not. Raises `InvalidRequest` for a wrong password or no address, `Unavailable` when the mail
    cannot be sent.
    """
    if not user.check_password(password):
        raise InvalidRequest("This is not your password.", field="password")
    address = _normal(address)
    if address == user.email.lower():
        raise InvalidRequest("This is your address already.", field="email")
    _record(user, "address_change_asked", actor, to=_masked(address))
    if User.objects.filter(email__iexact=address).exists():
        _mail("address_taken", address, {"asker": user.email})
    else:
        token = signing.dumps([user.pk, address, _standing(user)], salt=_SALT)
        link = f"{settings.PUBLIC_URL}/accounts/confirm-email/{token}/"
        _mail("address_confirm", address, {"link": link, "asker": user.email})
    return address


def address_named(user: User, token: str) -> str | None:
    """Return the address that this link would confirm for `user`.

    None for a link that is forged, older than `LINK_LIFE`, somebody else's, or from before the
    address or the password changed: so it works once.
    """
    try:
        pk, address, standing = signing.loads(token, salt=_SALT, max_age=LINK_LIFE)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return str(address) if (pk, standing) == (user.pk, _standing(user)) else None


def confirm_address(user: User, token: str, *, actor: Actor) -> str:
    """Sign the person in with the link's address from now on, and tell the address before it.

    Returns the address. Raises `InvalidRequest` for a link that does not work (any more), and
    `Conflict` when somebody else has the address meanwhile.
    """
    address = address_named(user, token)
    if address is None:
        raise InvalidRequest("This link has been used or has expired, or is somebody else's.")
    before = user.email
    try:
        with transaction.atomic():
            # The row count decides between two links followed at once.
            if not User.objects.filter(pk=user.pk, email=before).update(email=address):
                raise InvalidRequest("This link has been used.")
            forget_other_addresses(user)
            _record(user, "address_changed", actor, before=_masked(before), to=_masked(address))
    except IntegrityError:
        raise Conflict("This address belongs to another account.", field="email") from None
    user.email = address
    try:
        _mail("address_changed", before, {"address": address})
    except Unavailable:
        log.warning("address_change_not_told", user=user.pk)
    return address


def forget_other_addresses(user: User) -> None:
    """Drop what the sign-in library remembers: any address there would open the account too."""
    EmailAddress.objects.filter(user=user).delete()


def _normal(address: str) -> str:
    address = address.strip().lower()
    try:
        validate_email(address)
    except ValidationError:
        raise InvalidRequest("Enter an email address.", field="email") from None
    if len(address) > MAX_CHARACTERS or not address.isascii():
        # Letters that only look alike would let one person pass for another.
        raise InvalidRequest("Write the address in plain letters, up to 254.", field="email")
    return address


def _standing(user: User) -> str:
    """Return what changes with the address, the password and the right to sign in."""
    value = f"{user.pk}:{user.email}:{user.password}:{user.is_active}"
    return salted_hmac(_SALT, value, algorithm="sha256").hexdigest()[:32]


def _masked(address: str) -> str:
    """Return enough of an address to recognise it: the audit trail outlives the person's wish."""
    name, _, host = address.partition("@")
    return f"{name[:1]}…@{host}"


def _mail(name: str, address: str, words: dict[str, Any]) -> None:
    try:
        get_adapter().send_mail(f"account/email/{name}", address, words)
    except (OSError, SMTPException) as error:
        log.warning("mail_not_sent", mail=name, problem=type(error).__name__)
        raise Unavailable("The mail could not be sent. Try again in a while.") from error


def _record(user: User, word: str, actor: Actor, **data: Any) -> None:
    record(actor=actor, action=f"user.{word}", subject=f"user:{user.pk}", **data)
