"""What the vendor works on."""

import pytest

from accounts.models import Membership
from generations.models import Generation
from tests.support.vendor import Vendor
from tests.support.working import working


@pytest.fixture
def job(alice: Membership, vendor: Vendor) -> Generation:
    """A generation that the vendor works on."""
    return working(alice, vendor)
