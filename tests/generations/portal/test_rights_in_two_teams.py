"""Rights are judged where the row is: a manager of one team who only watches in another.

The table below has an entry for each route of the portal; a route without one fails the first test.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver

from accounts.models import AuditEvent, Membership
from accounts.roles import Role
from generations.lifecycle import State
from generations.portal.urls import urlpatterns
from tests.factories import make_member
from tests.support.belongings import Belongings, everything, make_belongings

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Attempt:
    """One request that names something of the other team's; GET without a form."""

    path: Callable[[Belongings], str]
    form: Callable[[Belongings], dict[str, str]] | None = None
    sees: bool = False  # who may watch there may see this


def post(path: Callable[[Belongings], str], **form: Any) -> Attempt:
    """Post a form whose values are texts, or functions of what the other team has."""

    def filled(theirs: Belongings) -> dict[str, str]:
        return {name: one if isinstance(one, str) else one(theirs) for name, one in form.items()}

    return Attempt(path, filled)


def of(name: str, rest: str) -> Callable[[Belongings], str]:
    """Return the path of one of the other team's generations."""
    return lambda theirs: f"/generations/{getattr(theirs, name).pk}/{rest}"


def key(kind: str, rest: str) -> Callable[[Belongings], str]:
    """Return the path of one of the other team's keys."""
    return lambda theirs: f"/keys/{kind}/{getattr(theirs, f'{kind}_key').pk}/{rest}/"


def hook(rest: str) -> Callable[[Belongings], str]:
    """Return the path of the other team's endpoint."""
    return lambda theirs: f"/webhooks/{theirs.endpoint.pk}/{rest}"


def draft_token(theirs: Belongings) -> str:
    """Return the token of the other team's draft."""
    return str(theirs.draft.token)


def at(path: str) -> Callable[[Belongings], str]:
    """Return a path that names no row."""
    return lambda _theirs: path


_REASON = {"reason": "Because"}
_TARGETS: dict[str, Callable[[Belongings], str]] = {
    "member": lambda theirs: f"member:{theirs.owner.pk}",
    "api_key": lambda theirs: f"api_key:{theirs.api_key.pk}",
    "provider_key": lambda theirs: f"provider_key:{theirs.provider_key.pk}",
    "project": lambda theirs: f"project:{theirs.project.pk}",
}
_ORDER = {
    "model": "doubao-seedance-1.5-pro",
    "prompt": "A lake",
    "duration": "4",
    "resolution": "480p",
    "aspect_ratio": "16:9",
    "idempotency_key": "studio-1",
}

# Routes that name no row of a team. That their forms name a team that is not the sender's, see
# test_team_of_forms.py.
ALONE = {
    "studio_price",
    "studio_prompts",
    "studio_form",
    "studio_frame",
    "studio_cancel",
    "retention_set",
    "low_mark_set",
    "project_create",
    "archive",
    "budgets",
    "approvals",
    "review",
    "reports",
    "notices",
    "webhooks",
    "webhook_add",
    "webhook_secret",
    "webhook_secret_rotate",
    "webhook_secret_end_old",
    "webhook_deliveries",
    "keys",
    "api_key_create",
    "provider_key_add",
    # About nobody's team: see test_portal_email_change.py.
    "account_email",
    "account_confirm_email",
    # The link names who decides: see test_approval_links.py.
    "approval_asked",
    "team_switch",
    "own_approval_set",
}

