"""The secret that signs a team's webhooks: made, shown, rotated, and wiped when it has served."""

import base64
import secrets
from datetime import datetime, timedelta

from django.db import transaction

from accounts.audit import record
from accounts.authority import By
from accounts.models import AuditAction, Team
from accounts.roles import Permission
from platform_site.errors import Conflict
from platform_site.secrets.keyring import site_keyring

# Receivers may keep the secret before the present one for so long.
OLD_SECRET_LIFE = timedelta(hours=24)
_COLUMNS = ("webhook_secret_token", "webhook_old_secret_token")


def webhook_secret(team: Team) -> str:
    """Return the team's signing secret (`whsec_…`), made at first use and stored encrypted."""
    if not team.webhook_secret_token:
        # The first of two writers wins; both then use what is stored.
        Team.objects.filter(pk=team.pk, webhook_secret_token="").update(
            webhook_secret_token=_sealed(team, "webhook_secret_token", _fresh())
        )
        team.refresh_from_db(fields=["webhook_secret_token"])
    return _opened(team, "webhook_secret_token")


def signing_secrets(team: Team, *, now: datetime) -> list[str]:
    """Return every secret that signs at the moment, the present one first.

    Raises `CipherError` when one does not open, which an operator can mend (VAULT_KEYS).
    """
    signing = [webhook_secret(team)]
    until = team.webhook_old_secret_until
    if team.webhook_old_secret_token and until is not None and until > now:
        signing.append(_opened(team, "webhook_old_secret_token"))
    return signing


def reveal_secret(*, team: Team, by: By) -> str:
    """Return the secret that the team's webhooks are signed with, and record who saw it.

    Raises `PermissionDenied`.
    """
    by.require(Permission.TEAM_KEYS, team_id=team.pk)
    secret = webhook_secret(team)
    record(by=by, action=AuditAction.WEBHOOK_SECRET_SHOWN, team=team, subject=team)
    return secret


@transaction.atomic
def rotate_secret(*, team: Team, by: By, now: datetime) -> str:
    """Replace the team's signing secret and return the fresh one.

    The one before goes on signing beside it for `OLD_SECRET_LIFE`, so that receivers can change
    over one by one. Raises `PermissionDenied`, and `Conflict` while an earlier one still does.
    """
    by.require(Permission.TEAM_KEYS, team_id=team.pk)
    earlier = webhook_secret(team)
    team.refresh_from_db(fields=[*_COLUMNS, "webhook_old_secret_until"])
    until = team.webhook_old_secret_until
    if team.webhook_old_secret_token and until is not None and until > now:
        raise Conflict("The previous secret still signs. End it first, or wait until it expires.")
    fresh = _fresh()
    # Two people who rotate at once: the second would retire a secret that nobody has seen.
    rotated = Team.objects.filter(
        pk=team.pk, webhook_secret_token=team.webhook_secret_token
    ).update(
        webhook_secret_token=_sealed(team, "webhook_secret_token", fresh),
        webhook_old_secret_token=_sealed(team, "webhook_old_secret_token", earlier),
        webhook_old_secret_until=now + OLD_SECRET_LIFE,
    )
    if not rotated:
        raise Conflict("Someone else has just rotated the secret.")
    record(by=by, action=AuditAction.WEBHOOK_SECRET_ROTATED, team=team, subject=team)
    team.refresh_from_db(fields=[*_COLUMNS, "webhook_old_secret_until"])
    return fresh


@transaction.atomic
def end_old_secret(*, team: Team, by: By) -> None:
    """Wipe the secret before the present one at once. Raises `PermissionDenied`, `Conflict`."""
    by.require(Permission.TEAM_KEYS, team_id=team.pk)
    with_one = Team.objects.filter(pk=team.pk).exclude(webhook_old_secret_token="")
    if not with_one.update(webhook_old_secret_token="", webhook_old_secret_until=None):
        raise Conflict("No previous secret signs any more.")
    record(by=by, action=AuditAction.WEBHOOK_SECRET_OLD_ENDED, team=team, subject=team)
    team.refresh_from_db(fields=["webhook_old_secret_token", "webhook_old_secret_until"])


def wipe_old_secrets(*, now: datetime) -> int:
    """Wipe every earlier secret whose time is over; return how many."""
    over = Team.objects.filter(webhook_old_secret_until__lte=now)
    return over.update(webhook_old_secret_token="", webhook_old_secret_until=None)


def rotate_webhook_seals() -> int:
    """Reseal every signing secret with the current vault key; return how many."""
    ring, count = site_keyring(), 0
    for team in Team.objects.all():
        for column in _COLUMNS:
            earlier: str = getattr(team, column)
            if earlier and ring.needs_rotation(earlier):
                fresh = ring.rotate(earlier, _bound_to(team, column))
                count += Team.objects.filter(pk=team.pk, **{column: earlier}).update(
                    **{column: fresh}
                )
    return count


def _fresh() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def _sealed(team: Team, column: str, secret: str) -> str:
    return site_keyring().encrypt(secret, _bound_to(team, column))


def _opened(team: Team, column: str) -> str:
    return site_keyring().decrypt(getattr(team, column), _bound_to(team, column)).reveal()


def _bound_to(team: Team, column: str) -> str:
    return f"accounts_team:{column}:{team.pk}"
