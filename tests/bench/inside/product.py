"""The product's verbs that rows need, found by the names that they have in different commits."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

_ORDERING = ("generations.ordering", "generations.ordering.submit")
_OLD = ("generations.services.submission", "generations.requests", "accounts.actor")


def demo_owner() -> Any:
    """Return the membership of the demo team's owner."""
    members = _found("Membership", "accounts.models").objects
    return members.select_related("team", "user").get(
        team__slug="demo", user__email="owner@demo.example"
    )


def demo_key() -> Any:
    """Return the demo team's API key, which a limit is over."""
    return _found("ApiKey", "accounts.models").objects.get(team__slug="demo", label="Demo key")


def request_of(team: Any, body: dict[str, Any], now: Any) -> Any:
    """Read and check a body as the API does."""
    return _found("validate_request", *_ORDERING, *_OLD)(body, team=team, now=now)


def submission_of(request: Any, **fields: Any) -> Any:
    """Return one submission of a batch."""
    try:
        made = _found("Submission", *_ORDERING)
    except ImportError:
        made = _found("Order", *_OLD)
    return made(request, **fields)


def submit(submissions: Sequence[Any], membership: Any, now: Any) -> Any:
    """Admit submissions, all or none, for a member."""
    batch = _found("submit_batch", *_ORDERING, *_OLD)
    try:
        by = _found("By", "accounts.authority").member(membership)
    except ImportError:
        actor = _found("Actor", *_OLD)(membership.user.email)
        return batch(submissions, membership=membership, actor=actor, now=now)
    return batch(submissions, by=by, now=now)


def _found(name: str, *modules: str) -> Any:
    """Return a name from the first module that has it. Raises ImportError."""
    for module in modules:
        try:
            return getattr(import_module(module), name)
        except (ImportError, AttributeError):
            continue
    raise ImportError(f"{name} is in none of {', '.join(modules)}")
