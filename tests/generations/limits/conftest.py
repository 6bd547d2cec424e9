"""A team that only limits speak of, and such a limit."""

import pytest

from accounts.models import Membership, Team
from billing.models import SpendLimit
from generations.limits.service import cap
from generations.models import ProviderKey
from tests.factories import SYSTEM


@pytest.fixture
def rich(team: Team) -> Team:
    """A team whose wallet has no mark, so that only limits speak."""
    team.accounts.filter(kind="wallet").update(low_at=0)
    return team


@pytest.fixture
def limit(rich: Team, alice: Membership, provider_key: ProviderKey) -> SpendLimit:
    """A daily limit of the whole team: a default film takes half of it."""
    limit = cap(rich, window="day", credits=140, by=SYSTEM)
    assert limit is not None
    return limit
