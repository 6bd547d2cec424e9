"""The vendor's meter, samples of it, and generations in doubt."""

import pytest

from generations.models import ProviderKey
from tests.support.meter import Clock, Meter
from tests.support.vendor import CREDITS, Vendor


@pytest.fixture
def meter(vendor: Vendor) -> Meter:
    """The vendor's meter; a refund lowers what it says was consumed."""
    meter = Meter()
    vendor.always(CREDITS, meter)
    return meter


@pytest.fixture
def clock(provider_key: ProviderKey, meter: Meter) -> Clock:
    """Samples the team's key, of which one was taken ten minutes ago."""
    clock = Clock(provider_key)
    assert clock.sample(-10).is_baseline
    return clock