ATTEMPTS: dict[str, list[Attempt]] = {
    "studio": [
        Attempt(lambda theirs: f"/?remix={theirs.kept.pk}", sees=True),
        Attempt(lambda theirs: f"/?draft={theirs.draft.token}"),
    ],
    "studio_draft": [post(at("/studio/draft/"), draft=draft_token, page="another", **_ORDER)],
    "studio_draft_newer": [
        Attempt(lambda theirs: f"/studio/draft/newer/?draft={theirs.draft.token}")
    ],
    "studio_draft_discard": [post(at("/studio/draft/discard/"), draft=draft_token)],
    "studio_submit": [
        post(
            at("/studio/submit/"),
            remix_of=lambda theirs: str(theirs.kept.pk),
            **_ORDER,
        ),
        post(at("/studio/submit/"), project=lambda theirs: theirs.project.slug, **_ORDER),
        post(at("/studio/submit/"), draft=draft_token, project="none", **_ORDER),
    ],
    "feed": [
        Attempt(lambda theirs: f"/feed/?view=film&id={theirs.kept.pk}"),
        Attempt(lambda theirs: f"/feed/?view=studio&ended={theirs.kept.pk}"),
    ],
    "studio_films": [Attempt(lambda theirs: f"/studio/films/?before={theirs.kept.pk}")],
    "film": [Attempt(of("kept", ""), sees=True)],
    "film_retry": [post(of("lost", "retry/"), idempotency_key="k-1")],
    "film_extend": [post(of("kept", "extend/"))],
    "film_favourite": [post(of("kept", "favourite/"), favourite="1")],
    "film_cancel": [post(of("queued", "cancel/"))],
    "review_decide": [
        post(of("doubtful", "review/"), decision=decision, upstream_id="task-1", **_REASON)
        for decision in ("release", "settle", "adopt")
    ],
    "review_look": [post(of("doubtful", "look/"))],
    "film_priority": [post(of("queued", "priority/"), priority="-1")],
    "approval_decide": [
        post(of("waiting", "decision/"), decision=decision, **_REASON)
        for decision in ("approve", "deny")
    ],
    "receipt": [Attempt(of("kept", "receipt/"), sees=True)],
    "receipt_json": [Attempt(of("kept", "receipt.json"), sees=True)],
    "film_keep_again": [post(of("lost", "keep/"))],
    "limit_set": [
        post(at("/budgets/limits/"), target=target, window="day", credits="5", alert_at="")
        for target in _TARGETS.values()
    ],
    "limit_lift": [
        post(at("/budgets/limits/lift/"), target=target, window="day")
        for target in _TARGETS.values()
    ],
    "threshold_set": [
        post(at("/budgets/approvals/"), scope=_TARGETS[kind], above="5")
        for kind in ("member", "project")
    ],
    "project_rename": [post(lambda theirs: f"/projects/{theirs.project.slug}/", name="Taken over")],
    "project_switch": [post(lambda theirs: f"/projects/{theirs.project.slug}/switch/")],
    "report_csv": [
        Attempt(lambda theirs: f"/reports/report.csv?project={theirs.project.pk}"),
        Attempt(lambda theirs: f"/reports/report.csv?member={theirs.owner.user_id}"),
        Attempt(lambda theirs: f"/reports/report.csv?api_key={theirs.api_key.pk}"),
    ],
    "notices_read": [post(at("/notices/read/"), up_to="999999")],
    "webhook_delivery": [Attempt(lambda theirs: f"/webhooks/deliveries/{theirs.delivery.pk}/")],
    "webhook_again": [post(lambda theirs: f"/webhooks/deliveries/{theirs.delivery.pk}/again/")],
    "webhook_endpoint": [Attempt(hook(""))],
    "webhook_events": [post(hook("events/"), events="generation.lost")],
    "webhook_test": [post(hook("test/"))],
    "webhook_switch": [post(hook("switch/"))],
    "webhook_remove": [post(hook("remove/"))],
    "api_key_switch": [post(key("api", "switch"))],
    "api_key_delete": [post(key("api", "delete"))],
    "provider_key_pause": [post(key("provider", "pause"), **_REASON)],
    "provider_key_send_rate": [
        post(key("provider", "send-rate"), max_in_flight="1", per_minute="")
    ],
    "provider_key_resume": [post(key("provider", "resume"))],
    "provider_key_delete": [post(key("provider", "delete"))],
    "discrepancy_accept": [
        post(lambda theirs: f"/keys/discrepancies/{theirs.discrepancy.pk}/accept/", **_REASON)
    ],
}


@pytest.fixture
def theirs(vendor: object) -> Belongings:
    """What the team has in which the person only watches."""
    return make_belongings()


@pytest.fixture
def mine(vendor: object, theirs: Belongings) -> Membership:
    """The same person in a team that they manage; Alice's team stays out of it."""
    owned = make_belongings("Home")
    manager = make_member(owned.owner.team, Role.MANAGER, email="pat@both.example")
    make_member(theirs.owner.team, Role.VIEWER, user=manager.user)
    return manager


def entered(person: Membership) -> Client:
    """Sign in and enter the membership's team."""
    client = Client()
    backend = "accounts.sign_in.backend.EmailBackend"
    client.force_login(person.user, backend=backend)
    assert client.post("/team/", {"team": person.team.slug}).status_code == 302
    return client


