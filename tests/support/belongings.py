"""One row of everything that belongs to a team, for tests of who may touch it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.apps import apps
from django.utils import timezone

from accounts.authority import By
from accounts.models import (
    ApiKey,
    Membership,
    Project,
    WebhookDelivery,
    WebhookEndpoint,
)
from accounts.projects.service import create_project
from accounts.roles import Role
from accounts.webhooks.endpoints import add_endpoint
from generations.approvals.service import set_threshold
from generations.drafts import DraftContent, PageState, save_draft
from generations.lifecycle import ReviewReason, State
from generations.models import Discrepancy, Draft, Film, Generation, ProviderKey
from generations.provider_keys.service import pause_provider_key
from tests.factories import (
    SYSTEM,
    fund,
    make_api_key,
    make_generation,
    make_member,
    make_provider_key,
    make_team,
)

_OURS = ("accounts", "billing", "generations")
_CHEAP: dict[str, Any] = {"duration": 4, "resolution": "480p", "generate_audio": False}


@dataclass(frozen=True)
class Belongings:
    """A team's owner and one row of each kind; everything is the owner's or the team's."""

    owner: Membership
    project: Project
    api_key: ApiKey
    provider_key: ProviderKey
    endpoint: WebhookEndpoint
    delivery: WebhookDelivery
    discrepancy: Discrepancy
    doubtful: Generation
    waiting: Generation
    queued: Generation
    lost: Generation
    kept: Generation
    draft: Draft


def make_belongings(name: str = "Next door", *, paused: bool = False) -> Belongings:
    """Make a funded team that has one of everything; `paused` keeps a running site from sending."""
    team = make_team(name)
    fund(team, 10_000)
    owner = make_member(team, Role.OWNER)
    provider_key = make_provider_key(team)
    if paused:
        pause_provider_key(provider_key, reason="Nothing is sent.", by=SYSTEM)
    project = create_project(team=owner.team, name=f"{name} launch", by=SYSTEM)
    endpoint = add_endpoint(
        team=owner.team,
        url=f"https://hooks.{team.slug}.example/",
        events=["wallet.low"],
        by=SYSTEM,
    )
    delivery = WebhookDelivery.objects.create(
        team=team, endpoint=endpoint, url=endpoint.url, reference=str(uuid4()), event="wallet.low"
    )
    discrepancy = Discrepancy.objects.create(
        provider_key=provider_key,
        since=timezone.now() - timedelta(hours=1),
        opened_at=timezone.now(),
        seen_at=timezone.now(),
        credits=12,
        verdict="unknown_submit",
    )
    queued = make_generation(owner, State.QUEUED, **_CHEAP)
    doubtful = make_generation(owner, State.NEEDS_REVIEW, **_CHEAP)
    Generation.objects.filter(pk=doubtful.pk).update(
        review_reason=ReviewReason.SUBMIT_UNKNOWN, upstream_id=None
    )
    lost = make_generation(owner, State.COMPLETED, film=False, **_CHEAP)
    Film.objects.filter(pk=lost.pk).update(
        state=Film.State.GIVEN_UP, lost_at=timezone.now(), next_attempt_at=None
    )
    kept = make_generation(owner, State.COMPLETED, **_CHEAP)
    set_threshold(team=team, above=0, by=SYSTEM)
    waiting = make_generation(owner, State.QUEUED, **_CHEAP)
    set_threshold(team=team, above=None, by=SYSTEM)
    draft = save_draft(
        str(uuid4()),
        DraftContent(prompt="Nobody has read this yet"),
        state=PageState("a-page", sequence=1),
        by=By.member(owner),
        now=timezone.now(),
    )
    for one in (doubtful, lost, kept):
        one.refresh_from_db()
    return Belongings(
        owner=owner,
        project=project,
        api_key=make_api_key(owner).key,
        provider_key=provider_key,
        endpoint=endpoint,
        delivery=delivery,
        discrepancy=discrepancy,
        doubtful=doubtful,
        waiting=waiting,
        queued=queued,
        lost=lost,
        kept=kept,
        draft=draft,
    )


def everything() -> dict[str, list[dict[str, Any]]]:
    """Return every row of our own apps: what is the same before and after was not touched."""
    return {
        model.__name__: list(model._default_manager.order_by("pk").values())
        for label in _OURS
        for model in apps.get_app_config(label).get_models()
    }
