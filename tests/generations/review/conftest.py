"""What a person decides about."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import Membership
from generations.lifecycle import ReviewReason
from generations.models import Generation
from generations.vendors import TaskStatus
from tests.factories import make_generation
from tests.support.desk import Desk, hear, send
from tests.support.reviewing import Lose
from tests.support.submits import submit
from tests.support.vendor import CREATE, Vendor, drop
from tests.support.working import CHEAP


@pytest.fixture
def doubtful(desk: Desk) -> Generation:
    """A generation of 70 credits that the vendor has, and has not finished by its deadline."""
    desk.cap("team", 1_000, "day")
    sent = send(desk.submit(), now=datetime.now(UTC) - timedelta(hours=3))
    return hear(sent, TaskStatus.PROCESSING)


@pytest.fixture
def lose(alice: Membership, vendor: Vendor) -> Lose:
    """Make generations of 12 credits that the vendor accepted while its reply was lost."""

    def make() -> Generation:
        job = make_generation(alice, **CHEAP)
        vendor.next(CREATE, vendor.accepts_then(drop))
        submit(job)
        job.refresh_from_db()
        assert job.review_reason == ReviewReason.SUBMIT_UNKNOWN
        return job

    return make
