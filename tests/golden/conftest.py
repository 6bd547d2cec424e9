"""A team whose names and times are the same in every run."""

from collections.abc import Iterator

import pytest
import time_machine

from accounts.models import Membership, Team
from accounts.roles import Role
from accounts.teams.service import create_team
from tests.factories import SYSTEM, fund, make_member, make_user
from tests.support.desk import NOON


@pytest.fixture(autouse=True)
def noon() -> Iterator[time_machine.Traveller]:
    """Stop the clock on a Wednesday at noon, UTC."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def team(db: None) -> Team:
    """A team with 1,000 credits, a fixed slug, and a wallet that is never low."""
    team = create_team(name="Studio", slug="studio", by=SYSTEM)
    fund(team, 1000)
    team.accounts.filter(kind="wallet").update(low_at=0)
    return team


@pytest.fixture
def alice(team: Team) -> Membership:
    """The team's owner, with a name."""
    user = make_user("alice@studio.example", name="Alice Archer")
    return make_member(team, Role.OWNER, user=user)


@pytest.fixture
def bob(team: Team) -> Membership:
    """A member of Alice's team, with a name."""
    return make_member(team, user=make_user("bob@studio.example", name="Bob Baker"))
