"""Reads of the budgets' page: whose limits a person sees, how full, and whom they may cap."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import Membership
from accounts.roles import Permission, role_allows
from billing.models import SpendLimit
from billing.selectors import LimitUse, uses_of
from billing.subjects import Subject
from billing.windows import Window
from generations.limits import (
    MEMBER,
    PROJECT,
    SHOWN_SCOPES,
    TEAM,
    LimitChoice,
    LimitTarget,
    Scope,
    chosen_target,
    subject_of,
)
from generations.models import ApprovalThreshold


@dataclass(frozen=True, slots=True)
class Holder:
    """A choice with its limits, shortest window first."""

    choice: LimitChoice
    uses: list[LimitUse]


@dataclass(slots=True)
class Group:
    """All choices of one scope; `free` counts those without a limit."""

    scope: Scope[Any]
    about: str
    holders: list[Holder] = field(default_factory=list)
    free: int = 0


def limit_choices_for(membership: Membership) -> list[LimitChoice]:
    """Return whose limits the person sees: managers everybody's, others what they spend under."""
    return [choice for scope in SHOWN_SCOPES for choice in scope.choices(membership)]


def groups_for(membership: Membership, choices: list[LimitChoice], *, now: datetime) -> list[Group]:
    """Return the limits of all choices, in two queries."""
    order = list(Window.values)
    limits = sorted(_limits_of(choices), key=lambda one: order.index(one.window))
    uses: dict[Subject, list[LimitUse]] = {}
    for use in uses_of(limits, now=now):
        uses.setdefault(subject_of(use.limit), []).append(use)
    groups: dict[str, Group] = {}
    for choice in choices:
        scope = choice.scope
        about = scope.about.format(team=membership.team.name)
        group = groups.setdefault(scope.slug, Group(scope, about))
        if choice.subject in uses:
            group.holders.append(Holder(choice, uses[choice.subject]))
        else:
            group.free += 1
    return list(groups.values())


def choices_of(choices: list[LimitChoice]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the choices that the person may cap, grouped for a select."""
    found: dict[str, list[tuple[str, str]]] = {}
    for choice in choices:
        if choice.may_cap:
            found.setdefault(choice.scope.title, []).append((choice.value, choice.name))
    return list(found.items())


def target_named(membership: Membership, value: str) -> LimitTarget | None:
    """Return what a form names within the team; None stands for oneself.

    Raises `NotFound` alike for unknown things and strangers'.
    """
    scope, target = chosen_target(membership, value)
    return None if scope.is_own else target


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
    members = {one.user_id: one for one in Membership.objects.filter(team=membership.team)}
    found = []
    for one in rules.order_by("user_id", "project_id"):
        if one.project is not None:
            if one.project.archived_at is None:
                value, name = PROJECT.value(one.project), PROJECT.name(one.project)
                found.append((1, Rule(one, value, name)))
        elif one.user is not None:
            if one.user_id in members:
                value, name = MEMBER.value(members[one.user.pk]), one.user.get_full_name()
                found.append((2, Rule(one, value, name)))
        else:
            team = membership.team
            found.append((0, Rule(one, TEAM.value(team), f"Everyone in {team.name}")))
    return [rule for _, rule in sorted(found, key=lambda pair: (pair[0], pair[1].name))]


def _limits_of(choices: list[LimitChoice]) -> QuerySet[SpendLimit]:
    by_kind: dict[str, list[str]] = {}
    for choice in choices:
        by_kind.setdefault(choice.subject.kind, []).append(choice.subject.id)
    theirs = Q(pk=None)
    for kind, ids in by_kind.items():
        theirs |= Q(subject_kind=kind, subject_id__in=ids)
    return SpendLimit.objects.filter(theirs)
