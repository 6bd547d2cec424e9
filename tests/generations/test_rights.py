"""Every service asks for rights itself, in the team of the row that it is about to change.

`tests.support.services` has a line for each. They are called as every role, as a stranger, as
somebody whose account is disabled, as a manager elsewhere who only watches in that team, and by an
actor without rights.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

import pytest

import accounts
import billing
import generations
from accounts.api_keys.service import create_api_key, delete_api_key, set_enabled
from accounts.authority import By
from accounts.models import Membership
from accounts.roles import Role, role_allows
from generations.approvals.service import approve
from generations.ordering.submit import Submission, submit_batch
from generations.provider_keys.service import (
    add_provider_key,
    delete_provider_key,
    pause_provider_key,
)
from platform_site.errors import DailiesError, NotFound, PermissionDenied
from tests.factories import SYSTEM, make_member, make_request
from tests.support.belongings import Belongings, everything, make_belongings
from tests.support.services import OF_ONES_OWN, OWN_ACCOUNT, SERVICES, SITE, STEPS, now

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("vendor")]


@pytest.fixture
def theirs(vendor: object) -> Belongings:
    return make_belongings()


# They hand on whoever asks; what they call asks for rights.
DOORS = frozenset({"admin", "api", "management", "migrations", "portal", "public", "templatetags"})


def services() -> dict[str, Callable[..., object]]:
    """Return every public function outside the doors that takes a `By`."""
    return {
        f"{module.__name__}.{name}": what
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


def test_every_service_that_takes_an_actor_is_called_here() -> None:
    called = SERVICES.keys() | OF_ONES_OWN.keys() | SITE.keys() | OWN_ACCOUNT
    assert {one for one in services() if one.rpartition(".")[2] not in called} == STEPS


def test_no_service_is_told_beside_the_actor_whose_rights_count() -> None:
    """A second parameter with rights of its own would lend them to the actor."""
    about = {"target", "person"}  # whom a limit is for
    told = {
        (name, parameter.name)
        for name, what in services().items()
        for parameter in inspect.signature(what).parameters.values()
        if Membership in (parameter.annotation, *getattr(parameter.annotation, "__args__", ()))
    }
    assert {parameter for _, parameter in told} <= about, told


def refused(theirs: Belongings, by: By) -> set[str]:
    """Call every service on their rows; return those that found the rights lacking.

    Any other refusal comes after the rights were found.
    """
    found = set()
    for name, (_, call) in SERVICES.items():
        try:
            call(theirs, by)
        except (PermissionDenied, NotFound):
            found.add(name)
        except DailiesError:
            continue
    return found


def refused_everything(theirs: Belongings, by: By) -> bool:
    """Return whether every service on their rows is refused, and nothing changed by the attempt."""
    before = everything()
    return refused(theirs, by) == set(SERVICES) and everything() == before


@pytest.mark.parametrize("role", Role.values)
def test_each_role_may_what_its_permissions_say(role: str, theirs: Belongings) -> None:
    by = By.member(make_member(theirs.owner.team, role))
    lacking = {name for name, (need, _) in SERVICES.items() if not role_allows(role, need)}
    assert refused(theirs, by) == lacking


@pytest.mark.parametrize("role", Role.values)
def test_each_role_may_in_its_own_team_what_its_permissions_say(
    role: str, theirs: Belongings
) -> None:
    by = By.member(make_member(theirs.owner.team, role))
    for need, call in OF_ONES_OWN.values():
        if role_allows(role, need):
            call(by)
        else:
            with pytest.raises(PermissionDenied):
                call(by)


def test_administrators_and_the_site_may_all_that_is_not_one_persons(theirs: Belongings) -> None:
    # An upload is somebody's, and the page of budgets is a member's.
    assert refused(theirs, SYSTEM) == {"last_frame_as_upload", "ask_above", "set_budget"}


def test_f17_a_stranger_changes_nothing(theirs: Belongings) -> None:
    assert refused_everything(theirs, By.member(make_belongings("Home").owner))


def test_f17_a_manager_elsewhere_changes_nothing_of_a_team_they_only_watch(
    theirs: Belongings,
) -> None:
    manager = make_member(make_belongings("Home").owner.team, Role.OWNER)
    watching = make_member(theirs.owner.team, Role.VIEWER, user=manager.user)
    assert refused_everything(theirs, By.member(manager))
    assert refused_everything(theirs, By.member(watching))
    for need, call in OF_ONES_OWN.values():
        call(By.member(manager))
        if not role_allows(Role.VIEWER, need):
            with pytest.raises(PermissionDenied):
                call(By.member(watching))


@pytest.mark.parametrize("role", Role.values)
def test_f17_who_is_disabled_may_nothing(role: str, theirs: Belongings) -> None:
    member = make_member(theirs.owner.team, role)
    member.user.is_active = False
    member.user.save()
    by = By.member(member)
    assert refused_everything(theirs, by)
    before = everything()
    for _, call in OF_ONES_OWN.values():
        with pytest.raises(PermissionDenied):
            call(by)
    assert everything() == before


@pytest.mark.parametrize("name", SITE)
def test_f17_what_is_the_sites_is_refused_to_every_role(name: str, theirs: Belongings) -> None:
    before = everything()
    with pytest.raises(PermissionDenied):
        SITE[name](theirs, By.member(theirs.owner))
    assert everything() == before


@pytest.mark.parametrize("name", SITE)
def test_f17_who_belongs_to_no_team_may_nothing_of_the_sites(name: str, theirs: Belongings) -> None:
    with pytest.raises(PermissionDenied):
        SITE[name](theirs, By.person(theirs.owner.user))


def test_f17_an_actor_without_rights_may_nothing(theirs: Belongings) -> None:
    by = By.provider("callback")
    assert refused_everything(theirs, by)
    for _, call in OF_ONES_OWN.values():
        with pytest.raises(PermissionDenied):
            call(by)


@pytest.mark.parametrize(
    ("named", "row"),
    [("project",) * 2, ("api_key",) * 2, ("remix_of", "kept"), ("retry_of", "kept")],
)
def test_f17_an_order_names_only_rows_of_the_team_that_pays(
    named: str, row: str, theirs: Belongings
) -> None:
    member = make_belongings("Home").owner
    rows: dict[str, Any] = {named: getattr(theirs, row)}
    order = Submission(make_request(member.team), **rows)
    before = everything()
    with pytest.raises(NotFound):
        submit_batch([order], by=By.member(member), now=now())
    assert everything() == before


def test_people_look_after_what_is_their_own(theirs: Belongings) -> None:
    member = make_member(theirs.owner.team, Role.MEMBER)
    by = By.member(member)
    own, _ = create_api_key(team=member.team, owner=member.user, label="Mine", by=by)
    set_enabled(api_key=own, enabled=False, by=by)
    delete_api_key(api_key=own, by=by)
    key: dict[str, Any] = {"team": member.team, "owner": member.user, "label": ""}
    others = [By.member(one) for one in (theirs.owner, make_member(member.team, Role.MANAGER))]
    for other in others:
        with pytest.raises(PermissionDenied):
            add_provider_key(**key, secret="sk-sandbox-not-mine", by=other)
    vaulted = add_provider_key(**key, secret="sk-sandbox-mine-alone", by=by)
    for other in others:
        with pytest.raises(PermissionDenied):
            pause_provider_key(vaulted, reason="Mine?", by=other)
    pause_provider_key(vaulted, reason="Holiday", by=by)
    delete_provider_key(vaulted, by=by)


def test_the_books_name_whoever_decided(theirs: Belongings) -> None:
    approve(theirs.waiting, by=By.member(theirs.owner), now=now())
    theirs.waiting.approval.refresh_from_db()
    assert theirs.waiting.approval.decided_by == f"user:{theirs.owner.user_id}"
