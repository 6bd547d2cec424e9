"""The one table of who may do what."""

import itertools

import pytest

from accounts.roles import PERMISSIONS, Permission, Role, role_allows

TABLE = {
    Permission.VIEW: "owner manager member viewer",
    Permission.SUBMIT: "owner manager member",
    Permission.OWN_KEYS: "owner manager member",
    Permission.TEAM_KEYS: "owner manager",
    Permission.LIMITS: "owner manager",
    Permission.APPROVE: "owner manager",
    Permission.FILMS: "owner manager",
    Permission.MEMBERS: "owner",
}


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("role", Role.values)
def test_the_table_is_this_one(role: str, permission: Permission) -> None:
    assert role_allows(role, permission) == (role in TABLE[permission].split())


@pytest.mark.parametrize("role", ["", "admin", "Owner", "superuser"])
@pytest.mark.parametrize("permission", Permission)
def test_an_unknown_role_may_nothing(role: str, permission: Permission) -> None:
    assert not role_allows(role, permission)


def test_each_role_may_all_that_the_next_may() -> None:
    order = [Role.VIEWER, Role.MEMBER, Role.MANAGER, Role.OWNER]
    for lesser, greater in itertools.pairwise(order):
        assert PERMISSIONS[lesser] < PERMISSIONS[greater]
