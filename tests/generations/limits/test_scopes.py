"""Subjects of limits in people's words, one by one and in bulk alike."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, Project
from billing.subjects import Subject
from generations.limits.scopes import Scope, scope_of, scopes_of
from generations.limits.subjects import (
    api_key_subject,
    member_subject,
    own_subject,
    project_subject,
    provider_key_subject,
    team_subject,
)
from generations.models import ProviderKey
from tests.factories import make_api_key, make_member, make_team

pytestmark = pytest.mark.django_db


def test_every_scope_has_its_team_its_name_and_whose_it_is(
    alice: Membership, provider_key: ProviderKey
) -> None:
    team, user, name = alice.team, alice.user, alice.user.get_full_name()
    key = make_api_key(alice).key
    project = Project.objects.create(team=team, name="Autumn", slug="autumn")
    expected = {
        team_subject(team): Scope(team, f"The team {team}", team),
        member_subject(team, user): Scope(team, name, alice, user),
        own_subject(team, user): Scope(team, f"{name} (own limit)", alice, user, is_own=True),
        api_key_subject(key): Scope(team, f"API key {key}", key, user),
        provider_key_subject(provider_key): Scope(
            team, f"Provider key {provider_key}", provider_key
        ),
        project_subject(project): Scope(team, "Project Autumn", project),
    }
    assert scopes_of(expected) == expected
    assert {subject: scope_of(subject) for subject in expected} == expected


def test_only_what_was_asked_for_is_answered(alice: Membership) -> None:
    own = own_subject(alice.team, alice.user)
    assert set(scopes_of([own])) == {own}


def test_who_left_a_team_keeps_a_name(alice: Membership, bob: Membership) -> None:
    subject = own_subject(bob.team, bob.user)
    bob.delete()
    name = f"{bob.user.get_full_name()} (own limit)"
    assert scope_of(subject) == Scope(bob.team, name, None, bob.user, is_own=True)


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("team", "999"),
        ("team", ""),
        ("team", "x"),
        ("member", "1"),
        ("member", "1:"),
        ("member", "1:x"),
        ("member", "999:999:own"),
        ("member", "1:1:mine"),
        ("api_key", "999"),
        ("provider_key", "-1"),
        ("project", "1.5"),
        ("planet", "1"),
    ],
)
def test_what_is_not_there_has_no_scope(kind: str, key: str, alice: Membership) -> None:
    assert scope_of(Subject(kind, key)) is None


def test_a_person_of_another_team_is_not_mixed_up(alice: Membership, bob: Membership) -> None:
    other = make_member(make_team("Other"), user=alice.user)
    wanted = [member_subject(alice.team, bob.user), member_subject(other.team, alice.user)]
    found = scopes_of(wanted)
    assert [found[one].row for one in wanted] == [bob, other]


def test_many_subjects_are_read_in_as_many_questions_as_few(alice: Membership) -> None:
    counts = []
    for size in (1, 5):
        people = [make_member(alice.team) for _ in range(size)]
        subjects = [member_subject(one.team, one.user) for one in people]
        subjects += [api_key_subject(make_api_key(one).key) for one in people]
        with CaptureQueriesContext(connection) as asked:
            assert len(scopes_of(subjects)) == 2 * size
        counts.append(len(asked))
    assert counts == [2, 2]
