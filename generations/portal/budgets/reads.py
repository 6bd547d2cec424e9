"""Reads of the budgets' page: whose limits a person sees, how full, and whom they may cap."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q, QuerySet

from accounts.models import ApiKey, Membership, Project, Team
from accounts.roles import Permission, role_allows
from accounts.selectors import api_keys_for
from billing.models import SpendLimit
from billing.selectors import LimitUse, uses_of
from billing.subjects import Subject
from billing.windows import Window
from generations.limits import service
from generations.limits.scopes import subject_of
from generations.limits.subjects import own_subject
from generations.models import ApprovalThreshold, ProviderKey
from generations.selectors import provider_keys_for
from platform_site.errors import NotFound

OWN = "own"  # how a form says "myself", beside what managers allow

_TITLES = {
    "team": "The team",
    OWN: "Set by people themselves",
    "member": "Members",
    "project": "Projects",
    "api_key": "API keys",
    "provider_key": "Provider keys",
}
_WORDS = {
    "team": "Everything that {team} spends, by whomever.",
    OWN: "Beside what managers allow. Whoever set it can raise it again.",
    "member": "What one person spends in this team, in the studio and by API keys alike.",
    "project": "What is ordered for one project.",
    "api_key": "What one of our keys orders.",
    "provider_key": "What goes out with one of the vendor’s keys.",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Something that limits may be set for, as a form names it and as people call it."""

    kind: str
    value: str
    name: str
    subject: Subject
    may_cap: bool


@dataclass(frozen=True, slots=True)
class Holder:
    """A place with its limits, shortest window first."""

    place: Place
    uses: list[LimitUse]


@dataclass(slots=True)
class Group:
    """All places of one kind; `free` counts those without a limit."""

    kind: str
    title: str
    words: str
    holders: list[Holder] = field(default_factory=list)
    free: int = 0


def places_for(membership: Membership) -> list[Place]:
    """Return whose limits the person sees: managers everybody's, others what they spend under."""
    is_manager = role_allows(membership.role, Permission.LIMITS)
    return list(_places(membership, is_manager=is_manager))


def groups_for(membership: Membership, places: list[Place], *, now: datetime) -> list[Group]:
    """Return the limits of all places, in two queries."""
    order = list(Window.values)
    limits = sorted(_limits_of(places), key=lambda one: order.index(one.window))
    uses: dict[Subject, list[LimitUse]] = {}
    for use in uses_of(limits, now=now):
        uses.setdefault(subject_of(use.limit), []).append(use)
    groups = {
        kind: Group(kind, title, _WORDS[kind].format(team=membership.team.name))
        for kind, title in _TITLES.items()
    }
    for place in places:
        group = groups[place.kind]
        if place.subject in uses:
            group.holders.append(Holder(place, uses[place.subject]))
        else:
            group.free += 1
    seen = {place.kind for place in places}
    return [group for kind, group in groups.items() if kind in seen]


def choices_of(places: list[Place]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the places that the person may cap, grouped for a select."""
    found: dict[str, list[tuple[str, str]]] = {}
    for place in places:
        if place.may_cap:
            found.setdefault(_TITLES[place.kind], []).append((place.value, place.name))
    return list(found.items())


def target_named(membership: Membership, value: str) -> service.Target | None:
    """Return what a form names within the team; None stands for oneself.

    Raises `NotFound` alike for unknown things and strangers'.
    """
    kind, _, number = value.partition(":")
    if value == OWN:
        return None
    if value == "team":
        return membership.team
    rows: dict[str, QuerySet[Membership] | QuerySet[ApiKey] | QuerySet[ProviderKey]] = {
        "member": Membership.objects.filter(team=membership.team).select_related("team", "user"),
        "api_key": ApiKey.objects.filter(team=membership.team, deleted_at=None),
        "provider_key": _live_provider_keys(membership.team),
    }
    if kind == "project" and number.isdecimal():
        project = Project.objects.filter(team=membership.team, pk=number).first()
        if project is not None:
            return project
    row = rows[kind].filter(pk=number).first() if kind in rows and number.isdecimal() else None
    if row is None:
        raise NotFound
    return row


@dataclass(frozen=True, slots=True)
class Rule:
    """An approval threshold as the page shows it."""

    threshold: ApprovalThreshold
    value: str
    name: str


def rules_for(membership: Membership) -> list[Rule]:
    """Return the thresholds that the person sees: managers all, others those over themselves."""
    rules = ApprovalThreshold.objects.filter(team=membership.team).select_related("user", "project")
    if not role_allows(membership.role, Permission.LIMITS):
        rules = rules.filter(Q(user=None) | Q(user=membership.user))
    members = {one.user_id: one.pk for one in Membership.objects.filter(team=membership.team)}
    found = []
    for one in rules.order_by("user_id", "project_id"):
        if one.project is not None:
            if one.project.archived_at is None:
                found.append(Rule(one, f"project:{one.project.pk}", f"Project {one.project}"))
        elif one.user is not None:
            if one.user_id in members:
                value = f"member:{members[one.user.pk]}"
                found.append(Rule(one, value, one.user.get_full_name()))
        else:
            found.append(Rule(one, "team", f"Everybody in {membership.team.name}"))
    order = {"team": 0, "project": 1, "member": 2}
    return sorted(found, key=lambda rule: (order[rule.value.partition(":")[0]], rule.name))


def _places(membership: Membership, *, is_manager: bool) -> Iterator[Place]:
    team, user = membership.team, membership.user
    yield _place("team", "team", team.name, team, is_manager)
    spends = role_allows(membership.role, Permission.SUBMIT)
    members = Membership.objects.filter(team=team).select_related("team", "user")
    members = members.order_by("user__name", "user__email")
    if not is_manager:
        members = members.filter(pk=membership.pk)
    if spends:
        for one in members:
            name = "Yourself" if one.pk == membership.pk else one.user.get_full_name()
            mine = own_subject(one.team, one.user)
            yield Place(OWN, OWN, name, mine, may_cap=one.pk == membership.pk)
        for one in members:
            name = one.user.get_full_name()
            name = f"{name} (you)" if one.user_id == user.pk else name
            yield _place("member", f"member:{one.pk}", name, one, is_manager)
    for project in Project.objects.filter(team=team, archived_at=None):
        yield _place("project", f"project:{project.pk}", project.name, project, is_manager)
    if spends:
        for api_key in api_keys_for(membership):
            yield _place("api_key", f"api_key:{api_key.pk}", str(api_key), api_key, is_manager)
        keys = _live_provider_keys(team) if is_manager else provider_keys_for(membership)
        for key in keys.select_related("owner"):
            whose = f", {key.owner.get_full_name()}’s" if key.owner else ", the team’s"
            value = f"provider_key:{key.pk}"
            yield _place("provider_key", value, f"{key}{whose}", key, is_manager)


def _place(kind: str, value: str, name: str, target: service.Target, may_cap: bool) -> Place:
    return Place(kind, value, name, service.subject_of(target), may_cap)


def _live_provider_keys(team: Team) -> QuerySet[ProviderKey]:
    keys = ProviderKey.objects.filter(team=team)
    return keys.exclude(state=ProviderKey.State.SEALED)


def _limits_of(places: list[Place]) -> QuerySet[SpendLimit]:
    by_kind: dict[str, list[str]] = {}
    for place in places:
        by_kind.setdefault(place.subject.kind, []).append(place.subject.id)
    theirs = Q(pk=None)
    for kind, ids in by_kind.items():
        theirs |= Q(subject_kind=kind, subject_id__in=ids)
    return SpendLimit.objects.filter(theirs)
