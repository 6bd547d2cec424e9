"""Wrong VAULT_KEYS are said before anything is admitted (F17)."""

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.models import Membership
from billing.selectors import books_of
from generations.models import Generation
from platform_site.errors import Unavailable
from tests.factories import make_generation, make_provider_key
from tests.support.vault_keys import generate_key

pytestmark = pytest.mark.django_db


def complaints() -> list[str]:
    return [one.id or "" for one in run_checks() if "VAULT_KEYS" in one.msg]


def test_f17_wrong_vault_keys_keep_everything_from_starting(
    alice: Membership, settings: Settings
) -> None:
    assert complaints() == []
    make_provider_key(alice.team)
    assert complaints() == []
    settings.VAULT_KEYS = f"k1:{generate_key()}"
    assert complaints() == ["dailies.E012"]
    for command in ("up", "worker"):
        with pytest.raises(CommandError, match="opens none of 1 provider keys"):
            call_command(command, skip_checks=False)


def test_f17_one_key_that_is_lost_is_said_and_stops_nobody(
    alice: Membership, settings: Settings
) -> None:
    make_provider_key(alice.team)
    first = settings.VAULT_KEYS
    settings.VAULT_KEYS = f"k9:{generate_key()}"
    make_provider_key(alice.team, alice.user)
    assert complaints() == ["dailies.W012"]
    settings.VAULT_KEYS = f"{settings.VAULT_KEYS},{first}"
    assert complaints() == []


def test_f17_nothing_is_admitted_or_held_with_a_key_that_does_not_open(
    alice: Membership, settings: Settings
) -> None:
    make_provider_key(alice.team)
    settings.VAULT_KEYS = f"k1:{generate_key()}"
    with pytest.raises(Unavailable, match="cannot be opened on this server"):
        make_generation(alice)
    assert not Generation.objects.exists()
    assert books_of(alice.team).held == 0
