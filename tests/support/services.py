"""Every service that takes a `By`: what it needs, and how it is called.

A service gets somebody's rows, or acts in the caller's own team.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO

from django.core.files import File

from accounts.api_keys.service import create_api_key, delete_api_key, set_enabled
from accounts.authority import By
from accounts.notices.service import mark_read
from accounts.projects.service import (
    archive_project,
    create_project,
    rename_project,
    reopen_project,
)
from accounts.roles import Permission, Role
from accounts.sign_in.links import password_link
from accounts.teams.service import create_team, set_role
from accounts.webhooks.endpoints import (
    add_endpoint,
    choose_events,
    remove_endpoint,
    set_endpoint_enabled,
)
from accounts.webhooks.outbox import put_test, send_again
from accounts.webhooks.secrets import end_old_secret, reveal_secret, rotate_secret
from billing.ledger import grant
from billing.models import Rate
from billing.services.alerts import set_alerts, set_low_mark
from billing.services.api_keys import issue_api_key
from billing.services.limits import set_limit
from billing.services.rates import schedule_rate, withdraw_rate
from billing.subjects import LimitHolder
from generations.approvals.duties import set_own_approval
from generations.approvals.service import approve, decide_approval, deny, set_threshold
from generations.archive.frames import last_frame_as_upload
from generations.archive.keep import keep_again
from generations.archive.library import set_favourite
from generations.archive.retention import clear_retention, set_retention
from generations.dispatch.cancel import cancel_generation, cancel_waiting
from generations.drafts.service import DraftContent, PageState, discard_draft, save_draft
from generations.limits.budgets import ask_above, set_budget
from generations.limits.service import cap, cap_own
from generations.ordering.priorities import set_priority
from generations.ordering.submit import Submission, submit_batch, submit_generation
from generations.provider_keys.service import (
    add_provider_key,
    delete_provider_key,
    pause_provider_key,
    resume_provider_key,
    set_send_rate,
)
from generations.reconciliation.discrepancies import accept_discrepancy
from generations.review.adopt import adopt_found_id
from generations.review.corrections import adjust, release_reviewed, settle_reviewed
from generations.review.decide import decide_review, look_now
from generations.uploads.quota import require_upload_room
from generations.uploads.service import store_upload
from tests.factories import image_bytes, make_request, team_subject
from tests.support.belongings import Belongings

Call = Callable[[Belongings, By], object]
MAY = Permission
WHY = "Because"


def now() -> datetime:
    return datetime.now(UTC)


# On the rows of a team, in an order in which what is allowed leaves the later ones something to do.
SERVICES: dict[str, tuple[Permission, Call]] = {
    "look_now": (MAY.APPROVE, lambda t, by: look_now(t.doubtful, by=by, now=now())),
    "adopt_found_id": (
        MAY.APPROVE,
        lambda t, by: adopt_found_id(t.doubtful, "id-1", by=by, reason=WHY, now=now()),
    ),
    "decide_review": (
        MAY.APPROVE,
        lambda t, by: decide_review(t.doubtful, "adopt", by=by, reason=WHY, now=now()),
    ),
    "release_reviewed": (
        MAY.APPROVE,
        lambda t, by: release_reviewed(t.doubtful, by=by, reason=WHY, now=now()),
    ),
    "settle_reviewed": (
        MAY.APPROVE,
        lambda t, by: settle_reviewed(t.doubtful, by=by, reason=WHY, now=now()),
    ),
    "adjust": (
        MAY.APPROVE,
        lambda t, by: adjust(t.kept, spent=False, by=by, reason=WHY, now=now()),
    ),
    "keep_again": (MAY.SUBMIT, lambda t, by: keep_again(t.lost.film, by=by, now=now())),
    "set_favourite": (MAY.SUBMIT, lambda t, by: set_favourite(t.kept, favourite=True, by=by)),
    "last_frame_as_upload": (
        MAY.SUBMIT,
        lambda t, by: last_frame_as_upload(t.kept, by=by, now=now()),
    ),
    "set_priority": (MAY.APPROVE, lambda t, by: set_priority(t.queued, priority=1, by=by)),
    "decide_approval": (
        MAY.APPROVE,
        lambda t, by: decide_approval(t.waiting, "nonsense", by=by, now=now()),
    ),
    "approve": (MAY.APPROVE, lambda t, by: approve(t.waiting, by=by, now=now())),
    "deny": (MAY.APPROVE, lambda t, by: deny(t.waiting, by=by, now=now())),
    "cancel_generation": (
        MAY.APPROVE,
        lambda t, by: cancel_generation(t.queued, by=by, now=now()),
    ),
    "set_own_approval": (
        MAY.MEMBERS,
        lambda t, by: set_own_approval(t.owner.team, allowed=True, by=by),
    ),
    "set_threshold": (
        MAY.LIMITS,
        lambda t, by: set_threshold(team=t.owner.team, above=5_000, by=by),
    ),
    "ask_above": (MAY.LIMITS, lambda t, by: ask_above(t.owner, above=5_000, by=by)),
    "set_budget": (
        MAY.LIMITS,
        lambda t, by: set_budget(t.owner, window="day", credits=5_000, by=by),
    ),
    "cap": (MAY.LIMITS, lambda t, by: cap(t.owner, window="day", credits=5_000, by=by)),
    "set_low_mark": (MAY.LIMITS, lambda t, by: set_low_mark(team=t.owner.team, credits=7, by=by)),
    "set_retention": (
        MAY.FILMS,
        lambda t, by: set_retention(
            team=t.owner.team, days=9, keep_favourites=True, by=by, now=now()
        ),
    ),
    "clear_retention": (MAY.FILMS, lambda t, by: clear_retention(team=t.owner.team, by=by)),
    "create_project": (
        MAY.LIMITS,
        lambda t, by: create_project(team=t.owner.team, name="New", by=by),
    ),
    "rename_project": (
        MAY.LIMITS,
        lambda t, by: rename_project(t.project, name="Other", by=by),
    ),
    "archive_project": (MAY.LIMITS, lambda t, by: archive_project(t.project, by=by, now=now())),
    "reopen_project": (MAY.LIMITS, lambda t, by: reopen_project(t.project, by=by)),
    "add_endpoint": (
        MAY.TEAM_KEYS,
        lambda t, by: add_endpoint(
            team=t.owner.team, url="https://new.example/", events=["generation.lost"], by=by
        ),
    ),
    "choose_events": (
        MAY.TEAM_KEYS,
        lambda t, by: choose_events(t.endpoint, events=["generation.lost"], by=by),
    ),
    "put_test": (MAY.TEAM_KEYS, lambda t, by: put_test(t.endpoint, by=by, now=now())),
    "send_again": (MAY.TEAM_KEYS, lambda t, by: send_again(t.delivery, by=by, now=now())),
    "set_endpoint_enabled": (
        MAY.TEAM_KEYS,
        lambda t, by: set_endpoint_enabled(t.endpoint, enabled=False, by=by),
    ),
    "remove_endpoint": (
        MAY.TEAM_KEYS,
        lambda t, by: remove_endpoint(t.endpoint, by=by, now=now()),
    ),
    "reveal_secret": (MAY.TEAM_KEYS, lambda t, by: reveal_secret(team=t.owner.team, by=by)),
    "rotate_secret": (
        MAY.TEAM_KEYS,
        lambda t, by: rotate_secret(team=t.owner.team, by=by, now=now()),
    ),
    "end_old_secret": (MAY.TEAM_KEYS, lambda t, by: end_old_secret(team=t.owner.team, by=by)),
    "create_api_key": (
        MAY.TEAM_KEYS,
        lambda t, by: create_api_key(team=t.owner.team, owner=t.owner.user, label="New", by=by),
    ),
    "issue_api_key": (
        MAY.TEAM_KEYS,
        lambda t, by: issue_api_key(
            team=t.owner.team, owner=t.owner.user, label="New", daily=5_000, by=by
        ),
    ),
    "set_enabled": (
        MAY.TEAM_KEYS,
        lambda t, by: set_enabled(api_key=t.api_key, enabled=False, by=by),
    ),
    "delete_api_key": (MAY.TEAM_KEYS, lambda t, by: delete_api_key(api_key=t.api_key, by=by)),
    "add_provider_key": (
        MAY.TEAM_KEYS,
        lambda t, by: add_provider_key(
            team=t.owner.team, owner=None, secret="sk-other-1234", label="", by=by
        ),
    ),
    "pause_provider_key": (
        MAY.TEAM_KEYS,
        lambda t, by: pause_provider_key(t.provider_key, reason=WHY, by=by),
    ),
    "resume_provider_key": (
        MAY.TEAM_KEYS,
        lambda t, by: resume_provider_key(t.provider_key, by=by, now=now()),
    ),
    "set_send_rate": (
        MAY.TEAM_KEYS,
        lambda t, by: set_send_rate(t.provider_key, max_in_flight=3, per_minute=None, by=by),
    ),
    "accept_discrepancy": (
        MAY.TEAM_KEYS,
        lambda t, by: accept_discrepancy(t.discrepancy, by=by, reason=WHY, now=now()),
    ),
    "delete_provider_key": (
        MAY.TEAM_KEYS,
        lambda t, by: delete_provider_key(t.provider_key, by=by),
    ),
    "set_role": (
        MAY.MEMBERS,
        lambda t, by: set_role(team=t.owner.team, user=t.owner.user, role=Role.OWNER, by=by),
    ),
    "set_limit": (
        MAY.LIMITS,
        lambda t, by: set_limit(
            LimitHolder(t.owner.team, team_subject(t.owner.team)),
            window="day",
            credits=5_000,
            by=by,
        ),
    ),
    "set_alerts": (
        MAY.LIMITS,
        lambda t, by: set_alerts(
            LimitHolder(t.owner.team, team_subject(t.owner.team)),
            window="day",
            percents=[50],
            by=by,
        ),
    ),
}

# In the caller's own team, whatever else there is.
OF_ONES_OWN: dict[str, tuple[Permission, Callable[[By], object]]] = {
    "submit_generation": (
        MAY.SUBMIT,
        lambda by: submit_generation(make_request(by.membership.team), by=by, now=now()),
    ),
    "submit_batch": (
        MAY.SUBMIT,
        lambda by: submit_batch([Submission(make_request(by.membership.team))], by=by, now=now()),
    ),
    "cancel_waiting": (MAY.SUBMIT, lambda by: cancel_waiting(by=by, now=now())),
    "store_upload": (
        MAY.SUBMIT,
        lambda by: store_upload(File(BytesIO(image_bytes()), "a.jpg"), by=by, now=now()),
    ),
    "cap_own": (
        MAY.SUBMIT,
        lambda by: cap_own(by.membership, window="day", credits=5_000, by=by),
    ),
    "require_upload_room": (MAY.SUBMIT, lambda by: require_upload_room(by, now=now())),
    "save_draft": (
        MAY.SUBMIT,
        lambda by: save_draft("", DraftContent(), state=PageState("page"), by=by, now=now()),
    ),
    "discard_draft": (MAY.SUBMIT, lambda by: discard_draft("", by=by)),
    "mark_read": (MAY.VIEW, lambda by: mark_read(up_to=1, by=by)),
}

# Nobody's but administrators', commands' and the site's, whatever the role.
SITE: dict[str, Call] = {
    "password_link": lambda t, by: password_link(t.owner.user, by=by),
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

# Steps within a verb's own transaction, after the verb has asked.
STEPS = {
    "accounts.audit.record",
    "billing.ledger.adjust_hold",
    "billing.ledger.release_hold",
    "billing.ledger.settle_hold",
    "generations.selectors.require_provider_key",
    "generations.review.adopt.adopt_task",
    "generations.approvals.duties.require_other_than_orderer",
    "generations.approvals.notices.notify_requester",
    "generations.approvals.service.ask_for_approval",
    "generations.approvals.service.withdraw_approval",
    "generations.approvals.waiting.require_waiting",
    "generations.transitions.end_generation",
    "generations.transitions.end_unsent",
    "generations.transitions.transition",
    "generations.transitions.transition_all",
    "generations.transitions.record_event",
    "generations.dispatch.submit_unknown.mark_submit_unknown",
}
# About one's own account, in whatever team: see test_portal_email_change.py.
OWN_ACCOUNT = {"ask_for_email", "confirm_email", "note_email_change"}
