"""Managers cap anything of their team, a member only themself, a viewer nothing."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.authority import By
from accounts.models import AuditEvent, Membership, Project
from accounts.roles import Role, role_allows
from billing.errors import SpendLimitExceeded
from billing.models import SpendLimit
from billing.services.alerts import set_alerts
from billing.services.limits import set_limit
from generations.limits.scopes.base import LimitTarget, Scope
from generations.limits.scopes.precedence import SCOPES
from generations.limits.service import cap, cap_own
from platform_site.errors import NotFound, PermissionDenied
from tests.factories import SYSTEM, make_api_key, make_member, make_provider_key
from tests.support.desk import Desk

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("balanced")]

TARGETS = ["team", "member", "api_key", "provider_key", "project"]


def try_cap(asker: Membership, target: LimitTarget, credits: int | None = 100) -> SpendLimit | None:
    return cap(target, window="day", credits=credits, by=By.member(asker))


@pytest.mark.parametrize("role", [Role.OWNER, Role.MANAGER])
@pytest.mark.parametrize("scope", TARGETS)
def test_who_manages_caps_anything_of_the_team(desk: Desk, scope: str, role: str) -> None:
    limit = try_cap(make_member(desk.team, role), desk.target(scope))
    assert limit is not None
    assert limit.subject_kind == scope
    assert AuditEvent.objects.filter(action="spend_limit.set").count() == 1


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
@pytest.mark.parametrize("scope", TARGETS)
def test_others_cap_nothing_but_themselves(desk: Desk, scope: str, role: str) -> None:
    with pytest.raises(PermissionDenied):
        try_cap(make_member(desk.team, role), desk.target(scope))
    assert not SpendLimit.objects.exists()


def test_a_viewer_caps_not_even_themself(desk: Desk) -> None:
    viewer = make_member(desk.team, Role.VIEWER)
    with pytest.raises(PermissionDenied):
        try_cap(viewer, viewer)
    with pytest.raises(PermissionDenied):
        cap_own(viewer, window="day", credits=100, by=By.member(viewer))


def test_nobody_in_the_team_sets_anothers_limit_for_themself(desk: Desk, alice: Membership) -> None:
    desk.cap("own", 70, "day")
    with pytest.raises(PermissionDenied):
        cap_own(desk.membership, window="day", credits=None, by=By.member(alice))
    assert SpendLimit.objects.get().credits == 70


def test_a_member_caps_not_even_their_own_api_key(desk: Desk) -> None:
    with pytest.raises(PermissionDenied):
        try_cap(desk.membership, make_api_key(desk.membership).key)


@pytest.mark.parametrize("role", Role.values)
def test_p32_a_target_of_another_team_does_not_exist(
    desk: Desk, charlie: Membership, role: str
) -> None:
    theirs: list[LimitTarget] = [
        charlie.team,
        charlie,
        make_api_key(charlie).key,
        make_provider_key(charlie.team, charlie.user),
        Project.objects.create(team=charlie.team, name="Launch", slug="launch"),
    ]
    asker = make_member(desk.team, role)
    for target in theirs:
        with pytest.raises(NotFound):
            try_cap(asker, target)
    assert not SpendLimit.objects.exists()


def test_somebody_in_two_teams_manages_only_where_they_manage(
    desk: Desk, charlie: Membership
) -> None:
    guest = make_member(desk.team, Role.MEMBER, user=charlie.user)
    with pytest.raises(PermissionDenied):
        try_cap(guest, desk.team)
    with pytest.raises(NotFound):
        try_cap(charlie, desk.team)


def test_a_members_own_limit_makes_less_of_the_managers(desk: Desk) -> None:
    desk.cap("member", 140, "day")
    desk.cap("own", 70, "day")
    desk.submit()
    with pytest.raises(SpendLimitExceeded) as caught:
        desk.submit()
    assert caught.value.details["limit"] == 70
    desk.cap("own", 100_000, "day")
    desk.submit()
    with pytest.raises(SpendLimitExceeded) as caught:
        desk.submit()
    assert caught.value.details["limit"] == 140


def test_a_member_lifts_their_own_limit_and_not_the_managers(desk: Desk) -> None:
    desk.cap("member", 70, "day")
    desk.cap("own", 70, "day")
    assert desk.cap("own", None, "day") is None
    limit = SpendLimit.objects.get()
    assert limit.subject_id == f"{desk.team.pk}:{desk.membership.user.pk}"


def test_a_manager_lifts_the_managers_limit_and_not_the_members_own(
    desk: Desk, alice: Membership
) -> None:
    desk.cap("member", 70, "day")
    desk.cap("own", 70, "day")
    assert try_cap(alice, desk.membership, None) is None
    assert SpendLimit.objects.get().subject_id.endswith(":own")


def test_who_leaves_and_comes_back_finds_the_limit_and_its_count(desk: Desk) -> None:
    cap(desk.membership, window="total", credits=100, by=SYSTEM)
    desk.submit(now=datetime.now(UTC))
    user = desk.membership.user
    desk.membership.delete()
    desk.membership = make_member(desk.team, user=user)
    with pytest.raises(SpendLimitExceeded):
        desk.submit(now=datetime.now(UTC))


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope.slug)
@pytest.mark.parametrize("role", Role.values)
def test_f17_billing_itself_knows_who_may_set_the_limits_of_each_scope(
    desk: Desk, scope: Scope[Any], role: str
) -> None:
    holder = scope.holder(desk.target("member" if scope.is_own else scope.slug))
    by = By.member(make_member(desk.team, role))
    steps: list[Callable[[], object]] = [
        lambda: set_limit(holder, window="day", credits=100, by=by),
        lambda: set_alerts(holder, window="day", percents=[10], by=by),
    ]
    for step in steps:
        if not scope.is_own and role_allows(role, scope.permission):
            step()
        else:
            with pytest.raises(PermissionDenied):
                step()
