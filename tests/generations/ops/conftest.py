"""A key of which nothing is due."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Team
from billing.services.alerts import set_low_mark
from generations.models import ProviderKey
from tests.factories import SYSTEM, make_provider_key
from tests.support.meter import read_usage_at
from tests.support.vendor import Vendor


@pytest.fixture
def provider_key(team: Team, vendor: Vendor) -> ProviderKey:
    """A key whose meter was just read, of a team that is never told of a low wallet.

    So nothing is due but what a test makes due itself.
    """
    set_low_mark(team=team, credits=0, by=SYSTEM)
    key = make_provider_key(team)
    read_usage_at(timezone.now() + timedelta(hours=1))
    return key
