"""The spend scope of a slug, a target or a subject: whatever concerns limits names none."""

from collections.abc import Iterable
from typing import Any

from accounts.models import Membership
from billing.models import SpendLimit
from billing.subjects import Subject
from generations.limits.scopes.api_key import API_KEY
from generations.limits.scopes.base import Capped, LimitTarget, Scope
from generations.limits.scopes.member import MEMBER
from generations.limits.scopes.own import OWN
from generations.limits.scopes.precedence import SCOPES
from generations.limits.scopes.project import PROJECT
from generations.limits.scopes.provider_key import PROVIDER_KEY
from generations.limits.scopes.team import TEAM
from generations.models import Generation
from platform_site.errors import NotFound

# The order in which people are shown them.
SHOWN_SCOPES: tuple[Scope[Any], ...] = (TEAM, OWN, MEMBER, PROJECT, API_KEY, PROVIDER_KEY)

_BY_SLUG = {scope.slug: scope for scope in SCOPES}
# Of scopes that share a kind the narrowest finds for all.
_FINDERS = {scope.kind: scope for scope in reversed(SCOPES)}


def subjects_of(generation: Generation) -> list[Subject]:
    """Return what a generation, perhaps unsaved, counts against, in the order of admission."""
    subjects = (scope.counts(generation) for scope in SCOPES)
    return [subject for subject in subjects if subject is not None]


def subject_of(limit: SpendLimit) -> Subject:
    """Return the limit's subject."""
    return Subject(limit.subject_kind, limit.subject_id)


def scope_called(slug: str) -> Scope[Any] | None:
    """Return the scope that forms and commands call `slug`, or None."""
    return _BY_SLUG.get(slug)


def scope_for(target: LimitTarget) -> Scope[Any]:
    """Return the scope in which managers cap `target`."""
    return next(
        scope for scope in SCOPES if not scope.is_own and isinstance(target, scope.target_type)
    )


def scope_under(generation: Generation, subject: Subject | None) -> Scope[Any] | None:
    """Return the scope in which a generation counts under `subject`, or None."""
    if subject is None:
        return None
    return next((scope for scope in SCOPES if scope.counts(generation) == subject), None)


def capped_by(subject: Subject) -> Capped | None:
    """Return what the subject of a limit stands for, or None when there is no such thing."""
    return capped_by_each([subject]).get(subject)


def capped_by_each(subjects: Iterable[Subject]) -> dict[Subject, Capped]:
    """Return what each subject stands for, in a query or two a kind; what is gone is left out."""
    wanted = set(subjects)
    found: dict[Subject, Capped] = {}
    for kind, scope in _FINDERS.items():
        ids = {subject.id for subject in wanted if subject.kind == kind}
        found |= {one.subject: one for one in scope.find(ids)} if ids else {}
    return {subject: found[subject] for subject in wanted if subject in found}


def chosen_target(asker: Membership, value: str) -> tuple[Scope[Any], LimitTarget]:
    """Return what a form of the asker's team names, and in which scope.

    Raises `NotFound` alike for unknown things and strangers'.
    """
    slug, _, number = value.partition(":")
    scope = scope_called(slug)
    target = scope.chosen(asker, number) if scope else None
    if scope is None or target is None or scope.value(target) != value:
        raise NotFound
    return scope, target
