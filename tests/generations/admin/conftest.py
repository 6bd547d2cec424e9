"""An administrator's browser, and one row of everything that the admin shows."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Model
from django.test import Client
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule, Success
from django_q.signing import SignedPackage

from accounts.authority import By
from accounts.models import (
    ApiKey,
    AuditEvent,
    HostBackoff,
    Membership,
    Notice,
    NoticeKind,
    Project,
    Team,
    User,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from accounts.notices.service import notify
from accounts.roles import Permission
from accounts.webhooks.secrets import reveal_secret, webhook_secret
from billing.models import (
    Account,
    Hold,
    HoldWindow,
    Rate,
    SpendAlert,
    SpendLimit,
    SpendWindow,
    Transfer,
)
from billing.subjects import Subject
from generations.lifecycle import EventKind, State
from generations.models import (
    Approval,
    ApprovalThreshold,
    CallbackReceipt,
    Discrepancy,
    Film,
    Generation,
    GenerationEvent,
    ProviderKey,
    RetentionRule,
    StoredFile,
    Upload,
    UsageSample,
    VideoModel,
)
from generations.task_object import film_url
from generations.transitions import record_event
from generations.uploads.links import upload_url
from generations.uploads.service import store_upload
from platform_site.models import Cluster, Heartbeat
from tests.factories import (
    SYSTEM,
    fund,
    image_bytes,
    make_api_key,
    make_generation,
    make_limit,
    make_member,
    make_provider_key,
    make_team,
    make_user,
    team_subject,
)

SECRET = "sk-sandbox-planted-vendor-secret-4711"
CLIENT_SECRET = "planted-client-secret"


@dataclass
class World:
    """One row of every model, and every text that no page may show."""

    rows: dict[type[Model], Any]
    secrets: dict[str, str]
    membership: Membership


@pytest.fixture
def root(db: None) -> User:
    """A superuser."""
    return make_user("root@example.com", admin=True)


@pytest.fixture
def browser(root: User) -> Client:
    """The superuser's browser."""
    client = Client()
    client.force_login(root)
    return client


@pytest.fixture
def world(team: Team, alice: Membership) -> World:
    """A team that has done everything once."""
    now = timezone.now()
    provider_key = make_provider_key(team, secret=SECRET, label="Shared")
    issued = make_api_key(alice, hourly=1000, allowed_networks=["10.0.0.0/8"])
    limit = make_limit(team_subject(team), 500, team=team)
    make_limit(Subject("member", f"{team.pk}:{alice.user_id}"), 500, team=team)
    picture = SimpleUploadedFile("a.jpg", image_bytes(), content_type="image/jpeg")
    upload = store_upload(picture, by=By.member(alice), now=now)
    generation = make_generation(
        alice,
        State.COMPLETED,
        prompt="A planted lake",
        image_urls=[upload_url(upload)],
        submission={"api_key": issued.key},
    )
    Generation.objects.filter(pk=generation.pk).update(
        callback_url=f"https://client.example/hook?token={CLIENT_SECRET}"
    )
    generation.refresh_from_db()
    film = generation.film
    CallbackReceipt.objects.create(
        generation=generation, proposed_id="t1", event="task.completed", verdict="noted"
    )
    WebhookDelivery.objects.create(
        team=team,
        url=f"https://client.example/hook?token={CLIENT_SECRET}",
        event="task.completed",
        reference=str(generation.pk),
        subject_kind="generation",
        subject_id=str(generation.pk),
        body=f'{{"output": {{"urls": ["{film_url(film)}"]}}}}',
    )
    _plant_attempts(team, f"{SECRET} and {film_url(film)}")
    reveal_secret(team=team, by=By.member(alice))
    _plant_archive(team, film)
    _plant_budgets(alice, provider_key, generation, text=f"{SECRET} and {film_url(film)}")
    _plant_background(f"{SECRET} and {film_url(film)}")
    Group.objects.create(name="Readers")
    fresh_key = ApiKey.objects.get(pk=issued.key.pk)
    secrets = {
        "api key text": issued.text,
        "api key prefix": fresh_key.prefix,
        "api key digest": fresh_key.digest,
        "vendor secret": SECRET,
        "vendor token": ProviderKey.objects.get(pk=provider_key.pk).secret_token,
        "webhook token": Team.objects.get(pk=team.pk).webhook_secret_token,
        "webhook secret": webhook_secret(team),
        "callback token": generation.callback_token,
        "approval token": Approval.objects.get().token,
        "film token": film.token,
        "film source": film.source_url,
        "upload token": upload.token,
        "client secret": CLIENT_SECRET,
        "password hash": alice.user.password,
    }
    rows = {model: model._default_manager.first() for model in _MODELS}
    rows |= {SpendLimit: limit, ProviderKey: provider_key, ApiKey: fresh_key, Team: team}
    rows |= {Film: film, Generation: generation, User: alice.user}
    missing = [model.__name__ for model, row in rows.items() if row is None]
    assert not missing, missing
    return World(rows=rows, secrets=secrets, membership=alice)


