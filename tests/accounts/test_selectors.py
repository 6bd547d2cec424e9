"""Reads about people and teams, filtered by what the asker may see."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.api_keys.service import delete_api_key
from accounts.models import Membership, Team, User
from accounts.roles import Permission
from accounts.selectors import (
    api_keys_for,
    membership_of,
    memberships_of,
    people_who_may,
    require,
    team_for,
)
from accounts.teams import enter_team
from platform_site.errors import NotFound, PermissionDenied
from tests.factories import SYSTEM, make_api_key, make_member, make_team, make_user

pytestmark = pytest.mark.django_db


def test_a_persons_team_is_found_by_its_slug_or_is_their_first(alice: Membership) -> None:
    second = make_member(make_team("Zoo"), "viewer", user=alice.user)
    assert team_for(alice.user, None) == alice
    assert team_for(alice.user, second.team.slug) == second
    assert list(memberships_of(alice.user)) == [alice, second]


def test_f17_a_person_is_in_the_team_they_entered_last(alice: Membership) -> None:
    second = make_member(make_team("Zoo"), "viewer", user=alice.user)
    now = timezone.now()
    enter_team(alice, now=now - timedelta(hours=1))
    enter_team(second, now=now)
    assert team_for(alice.user, None) == second
    assert team_for(alice.user, alice.team.slug) == alice
    assert list(memberships_of(alice.user)) == [alice, second], "the menu is by name"
    enter_team(second, now=now + timedelta(hours=1))
    second.refresh_from_db()
    assert second.last_entered_at == now, "it was the last one already"
    enter_team(alice, now=now + timedelta(hours=2))
    assert team_for(alice.user, None) == alice
    enter_team(second, now=now + timedelta(hours=3))
    second.delete()
    assert team_for(alice.user, None) == alice


def test_teams_of_one_name_keep_their_order(alice: Membership) -> None:
    twins = [make_member(make_team("Twins"), "viewer", user=alice.user) for _ in range(3)]
    assert list(memberships_of(alice.user).filter(team__name="Twins")) == twins


def test_p32_a_strangers_team_and_no_team_read_alike(
    alice: Membership, charlie: Membership
) -> None:
    words = set()
    for slug in (charlie.team.slug, "no-such-team"):
        with pytest.raises(NotFound) as caught:
            team_for(alice.user, slug)
        words.add((caught.value.status, caught.value.message))
    assert len(words) == 1


def test_somebody_without_a_team_has_none(team: Team) -> None:
    loner = make_user()
    assert membership_of(loner, team) is None
    with pytest.raises(NotFound):
        team_for(loner, None)
    with pytest.raises(PermissionDenied):
        require(None, Permission.VIEW)


def test_a_refusal_says_what_the_role_may_not(bob: Membership) -> None:
    said = (
        "^Your role, member, does not allow this. It takes permission to set spend limits. An admin"
    )
    with pytest.raises(PermissionDenied, match=said):
        require(bob, Permission.LIMITS)
    require(bob, Permission.SUBMIT)


def test_p34_those_who_may_are_named_owners_first_and_the_banned_left_out(
    alice: Membership, bob: Membership
) -> None:
    make_member(alice.team, "manager", email="abe@studio.example")
    gone = make_member(alice.team, "manager", email="zed@studio.example")
    User.objects.filter(pk=gone.user_id).update(is_active=False)
    assert people_who_may(alice.team, Permission.LIMITS) == ["alice", "abe"]
    assert people_who_may(alice.team, Permission.MEMBERS) == ["alice"]


def test_members_see_their_own_keys_and_managers_the_teams(
    alice: Membership, bob: Membership, charlie: Membership
) -> None:
    hers, his = make_api_key(alice).key, make_api_key(bob).key
    make_api_key(charlie)
    assert set(api_keys_for(alice)) == {hers, his}
    assert set(api_keys_for(bob)) == {his}
    delete_api_key(api_key=his, by=SYSTEM)
    assert set(api_keys_for(alice)) == {hers}
