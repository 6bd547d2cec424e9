"""Every service that takes a `By`: what it needs, and how it is called on a team's rows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.api_keys.service import create_api_key, delete_api_key, set_enabled
from accounts.authority import By
from accounts.models import Membership
from accounts.projects.service import (
    archive_project,
    create_project,
    rename_project,
    reopen_project,
    shelve_project,
    unshelve_project,
)
from accounts.roles import Permission, Role
from accounts.teams.service import create_team, set_role
from accounts.webhooks.endpoints import (
    add_endpoint,
    choose_events,
    drop_endpoint,
    remove_endpoint,
    set_endpoint_enabled,
    switch_endpoint,
)
from accounts.webhooks.outbox import (
    put_test,
    put_test_for_operator,
    send_again,
    send_again_for_operator,
)
from accounts.webhooks.secrets import end_old_secret, reveal_secret, rotate_secret
from billing.ledger import grant
from billing.models import Rate, SpendLimit
from billing.services.alerts import set_alerts, set_low_mark
from billing.services.limits import set_limit
from billing.services.rates import schedule_rate, withdraw_rate
from generations.approvals.service import (
    answer,
    approve,
    close_question,
    deny,
    set_threshold,
)
from generations.archive.frames import last_frame_as_upload
from generations.archive.keep import keep_again
from generations.archive.library import set_favourite
from generations.archive.retention import clear_retention, set_retention
from generations.dispatch.cancel import cancel, cancel_generation, cancel_waiting
from generations.limits.budgets import ask_above, set_budget
from generations.limits.service import cap
from generations.models import Approval
from generations.ordering.priorities import change_priority, set_priority
from generations.ordering.submit import Order, submit_batch
from generations.provider_keys.service import (
    add_provider_key,
    delete_provider_key,
    pause_provider_key,
    resume_provider_key,
    set_key_pace,
    vault_provider_key,
)
from generations.reconciliation.discrepancies import accept_discrepancy
from generations.review.adopt import adopt_found_id
from generations.review.corrections import adjust, release_reviewed, settle_reviewed
from generations.review.decide import decide_review, look_now
from tests.factories import make_request, team_subject
from tests.support.belongings import Belongings


@dataclass(frozen=True)
class Who:
    """Who calls: their membership, and the actor that their door made of it."""

    membership: Membership
    by: By


Call = Callable[[Belongings, Who], object]
MAY = Permission


def now() -> datetime:
    return datetime.now(UTC)


def by_rights(service: Callable[..., object], row: str, **more: Any) -> Call:
    """Call a service that is told who acts by its `actor` alone."""
    return lambda theirs, who: service(getattr(theirs, row), by=who.by, **more)


def by_member(service: Callable[..., object], row: str, word: str, **more: Any) -> Call:
    """Call a service that is told the membership, under the name `word`, and the actor."""
    return lambda theirs, who: service(
        getattr(theirs, row), **{word: who.membership}, by=who.by, **more
    )


_WHY: dict[str, Any] = {"reason": "Because"}

# In an order in which what is allowed leaves the later ones something to do.
SERVICES: dict[str, tuple[Permission, Call]] = {
    "look_now": (MAY.APPROVE, lambda t, w: look_now(t.doubtful, by=w.by, now=now())),
    "adopt_found_id": (
        MAY.APPROVE,
        lambda t, w: adopt_found_id(t.doubtful, "id-1", by=w.by, now=now(), **_WHY),
    ),
    "decide_review": (
        MAY.APPROVE,
        lambda t, w: decide_review(t.doubtful, "adopt", by=w.by, now=now(), **_WHY),
    ),
    "release_reviewed": (
        MAY.APPROVE,
        lambda t, w: release_reviewed(t.doubtful, by=w.by, now=now(), **_WHY),
    ),
    "settle_reviewed": (
        MAY.APPROVE,
        lambda t, w: settle_reviewed(t.doubtful, by=w.by, now=now(), **_WHY),
    ),
    "adjust": (
        MAY.APPROVE,
        lambda t, w: adjust(t.kept, spent=False, by=w.by, now=now(), **_WHY),
    ),
    "keep_again": (
        MAY.SUBMIT,
        lambda t, w: keep_again(t.lost.film, by=w.by, now=now()),
    ),
    "set_favourite": (
        MAY.SUBMIT,
        lambda t, w: set_favourite(t.kept, membership=w.membership, favourite=True),
    ),
    "last_frame_as_upload": (
        MAY.SUBMIT,
        lambda t, w: last_frame_as_upload(t.kept, membership=w.membership, now=now()),
    ),
    "set_priority": (MAY.APPROVE, by_member(set_priority, "queued", "membership", priority=1)),
    "answer": (
        MAY.APPROVE,
        lambda t, w: answer(t.waiting, "nonsense", decider=w.membership, by=w.by, now=now()),
    ),
    "approve": (
        MAY.APPROVE,
        lambda t, w: approve(t.waiting, decider=w.membership, by=w.by, now=now()),
    ),
    "deny": (
        MAY.APPROVE,
        lambda t, w: deny(t.waiting, decider=w.membership, by=w.by, now=now()),
    ),
    "cancel_generation": (
        MAY.APPROVE,
        lambda t, w: cancel_generation(t.queued, asker=w.membership, by=w.by, now=now()),
    ),
    "set_threshold": (
        MAY.LIMITS,
        lambda t, w: set_threshold(team=t.owner.team, above=5_000, by=w.by),
    ),
    "ask_above": (
        MAY.LIMITS,
        lambda t, w: ask_above(w.membership, t.owner, above=5_000, by=w.by),
    ),
    "set_budget": (
        MAY.LIMITS,
        lambda t, w: set_budget(w.membership, t.owner, window="day", credits=5_000, by=w.by),
    ),
    "set_low_mark": (
        MAY.LIMITS,
        lambda t, w: set_low_mark(team=t.owner.team, credits=7, by=w.by),
    ),
    "set_retention": (
        MAY.FILMS,
        lambda t, w: set_retention(
            team=t.owner.team, days=9, keep_favourites=True, by=w.by, now=now()
        ),
    ),
    "clear_retention": (
        MAY.FILMS,
        lambda t, w: clear_retention(team=t.owner.team, by=w.by),
    ),
    "rename_project": (
        MAY.LIMITS,
        by_member(rename_project, "project", "membership", name="Other"),
    ),
    "archive_project": (
        MAY.LIMITS,
        lambda t, w: archive_project(t.project, membership=w.membership, by=w.by, now=now()),
    ),
    "reopen_project": (MAY.LIMITS, by_member(reopen_project, "project", "membership")),
    "choose_events": (
        MAY.TEAM_KEYS,
        by_member(choose_events, "endpoint", "membership", events=["generation.lost"]),
    ),
    "put_test": (
        MAY.TEAM_KEYS,
        lambda t, w: put_test(t.endpoint, membership=w.membership, by=w.by, now=now()),
    ),
    "send_again": (
        MAY.TEAM_KEYS,
        lambda t, w: send_again(t.delivery, membership=w.membership, by=w.by, now=now()),
    ),
    "set_endpoint_enabled": (
        MAY.TEAM_KEYS,
        by_member(set_endpoint_enabled, "endpoint", "membership", enabled=False),
    ),
    "remove_endpoint": (
        MAY.TEAM_KEYS,
        lambda t, w: remove_endpoint(t.endpoint, membership=w.membership, by=w.by, now=now()),
    ),
    "create_api_key": (
        MAY.TEAM_KEYS,
        lambda t, w: create_api_key(team=t.owner.team, owner=t.owner.user, label="New", by=w.by),
    ),
    "set_enabled": (
        MAY.TEAM_KEYS,
        lambda t, w: set_enabled(api_key=t.api_key, enabled=False, by=w.by),
    ),
    "delete_api_key": (
        MAY.TEAM_KEYS,
        lambda t, w: delete_api_key(api_key=t.api_key, by=w.by),
    ),
    "pause_provider_key": (MAY.TEAM_KEYS, by_rights(pause_provider_key, "provider_key", **_WHY)),
    "resume_provider_key": (
        MAY.TEAM_KEYS,
        lambda t, w: resume_provider_key(t.provider_key, by=w.by, now=now()),
    ),
    "set_key_pace": (
        MAY.TEAM_KEYS,
        by_rights(set_key_pace, "provider_key", max_in_flight=3, per_minute=None),
    ),
    "accept_discrepancy": (
        MAY.TEAM_KEYS,
        lambda t, w: accept_discrepancy(t.discrepancy, by=w.by, now=now(), **_WHY),
    ),
    "delete_provider_key": (MAY.TEAM_KEYS, by_rights(delete_provider_key, "provider_key")),
    # What the admin calls: it knows no membership, and an actor's rights alone decide.
    "set_role": (
        MAY.MEMBERS,
        lambda t, w: set_role(team=t.owner.team, user=t.owner.user, role=Role.OWNER, by=w.by),
    ),
    "close_question": (
        MAY.APPROVE,
        lambda t, w: close_question(t.waiting, Approval.Decision.DENIED, by=w.by, now=now()),
    ),
    "cancel": (MAY.APPROVE, lambda t, w: cancel(t.queued, by=w.by, now=now())),
    "cancel_waiting": (
        MAY.SUBMIT,
        lambda t, w: cancel_waiting(t.owner, by=w.by, now=now()),
    ),
    "change_priority": (MAY.APPROVE, by_rights(change_priority, "queued", priority=0)),
    "cap": (MAY.LIMITS, by_rights(cap, "owner", window="day", credits=5_000)),
    "shelve_project": (MAY.LIMITS, by_rights(shelve_project, "project", now=now())),
    "unshelve_project": (MAY.LIMITS, by_rights(unshelve_project, "project")),
    "switch_endpoint": (MAY.TEAM_KEYS, by_rights(switch_endpoint, "endpoint", enabled=False)),
    "put_test_for_operator": (
        MAY.TEAM_KEYS,
        by_rights(put_test_for_operator, "endpoint", now=now()),
    ),
    "send_again_for_operator": (
        MAY.TEAM_KEYS,
        by_rights(send_again_for_operator, "delivery", now=now()),
    ),
    "drop_endpoint": (MAY.TEAM_KEYS, by_rights(drop_endpoint, "endpoint", now=now())),
    "vault_provider_key": (
        MAY.TEAM_KEYS,
        lambda t, w: vault_provider_key(
            team=t.owner.team, owner=None, secret="sk-other-1234", label="", by=w.by
        ),
    ),
    # Whose the subject of a limit is, billing does not know: only that the actor spends there.
    "set_limit": (
        MAY.SUBMIT,
        lambda t, w: set_limit(
            team=t.owner.team,
            subject=team_subject(t.owner.team),
            window="day",
            credits=5_000,
            by=w.by,
        ),
    ),
    "set_alerts": (
        MAY.SUBMIT,
        lambda t, w: set_alerts(
            team=t.owner.team,
            limit=SpendLimit(subject_kind="team", subject_id="0", window="day"),
            percents=[50],
            by=w.by,
        ),
    ),
}

# Nobody's but administrators', commands' and the site's, whatever the role.
SITE: dict[str, Callable[[Belongings, By], object]] = {
    "create_team": lambda _t, by: create_team(name="New", slug="new-one", by=by),
    "grant": lambda t, by: grant(team=t.owner.team, credits=1_000, reason="Why not", by=by),
    "schedule_rate": lambda _t, by: schedule_rate(
        model="m",
        resolution="480p",
        audio=False,
        credits_per_second=1,
        effective_from=now() + timedelta(days=1),
        by=by,
    ),
    "withdraw_rate": lambda _t, by: withdraw_rate(rate=Rate(), by=by),
}

# Steps within a verb's own transaction, and verbs that hand everything on to one that asks.
STEPS = {
    "accounts.audit.record",
    "billing.ledger.adjust_hold",
    "billing.ledger.place_hold",
    "billing.ledger.release_hold",
    "billing.ledger.settle_hold",
    "generations.selectors.require_provider_key",
    "generations.review.adopt.adopt_task",
    "generations.approvals.service.ask_for_approval",
    "generations.approvals.service.withdraw_question",
    "generations.transitions.end_generation",
    "generations.transitions.move",
    "generations.transitions.record_event",
    "generations.dispatch.send.doubt",
    "billing.services.api_keys.issue_api_key",
    "generations.limits.service.cap_as",
    "generations.limits.service.cap_own",
    "generations.ordering.submit.submit_generation",
}
# About one's own account, in whatever team: see test_portal_email_change.py.
OWN_ACCOUNT = {"ask_for_email", "confirm_email", "note_email_change"}

# What acts in the caller's own team, whatever else there is.
IN_OWN_TEAM: dict[str, tuple[Permission, Callable[[Who], object]]] = {
    "create_project": (
        MAY.LIMITS,
        lambda w: create_project(membership=w.membership, name="New", by=w.by),
    ),
    "add_endpoint": (
        MAY.TEAM_KEYS,
        lambda w: add_endpoint(
            membership=w.membership,
            url="https://new.example/",
            events=["generation.lost"],
            by=w.by,
        ),
    ),
    "reveal_secret": (
        MAY.TEAM_KEYS,
        lambda w: reveal_secret(membership=w.membership, by=w.by),
    ),
    "rotate_secret": (
        MAY.TEAM_KEYS,
        lambda w: rotate_secret(membership=w.membership, by=w.by, now=now()),
    ),
    "end_old_secret": (
        MAY.TEAM_KEYS,
        lambda w: end_old_secret(membership=w.membership, by=w.by),
    ),
    "add_provider_key": (
        MAY.OWN_KEYS,
        lambda w: add_provider_key(
            membership=w.membership,
            secret="sk-sandbox-of-ones-own",
            label="",
            shared=False,
            by=w.by,
        ),
    ),
    "submit_batch": (
        MAY.SUBMIT,
        lambda w: submit_batch(
            [Order(make_request(w.membership.team))],
            membership=w.membership,
            by=w.by,
            now=now(),
        ),
    ),
}
