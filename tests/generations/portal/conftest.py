"""Alice and Bob's team can send; whoever is named is signed in."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Membership
from accounts.roles import Role
from generations.models import ProviderKey
from generations.portal.access import TEAM_HEADER
from tests.factories import make_member

SignIn = Callable[[Membership], Client]


@pytest.fixture
def sign_in(provider_key: ProviderKey) -> SignIn:
    """Sign somebody in, on pages of that team; the team of Alice and Bob has a provider key."""

    def signed_in(membership: Membership) -> Client:
        client = Client(headers={TEAM_HEADER: membership.team.slug})
        client.force_login(membership.user, backend="accounts.sign_in.backend.EmailBackend")
        return client

    return signed_in


@pytest.fixture
def viewer(alice: Membership) -> Membership:
    """Somebody in Alice's team who may only watch."""
    return make_member(alice.team, Role.VIEWER, email="vera@studio.example")


@pytest.fixture
def manager(alice: Membership) -> Membership:
    """Somebody in Alice's team who manages its keys."""
    return make_member(alice.team, Role.MANAGER, email="mona@studio.example")
