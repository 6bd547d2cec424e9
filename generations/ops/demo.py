"""A team to try everything with: a person for each role, credits, and a sandbox key."""

import base64
import hmac
import secrets
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.authority import By
from accounts.models import Team, User
from accounts.roles import Role
from accounts.teams import create_team, set_role
from billing.ledger import grant
from billing.selectors import books_of
from billing.services.api_keys import issue_api_key
from generations.models import ProviderKey
from generations.provider_keys import add_provider_key
from generations.vendors import DEFAULT_VENDOR, vendor_named

SLUG = "demo"
BALANCE = 100_000
SYSTEM = By.command("demo")


@transaction.atomic
def set_up_demo() -> dict[str, Any]:
    """Create or top up the demo team; return its people, its address and a new API key.

    Passwords are derived from the installation's secret, so that they stay the same without being
    stored, and differ between installations.
    """
    team = Team.objects.filter(slug=SLUG).first() or create_team(
        name="Demo Studio", slug=SLUG, by=SYSTEM
    )
    people = {role: _person(role) for role in ("admin", *Role.values)}
    for role in Role.values:
        set_role(team=team, user=people[role][0], role=role, by=SYSTEM)
    set_role(team=team, user=people["admin"][0], role=Role.OWNER, by=SYSTEM)
    missing = BALANCE - books_of(team).available
    if missing > 0:
        grant(team=team, credits=missing, reason="Demo credits", by=SYSTEM)
    _ensure_sandbox_key(team)
    owner = people[Role.OWNER][0]
    _key, text = issue_api_key(team=team, owner=owner, label="Demo key", by=SYSTEM)
    logins = {
        role: {"email": user.email, "password": password}
        for role, (user, password) in people.items()
    }
    return {"url": settings.PUBLIC_URL, "team": team.slug, "api_key": text, **logins}


def _person(role: str) -> tuple[User, str]:
    email = f"{role}@demo.example"
    password = _password(email)
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create_user(email, password, name=f"Demo {role}")
    is_admin = role == "admin"
    if not user.check_password(password) or user.is_staff != is_admin or not user.is_active:
        user.set_password(password)
        user.is_staff = user.is_superuser = is_admin
        user.is_active = True
        user.save()
    return user, password


def _password(email: str) -> str:
    digest = hmac.digest(settings.SECRET_KEY.encode(), f"demo:{email}".encode(), "sha256")
    return base64.b32encode(digest)[:16].decode().lower()


def _ensure_sandbox_key(team: Team) -> None:
    shared = ProviderKey.objects.filter(team=team, owner=None).exclude(
        state=ProviderKey.State.SEALED
    )
    if not shared.exists():
        start = vendor_named(DEFAULT_VENDOR).sandbox_key_start
        add_provider_key(
            team=team,
            owner=None,
            secret=f"{start}{secrets.token_urlsafe(24)}",
            label="Demo sandbox key",
            by=SYSTEM,
        )
