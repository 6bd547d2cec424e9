"""The registry of spend scopes: one table of what each says of itself, and how they are found."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.authority import By
from accounts.models import Membership, User
from accounts.roles import Permission, Role
from billing.errors import SpendLimitExceeded
from billing.subjects import Subject
from generations.limits.budgets import set_budget
from generations.limits.scopes.api_key import API_KEY
from generations.limits.scopes.base import Capped, Scope
from generations.limits.scopes.member import MEMBER
from generations.limits.scopes.own import OWN
from generations.limits.scopes.precedence import SCOPES
from generations.limits.scopes.registry import (
    SHOWN_SCOPES,
    capped_by,
    capped_by_each,
    chosen_target,
    scope_called,
    scope_for,
    scope_under,
    subjects_of,
)
from generations.models import Generation
from generations.portal.studio.refusals import refusal_of
from platform_site.errors import InvalidRequest, NotFound, PermissionDenied
from tests.factories import (
    make_api_key,
    make_generation,
    make_member,
    make_provider_key,
    make_team,
)
from tests.support.desk import Desk

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Row:
    """What is expected of a scope at Bob's desk, in the team that Alice owns."""

    subject: Callable[[Desk], tuple[str, object]]
    name: Callable[[Desk], str]
    refused: str
    value: Callable[[Desk], str]
    admin: dict[str, Callable[[Desk], object]]
    option: Callable[[Desk], str] | None = None
    is_bobs: bool = False
    heard_by: list[str] = field(default_factory=lambda: ["managers"])
    raised_by: str = "alice"
    caps: tuple[str, ...] = (Role.OWNER, Role.MANAGER)
    counts_alice: bool = False


def _person(desk: Desk) -> str:
    return f"{desk.team.pk}:{desk.membership.user_id}"


_TEAM_AND_PERSON: dict[str, Callable[[Desk], object]] = {
    "team": lambda desk: desk.team,
    "person": lambda desk: desk.membership.user,
}

# In the one order in which limits are asked.
TABLE = {
    "api_key": Row(
        subject=lambda desk: ("api_key", desk.api_key.pk),
        name=lambda desk: f"API key Test key (…{desk.api_key.last4})",
        refused="the API key’s limit",
        value=lambda desk: f"api_key:{desk.api_key.pk}",
        admin={"api_key": lambda desk: desk.api_key},
        option=lambda desk: desk.api_key.label,
        is_bobs=True,
        heard_by=["managers", "bob"],
    ),
    "provider_key": Row(
        subject=lambda desk: ("provider_key", desk.provider_key.pk),
        name=lambda desk: f"Provider key {desk.provider_key}",
        refused="the provider key’s limit",
        value=lambda desk: f"provider_key:{desk.provider_key.pk}",
        admin={"provider_key": lambda desk: desk.provider_key},
        option=lambda desk: desk.provider_key.last4,
    ),
    "project": Row(
        subject=lambda desk: ("project", desk.project.pk),
        name=lambda _: "Project Launch",
        refused="the project’s limit",
        value=lambda desk: f"project:{desk.project.pk}",
        admin={"project": lambda desk: desk.project},
        option=lambda _: "launch",
    ),
    "own": Row(
        subject=lambda desk: ("member", f"{_person(desk)}:own"),
        name=lambda _: "bob (personal limit)",
        refused="the limit you set for yourself",
        value=lambda _: "own",
        admin=_TEAM_AND_PERSON,
        is_bobs=True,
        heard_by=["bob"],
        raised_by="bob",
        caps=(Role.OWNER, Role.MANAGER, Role.MEMBER),
    ),
    "member": Row(
        subject=lambda desk: ("member", _person(desk)),
        name=lambda _: "bob",
        refused="your own limit in this team",
        value=lambda desk: f"member:{desk.membership.pk}",
        admin=_TEAM_AND_PERSON,
        option=lambda _: "BOB@studio.example",
        is_bobs=True,
        heard_by=["managers", "bob"],
    ),
    "team": Row(
        subject=lambda desk: ("team", desk.team.pk),
        name=lambda _: "The team Studio",
        refused="the team’s limit",
        value=lambda _: "team",
        admin={"team": lambda desk: desk.team},
        counts_alice=True,
    ),
}


@pytest.fixture(params=SCOPES, ids=lambda scope: scope.slug)
def scope(request: pytest.FixtureRequest) -> Scope[Any]:
    """Every scope there is."""
    found: Scope[Any] = request.param
    return found


