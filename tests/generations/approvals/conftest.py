"""What waits for an approval."""

import pytest

from generations.approvals.service import set_threshold
from generations.models import Generation
from tests.factories import SYSTEM
from tests.support.desk import Desk


@pytest.fixture
def waiting(desk: Desk) -> Generation:
    """A generation of 70 credits that waits, because anything above 50 does."""
    set_threshold(team=desk.team, above=50, by=SYSTEM)
    return desk.submit()
