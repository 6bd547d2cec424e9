"""A queued generation."""

from collections.abc import Iterator

import pytest

from accounts.models import Membership
from generations.models import Generation, ProviderKey
from generations.reports.audit import audit_site
from tests.factories import make_generation


@pytest.fixture
def job(alice: Membership, provider_key: ProviderKey) -> Iterator[Generation]:
    """A queued generation; afterwards the books must balance, whatever happened to it."""
    yield make_generation(alice)
    assert list(audit_site()) == []
