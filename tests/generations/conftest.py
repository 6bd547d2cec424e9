"""What every test about budgets may ask for: a desk, a stopped clock, and an audit at the end."""

from collections.abc import Iterator

import pytest
import time_machine

from accounts.models import Membership, Project, Team
from generations.models import ProviderKey
from generations.reports.audit import audit_site
from tests.factories import make_api_key
from tests.support.desk import NOON, Desk


@pytest.fixture
def desk(team: Team, bob: Membership, provider_key: ProviderKey) -> Desk:
    """Bob with an API key, in a project, on the team's shared provider key; 1,000 credits."""
    return Desk(
        team=team,
        membership=bob,
        api_key=make_api_key(bob).key,
        provider_key=provider_key,
        project=Project.objects.create(team=team, name="Launch", slug="launch"),
    )


@pytest.fixture
def noon() -> Iterator[time_machine.Traveller]:
    """Stop the clock on a Wednesday at noon, UTC."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def balanced(request: pytest.FixtureRequest) -> Iterator[None]:
    """Demand afterwards that the books balance, whatever the test did to them."""
    request.getfixturevalue("_django_db_helper")
    yield
    assert list(audit_site()) == []