@pytest.fixture
def row(scope: Scope[Any]) -> Row:
    """What the table says of it."""
    return TABLE[scope.slug]


@pytest.fixture
def target(scope: Scope[Any], desk: Desk) -> Any:
    """Bob's own, or what it is at his desk."""
    return desk.target(scope.slug)


@pytest.fixture
def subject(row: Row, desk: Desk) -> Subject:
    """What it counts under there."""
    kind, number = row.subject(desk)
    return Subject(kind, str(number))


def test_p01_limits_are_asked_in_one_order_narrowest_first(desk: Desk) -> None:
    assert [scope.slug for scope in SCOPES] == list(TABLE)
    generation = Generation.objects.get(pk=desk.submit().pk)
    with CaptureQueriesContext(connection) as asked:
        subjects = subjects_of(generation)
    assert subjects == [scope.subject(desk.target(scope.slug)) for scope in SCOPES]
    assert len(asked) == 0


def test_every_scope_is_shown() -> None:
    assert sorted(scope.slug for scope in SHOWN_SCOPES) == sorted(TABLE)


def test_a_generation_counts_only_where_it_has_something(desk: Desk) -> None:
    generation = make_generation(desk.membership)
    found = [one.slug for one in SCOPES if one.counts(generation) is not None]
    assert found == ["provider_key", "own", "member", "team"]


def test_a_subject_is_known_by_its_scope(
    scope: Scope[Any], subject: Subject, target: Any, desk: Desk
) -> None:
    assert scope.subject(target) == subject
    assert scope.kind == subject.kind
    assert scope_under(desk.submit(), subject) is scope
    assert scope_called(scope.slug) is scope


def test_a_subject_has_a_name_and_is_somebodys(
    scope: Scope[Any], row: Row, subject: Subject, target: Any, desk: Desk
) -> None:
    owner = desk.membership.user if row.is_bobs else None
    expected = Capped(scope, subject, desk.team, row.name(desk), target, owner)
    assert capped_by(subject) == expected
    everything = [one.subject(desk.target(one.slug)) for one in SCOPES]
    assert capped_by_each(everything)[subject] == expected


@pytest.mark.parametrize("role", Role.values)
def test_who_may_cap_may_do_so_on_the_page_and_nobody_else(
    scope: Scope[Any], row: Row, target: Any, desk: Desk, role: str
) -> None:
    asker = make_member(desk.team, role)
    capped, by = None if scope.is_own else target, By.member(asker)
    assert scope.may_cap(asker, asker if scope.is_own else target) == (role in row.caps)
    if role in row.caps:
        limit = set_budget(capped, window="day", credits=9, by=by)
        assert limit is not None
        assert limit.subject_kind == scope.kind
    else:
        with pytest.raises(PermissionDenied):
            set_budget(capped, window="day", credits=9, by=by)


def test_nobody_sets_somebody_elses_own_limit(alice: Membership, bob: Membership) -> None:
    assert not OWN.may_cap(alice, bob)


def test_managers_cap_each_thing_in_its_scope(scope: Scope[Any], target: Any) -> None:
    # A person is a member to managers: the other limit is theirs alone.
    assert scope_for(target) is (MEMBER if scope is OWN else scope)


def test_a_fresh_limit_counts_the_holds_of_its_scope(
    scope: Scope[Any], row: Row, target: Any, desk: Desk, alice: Membership
) -> None:
    mine = desk.submit()
    make_provider_key(desk.team, alice.user)
    theirs = make_generation(alice)
    expected = {mine.hold, theirs.hold} if row.counts_alice else {mine.hold}
    assert set(scope.earlier(target)) == expected


def test_a_refusal_names_the_limit_and_who_may_raise_it(
    scope: Scope[Any], row: Row, desk: Desk, alice: Membership
) -> None:
    desk.cap(scope.slug, 0)
    with pytest.raises(SpendLimitExceeded) as caught:
        desk.submit()
    refusal = refusal_of(caught.value)
    assert refusal is not None
    assert (refusal.scope_word, refusal.raised_by) == (row.refused, [row.raised_by])
    assert refusal.is_own == scope.is_own


def test_a_refusal_by_an_unknown_limit_still_has_words() -> None:
    details = {"scope": "far_planet", "window": "day", "limit": 1, "spent": 0, "held": 0}
    refusal = refusal_of(SpendLimitExceeded("No.", details=details | {"needed": 2}))
    assert refusal is not None
    assert (refusal.scope_word, refusal.is_own) == ("far planet", False)


