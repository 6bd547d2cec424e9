"""Every service asks for rights itself, in the team of the row that it is about to change.

`tests.support.services` has a line for each. It is called on somebody else's rows as every role, as
a manager elsewhere who only watches in that team, and by an actor without rights.
"""

import importlib
import inspect
import pkgutil
from typing import Any

import pytest

import accounts
import billing
import generations
from accounts.api_keys.service import create_api_key, delete_api_key, set_enabled
from accounts.authority import By
from accounts.models import Membership
from accounts.roles import Role, role_allows
from generations.approvals.service import approve, deny
from generations.ordering.submit import Order, submit_batch
from generations.provider_keys.service import (
    add_provider_key,
    delete_provider_key,
    pause_provider_key,
)
from platform_site.errors import DailiesError, NotFound, PermissionDenied
from tests.factories import make_member, make_request, make_team
from tests.support.belongings import Belongings, everything, make_belongings
from tests.support.services import IN_OWN_TEAM, OWN_ACCOUNT, SERVICES, SITE, STEPS, Who, now

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("vendor")]


@pytest.fixture
def theirs(vendor: object) -> Belongings:
    return make_belongings()


# They hand on whoever asks; what they call asks for rights.
DOORS = frozenset({"admin", "api", "management", "migrations", "portal", "public", "templatetags"})


def test_every_service_that_takes_an_actor_is_called_here() -> None:
    found = {
        f"{module.__name__}.{name}"
        for package in (accounts, billing, generations)
        for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if DOORS.isdisjoint(one.name.split("."))
        for module in [importlib.import_module(one.name)]
        for name, what in vars(module).items()
        if inspect.isfunction(what)
        and what.__module__ == module.__name__
        and not name.startswith("_")
        and any(one.annotation is By for one in inspect.signature(what).parameters.values())
    }
    called = SERVICES.keys() | IN_OWN_TEAM.keys() | SITE.keys() | OWN_ACCOUNT
    assert {one for one in found if one.rpartition(".")[2] not in called} == STEPS


def at_the_door(membership: Membership) -> Who:
    """Return a person as the portal and the API hand them to services."""
    return Who(membership, By.member(membership))


def refused(theirs: Belongings, who: Who) -> set[str]:
    """Call every service on their rows; return those that found the rights lacking.

    Any other refusal comes after the rights were found.
    """
    found = set()
    for name, (_, call) in SERVICES.items():
        try:
            call(theirs, who)
        except (PermissionDenied, NotFound):
            found.add(name)
        except DailiesError:
            continue
    return found


@pytest.mark.parametrize("role", Role.values)
def test_each_role_may_what_its_permissions_say(role: str, theirs: Belongings) -> None:
    who = at_the_door(make_member(theirs.owner.team, role))
    lacking = {name for name, (need, _) in SERVICES.items() if not role_allows(role, need)}
    assert refused(theirs, who) == lacking


@pytest.mark.parametrize("role", Role.values)
def test_each_role_may_in_its_own_team_what_its_permissions_say(
    role: str, theirs: Belongings
) -> None:
    who = at_the_door(make_member(theirs.owner.team, role))
    for need, call in IN_OWN_TEAM.values():
        if role_allows(role, need):
            call(who)
        else:
            with pytest.raises(PermissionDenied):
                call(who)


def test_f17_a_manager_elsewhere_changes_nothing_of_a_team_they_only_watch(
    theirs: Belongings,
) -> None:
    manager = make_member(make_belongings("Home").owner.team, Role.OWNER)
    watching = make_member(theirs.owner.team, Role.VIEWER, user=manager.user)
    before = everything()
    assert refused(theirs, at_the_door(manager)) == set(SERVICES)
    assert refused(theirs, at_the_door(watching)) == set(SERVICES)
    assert everything() == before


@pytest.mark.parametrize("name", SITE)
def test_f17_what_is_the_sites_is_refused_to_every_role(name: str, theirs: Belongings) -> None:
    before = everything()
    with pytest.raises(PermissionDenied):
        SITE[name](theirs, By.member(theirs.owner))
    assert everything() == before


def test_f17_a_decider_lends_nobody_their_rights(theirs: Belongings) -> None:
    viewer = By.member(make_member(theirs.owner.team, Role.VIEWER))
    before = everything()
    for decide in (approve, deny):
        with pytest.raises(PermissionDenied):
            decide(theirs.waiting, decider=theirs.owner, by=viewer, now=now())
    assert everything() == before


def test_f17_an_actor_without_rights_may_nothing(theirs: Belongings) -> None:
    stranger = make_member(make_team("Far away"), Role.OWNER)
    before = everything()
    assert refused(theirs, Who(stranger, By("vendor:callback"))) == set(SERVICES)
    assert everything() == before


@pytest.mark.parametrize(
    ("named", "row"),
    [("project",) * 2, ("api_key",) * 2, ("remix_of", "kept"), ("retry_of", "kept")],
)
def test_f17_an_order_names_only_rows_of_the_team_that_pays(
    named: str, row: str, theirs: Belongings
) -> None:
    who = at_the_door(make_belongings("Home").owner)
    rows: dict[str, Any] = {named: getattr(theirs, row)}
    order = Order(make_request(who.membership.team), **rows)
    before = everything()
    with pytest.raises(NotFound):
        submit_batch([order], membership=who.membership, by=who.by, now=now())
    assert everything() == before


def test_people_look_after_what_is_their_own(theirs: Belongings) -> None:
    who = at_the_door(make_member(theirs.owner.team, Role.MEMBER))
    own, _ = create_api_key(
        team=theirs.owner.team, owner=who.membership.user, label="Mine", by=who.by
    )
    set_enabled(api_key=own, enabled=False, by=who.by)
    delete_api_key(api_key=own, by=who.by)
    vaulted = add_provider_key(
        membership=who.membership,
        secret="sk-sandbox-mine-alone",
        label="",
        shared=False,
        by=who.by,
    )
    for stranger in (theirs.owner, make_member(theirs.owner.team, Role.MANAGER)):
        with pytest.raises(PermissionDenied):
            pause_provider_key(vaulted, reason="Mine?", by=By.member(stranger))
    pause_provider_key(vaulted, reason="Holiday", by=who.by)
    delete_provider_key(vaulted, by=who.by)