_MODELS: tuple[type[Model], ...] = (
    Account,
    ApiKey,
    Approval,
    ApprovalThreshold,
    AuditEvent,
    Heartbeat,
    CallbackReceipt,
    Cluster,
    Discrepancy,
    Failure,
    Film,
    Generation,
    GenerationEvent,
    Group,
    Hold,
    HoldWindow,
    Membership,
    UsageSample,
    Notice,
    OrmQ,
    Project,
    ProviderKey,
    Rate,
    RetentionRule,
    Schedule,
    HostBackoff,
    SpendAlert,
    SpendLimit,
    SpendWindow,
    StoredFile,
    Success,
    Team,
    Transfer,
    Upload,
    User,
    VideoModel,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)


def grow(world: World, times: int = 3) -> None:
    """Do all of it again for more people, so that lists and inlines get longer."""
    team = world.membership.team
    fund(team, 10_000)
    SpendLimit.objects.update(credits=10_000)
    first = world.rows[Generation]
    for number in range(times):
        member = make_member(team)
        other = make_team(f"Other {number}", credits=1000)
        make_member(other, user=world.membership.user)
        make_member(other, user=member.user)
        make_provider_key(other)
        key = make_api_key(member, hourly=1000).key
        make_limit(Subject("member", f"{team.pk}:{member.user_id}"), 500, team=team)
        make_limit(Subject("api_key", str(key.pk)), 500, team=team, window="day")
        generation = make_generation(member, State.COMPLETED, submission={"api_key": key})
        _plant_archive(other, generation.film)
        make_generation(member, State.NEEDS_REVIEW)
        Upload.objects.create(
            team=team,
            user=member.user,
            content_type="image/png",
            size=1,
            width=1,
            height=1,
            expires_at=timezone.now(),
        )
        CallbackReceipt.objects.create(generation=generation, proposed_id="t", verdict="noted")
        CallbackReceipt.objects.create(generation=first, proposed_id="t", verdict="noted")
        record_event(first, EventKind.CALLBACK, by=SYSTEM, message="Again.")
        WebhookDelivery.objects.create(
            team=other,
            url="https://client.example/",
            event="task.completed",
            reference=str(generation.pk),
            subject_kind="generation",
            subject_id=str(generation.pk),
            body="{}",
            state="given_up",
        )
        _plant_attempts(other, "again")
        _plant_budgets(member, world.rows[ProviderKey], generation, text="again")
        make_generation(member)  # waits for approval: there is a rule over the member now
        make_limit(
            Subject("member", f"{team.pk}:{member.user_id}:own"), 500, team=team, window="day"
        )
        Group.objects.create(name=f"Group {number}")
        Schedule.objects.create(name=f"again {number}", func="generations.ops.steps.sweep_step")
        Heartbeat.objects.create(name=f"beat {number}", heartbeat_at=timezone.now())
        _plant_background(f"again {number}", code=f"{number:02x}")