def test_who_may_raise_a_limit_and_whose_it_is_hear_of_it(
    row: Row, subject: Subject, desk: Desk, alice: Membership
) -> None:
    capped = capped_by(subject)
    assert capped is not None
    people: dict[str, Permission | User] = {
        "managers": Permission.LIMITS,
        "bob": desk.membership.user,
    }
    assert capped.scope.audience(capped) == [people[who] for who in row.heard_by]
    assert capped.scope.raised_by(capped.team, capped.owner) == [row.raised_by]


def test_a_managers_own_things_are_told_to_the_managers_once(
    alice: Membership, provider_key: object
) -> None:
    for subject in (MEMBER.subject(alice), API_KEY.subject(make_api_key(alice).key)):
        capped = capped_by(subject)
        assert capped is not None
        assert capped.scope.audience(capped) == [Permission.LIMITS]


def test_a_command_finds_what_its_option_names(
    scope: Scope[Any], row: Row, target: Any, desk: Desk
) -> None:
    assert bool(scope.argument) == (row.option is not None)
    text = row.option(desk) if row.option else "anything"
    assert list(scope.named(desk.team, text)) == ([target] if row.option else [])
    assert list(scope.named(make_team("Other"), text)) == []


def test_a_form_names_it_and_finds_it_again(
    scope: Scope[Any], row: Row, target: Any, desk: Desk, charlie: Membership
) -> None:
    asker, value = desk.membership, row.value(desk)
    assert scope.value(target) == value
    assert chosen_target(asker, value) == (scope, target)
    for wrong in (f"{value}:", f"{value}1x", f"0{value}", f"{scope.slug}:0", f"{scope.slug}:x"):
        with pytest.raises(NotFound):
            chosen_target(asker, wrong)
    if ":" in value:
        with pytest.raises(NotFound):
            chosen_target(charlie, value)


def test_the_page_shows_it_with_its_subject(
    scope: Scope[Any], row: Row, subject: Subject, desk: Desk, alice: Membership
) -> None:
    for asker in (alice, desk.membership):
        choices = [one for one in scope.choices(asker) if one.subject == subject]
        assert [one.scope for one in choices] == [scope]
        assert choices[0].value == row.value(desk)
        assert choices[0].may_cap == (asker == desk.membership if scope is OWN else asker == alice)


def test_the_admins_fields_name_it(
    scope: Scope[Any], row: Row, target: Any, desk: Desk, charlie: Membership
) -> None:
    typed = {name: find(desk) for name, find in row.admin.items()}
    assert [one.name for one in scope.admin_fields] == list(typed)
    assert scope.from_admin(typed) == target
    if "person" in typed:
        with pytest.raises(InvalidRequest) as caught:
            scope.from_admin(typed | {"person": charlie.user})
        assert caught.value.field == "person"


def test_only_what_was_asked_for_is_answered(alice: Membership) -> None:
    own = OWN.subject(alice)
    assert set(capped_by_each([own])) == {own}


def test_who_left_a_team_keeps_a_name(alice: Membership, bob: Membership) -> None:
    subject = OWN.subject(bob)
    bob.delete()
    name = f"{bob.user.get_full_name()} (personal limit)"
    assert capped_by(subject) == Capped(OWN, subject, bob.team, name, None, bob.user)


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
    assert capped_by(Subject(kind, key)) is None


def test_a_person_of_another_team_is_not_mixed_up(alice: Membership, bob: Membership) -> None:
    other = make_member(make_team("Other"), user=alice.user)
    wanted = [MEMBER.subject(bob), MEMBER.subject(other)]
    found = capped_by_each(wanted)
    assert [found[one].target for one in wanted] == [bob, other]


def test_many_subjects_are_read_in_as_many_questions_as_few(alice: Membership) -> None:
    counts = []
    for size in (1, 5):
        people = [make_member(alice.team) for _ in range(size)]
        subjects = [MEMBER.subject(one) for one in people]
        subjects += [OWN.subject(one) for one in people]
        subjects += [API_KEY.subject(make_api_key(one).key) for one in people]
        with CaptureQueriesContext(connection) as asked:
            assert len(capped_by_each(subjects)) == 3 * size
        counts.append(len(asked))
    assert counts == [2, 2]