def test_every_route_of_the_portal_is_attempted() -> None:
    pages = [page.url_patterns for page in urlpatterns if isinstance(page, URLResolver)]
    named = {one.name for one in chain(*pages) if isinstance(one, URLPattern) and one.name}
    assert named == ALONE | set(ATTEMPTS)


def test_f17_who_manages_one_team_changes_nothing_where_they_only_watch(
    mine: Membership, theirs: Belongings
) -> None:
    assert _what_came_of_it(mine, theirs, watches=True) == {}


def test_f17_a_strangers_row_is_neither_shown_nor_touched(theirs: Belongings) -> None:
    stranger = make_belongings("Far away").owner
    assert _what_came_of_it(stranger, theirs, watches=False) == {}


def test_f17_who_is_disabled_while_signed_in_is_asked_to_sign_in(theirs: Belongings) -> None:
    client, owner = entered(theirs.owner), theirs.owner.user
    owner.is_active = False
    owner.save()
    before = everything()
    for attempt in chain(*ATTEMPTS.values()):
        path = attempt.path(theirs)
        form = attempt.form(theirs) if attempt.form else None
        reply = client.get(path) if form is None else client.post(path, form)
        assert reply.status_code == 302, path
        assert reply.headers["Location"].startswith("/accounts/login/?next="), path
    assert everything() == before


def test_f17_who_only_watches_in_the_team_at_hand_acts_where_they_manage(
    mine: Membership, theirs: Belongings
) -> None:
    there = Membership.objects.get(team=theirs.owner.team, user=mine.user)
    home = make_belongings("Third")
    make_member(home.owner.team, Role.MANAGER, user=mine.user)
    client = entered(there)
    form = {"decision": "release", "reason": "Not at the vendor"}
    assert client.post(f"/generations/{home.doubtful.pk}/review/", form).status_code == 302
    home.doubtful.refresh_from_db()
    assert home.doubtful.state == State.FAILED
    event = AuditEvent.objects.get(action="generation.review_release")
    assert (event.actor, event.team) == (f"user:{mine.user_id}", home.owner.team)


def test_f17_a_refusal_leaves_the_person_in_the_team_they_were_in(
    mine: Membership, theirs: Belongings
) -> None:
    client = entered(mine)
    assert client.post(f"/generations/{theirs.lost.pk}/keep/").status_code == 403
    assert client.get("/").context["membership"] == mine


def _what_came_of_it(
    person: Membership, theirs: Belongings, *, watches: bool
) -> dict[str, str | list[str]]:
    """Make every attempt; return what was wrongly changed, shown or kept from who may watch."""
    client, before = entered(person), _all_but_own_traces_of(person)
    wrong: dict[str, str | list[str]] = {}
    for name, number, attempt, named in (
        (name, number, one, named)
        for name, all_of_it in ATTEMPTS.items()
        for number, one in enumerate(all_of_it)
        for named in (person.team.slug, theirs.owner.team.slug)
    ):
        shown = b""
        if attempt.form is None:
            reply = client.get(attempt.path(theirs))
            shown = b"".join(reply)  # streamed or not
            if attempt.sees and watches and reply.status_code != 200:
                wrong[f"{name} {number}"] = f"kept: {reply.status_code}"
        else:
            form = attempt.form(theirs)
            form["team"] = named
            client.post(attempt.path(theirs), form)
        if not (attempt.sees and watches) and _shows(theirs, shown):
            wrong[f"{name} {number}"] = "shown"
        after = _all_but_own_traces_of(person)
        changed = [model for model, rows in after.items() if rows != before[model]]
        if changed:
            wrong[f"{name} {number}"] = changed
        before = after
        client.post("/team/", {"team": person.team.slug})
    return wrong


def _all_but_own_traces_of(person: Membership) -> dict[str, list[dict[str, Any]]]:
    """Return every row but those that keep what the person types, wherever it leads, and without
    in which of their teams they were last.
    """
    rows = everything()
    for row in rows["Membership"]:
        if row["user_id"] == person.user_id:
            row["last_entered_at"] = None
    rows["Draft"] = [row for row in rows["Draft"] if row["user_id"] != person.user_id]
    return rows


def _shows(theirs: Belongings, content: bytes) -> bool:
    text = content.decode()
    theirs_alone = [theirs.endpoint.url, theirs.owner.user.email, str(theirs.kept.pk)]
    theirs_alone += [theirs.draft.prompt, theirs.draft.idempotency_key]
    return any(one in text for one in theirs_alone)