def make_discrepancy(
    provider_key: ProviderKey, *, detail: str, candidates: list[str]
) -> Discrepancy:
    """Open a discrepancy that does not grow."""
    now = timezone.now()
    return Discrepancy.objects.create(
        provider_key=provider_key,
        since=now - timedelta(hours=1),
        opened_at=now,
        seen_at=now,
        credits=70,
        verdict="unknown_submit",
        detail=detail,
        candidates=candidates,
    )


def _plant_attempts(team: Team, text: str) -> None:
    WebhookAttempt.objects.create(
        delivery=WebhookDelivery.objects.filter(team=team)[0],
        number=1,
        at=timezone.now(),
        headers={"webhook-signature": CLIENT_SECRET},
        status=500,
        duration_ms=7,
        snippet=text,
        problem=text,
    )
    HostBackoff.objects.create(team=team, host="client.example:443", ends_at=timezone.now())


def _plant_budgets(
    member: Membership, provider_key: ProviderKey, generation: Generation, *, text: str
) -> None:
    now, team = timezone.now(), member.team
    project = Project.objects.create(
        team=team, name=f"Autumn {member.pk}", slug=f"autumn-{member.pk}"
    )
    Generation.objects.filter(pk=generation.pk).update(project=project)
    make_limit(Subject("project", str(project.pk)), 500, team=team)
    ApprovalThreshold.objects.create(team=team, user=member.user, above=50)
    Approval.objects.create(
        generation=generation,
        above=50,
        expires_at=now + timedelta(days=1),
        decision=Approval.Decision.APPROVED,
        decided_at=now,
        reason=text,
    )
    notify(
        team=team,
        audience=Permission.LIMITS,
        kind=NoticeKind.WALLET_LOW,
        title=text,
        body=text,
        key=f"planted:{member.pk}",
        now=now,
    )
    WebhookEndpoint.objects.create(
        team=team,
        url=f"https://client.example/{member.pk}?token={CLIENT_SECRET}",
        events=["wallet.low"],
    )
    SpendAlert.objects.create(window=_a_window(), threshold=member.pk % 100 + 1)
    UsageSample.objects.create(
        provider_key=provider_key,
        taken_at=now,
        balance=1000,
        charged=70,
        refunded=0,
        in_flight=0,
        unknown=0,
        stable=True,
        is_baseline=True,
        verdict="agrees",
    )
    make_discrepancy(provider_key, detail=text, candidates=[str(generation.pk)])


def _plant_archive(team: Team, film: Film) -> None:
    RetentionRule.objects.get_or_create(
        team=team, defaults={"days": 30, "set_by": "test", "set_at": timezone.now()}
    )
    stored = StoredFile.objects.create(sha256=film.pk.hex, file_name=f"shared/{film.pk}")
    Film.objects.filter(pk=film.pk).update(stored=stored)


def _a_window() -> SpendWindow:
    window = SpendWindow.objects.first()
    assert window is not None
    return window


def _plant_background(text: str, code: str = "f") -> None:
    now = timezone.now()
    run = {
        "func": "generations.archive.steps.keep_step",
        "started": now,
        "stopped": now,
        "args": (text,),
    }
    Success.objects.create(id="a" + (code * 31)[:31], name="well", success=True, result=text, **run)
    Failure.objects.create(
        id="b" + (code * 31)[:31], name="badly", success=False, result=f"Boom\n{text}", **run
    )
    task = {
        "id": "c" * 32,
        "name": "waits",
        "func": "generations.archive.steps.keep_step",
        "args": (text,),
    }
    OrmQ.objects.create(key="dailies", payload=SignedPackage.dumps(task), lock=now)
    Schedule.objects.create(name="sweep", func="generations.ops.steps.sweep_step", args=text)
    Heartbeat.objects.update_or_create(name="cluster", defaults={"heartbeat_at": now})
    Cluster.objects.create(
        id=uuid4(), queue="dailies", host="desk", pid=7, started_at=now, heartbeat_at=now
    )
