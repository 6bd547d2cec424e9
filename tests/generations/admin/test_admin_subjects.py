"""Links in the admin go where a row says that it is about, and nowhere else."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from accounts.audit import record
from accounts.models import (
    ApiKey,
    AuditAction,
    AuditEvent,
    Membership,
    Notice,
    NoticeKind,
    Project,
    Team,
    User,
    WebhookDelivery,
    WebhookEndpoint,
)
from accounts.webhooks.endpoints import add_endpoint
from accounts.webhooks.events import chosen_names
from accounts.webhooks.outbox import put_test
from billing.models import Hold, Rate, SpendLimit, SpendWindow, Transfer
from generations.approvals.service import set_threshold
from generations.lifecycle import State
from generations.limits.alerts import raise_spend_alerts
from generations.limits.service import cap
from generations.models import Approval, Generation, ProviderKey, VideoModel
from generations.provider_keys.service import pause_provider_key, pause_refused_key
from generations.review.decide import PATIENCE, notify_long_reviews
from tests.factories import SYSTEM, make_api_key, make_generation, refusal
from tests.generations.admin.test_admin_pages import path_of

pytestmark = pytest.mark.django_db

LINK = re.compile(r'href="(/admin/[a-z]+/[a-z]+/[^/"]+/change/)"')
OF_WEBHOOKS = {
    "generation.failed": Generation,
    "task.failed": Generation,
    "generation.in_review": Generation,
    "approval.asked": Approval,
    "provider_key.paused": ProviderKey,
    "budget.threshold": SpendLimit,
    "wallet.low": Team,
    "webhook.test": WebhookEndpoint,
}


@pytest.fixture
def told(team: Team, alice: Membership, provider_key: ProviderKey) -> dict[type[Model], Any]:
    """Let everything happen that webhooks tell of; return what each is about."""
    url = "https://client.example/events"
    endpoint = add_endpoint(team=alice.team, url=url, events=chosen_names(), by=SYSTEM)
    put_test(endpoint, by=SYSTEM, now=timezone.now())
    failed = make_generation(alice, State.FAILED, prompt="A pier")
    reviewed = make_generation(alice, State.NEEDS_REVIEW, prompt="A lake")
    limit = cap(team, window="day", credits=140, by=SYSTEM)
    team.accounts.filter(kind="wallet").update(low_at=1_000)
    set_threshold(team=team, above=10, by=SYSTEM)
    asked = make_generation(alice, prompt="A sea")
    raise_spend_alerts(now=timezone.now())
    notify_long_reviews(now=timezone.now() + PATIENCE * 2)
    pause_provider_key(provider_key, reason="Out of credits.", by=SYSTEM)
    WebhookDelivery.objects.create(
        team=team,
        url="https://client.example/own",
        event="task.failed",
        reference=str(failed.pk),
        subject_kind="generation",
        subject_id=str(failed.pk),
        body="{}",
    )
    return {
        Generation: {str(failed.pk), str(reviewed.pk)},
        Approval: {str(asked.pk)},
        ProviderKey: {str(provider_key.pk)},
        SpendLimit: {str(limit.pk) if limit else ""},
        Team: {str(team.pk)},
        WebhookEndpoint: {str(endpoint.pk)},
    }


def text_of(browser: Client, path: str, query: dict[str, Any] | None = None) -> str:
    reply = browser.get(path, query or {})
    assert reply.status_code == 200
    return reply.content.decode()


def cell(page: str, name: str) -> str:
    """Return what the one row of a list shows in a column."""
    [found] = re.findall(rf'<t[dh][^>]*class="[^"]*field-{name}[^"]*".*?</t[dh]>', page, re.S)
    return str(found)


@pytest.mark.parametrize("event", OF_WEBHOOKS)
def test_f15_a_webhook_links_to_what_its_event_is_about(
    browser: Client, told: dict[type[Model], Any], event: str
) -> None:
    model = OF_WEBHOOKS[event]
    [delivery] = WebhookDelivery.objects.filter(event=event)
    assert delivery.subject_id in told[model]
    target = path_of(model, "change", delivery.subject_id)
    listed = text_of(browser, path_of(WebhookDelivery, "changelist"), {"event": event})
    assert LINK.findall(cell(listed, "shown_subject")) == [target]
    page = text_of(browser, path_of(WebhookDelivery, "change", delivery.pk))
    assert target in page
    strange = {path_of(Generation, "change", one.subject_id) for one in _not_about_generations()}
    assert not strange & set(LINK.findall(listed + page))
    assert browser.get(target).status_code == 200, "a link leads to a page that there is"


def _not_about_generations() -> list[WebhookDelivery]:
    return list(WebhookDelivery.objects.exclude(subject_kind__in=["generation", "approval"]))


def test_f15_the_first_page_links_failing_webhooks_alike(
    browser: Client, told: dict[type[Model], Any], team: Team
) -> None:
    low = WebhookDelivery.objects.filter(event="wallet.low")
    WebhookDelivery.objects.exclude(event="wallet.low").delete()
    assert low.update(state="given_up", attempts=9) == 1
    page = text_of(browser, "/admin/").partition("Failing webhooks")[2]
    assert path_of(Team, "change", team.pk) in page


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        (NoticeKind.BUDGET_THRESHOLD, SpendLimit),
        (NoticeKind.WALLET_LOW, Team),
        (NoticeKind.PROVIDER_KEY_PAUSED, ProviderKey),
    ],
)
def test_f15_a_notice_links_to_what_it_is_about(
    browser: Client, told: dict[type[Model], Any], kind: NoticeKind, model: type[Model]
) -> None:
    [notice] = Notice.objects.filter(kind=kind)
    page = text_of(browser, path_of(Notice, "change", notice.pk))
    assert path_of(model, "change", *told[model]) in page


def test_f15_a_notice_about_several_things_links_to_none(
    browser: Client, told: dict[type[Model], Any]
) -> None:
    notice = Notice.objects.get(kind=NoticeKind.GENERATION_IN_REVIEW)
    assert (notice.subject_kind, notice.subject_id) == ("", "")
    assert browser.get(path_of(Notice, "change", notice.pk)).status_code == 200


def test_f15_an_audit_event_links_to_its_subject(
    browser: Client, told: dict[type[Model], Any], team: Team, alice: Membership
) -> None:
    key = make_api_key(alice).key
    project = Project.objects.create(team=team, name="Launch", slug="launch")
    rows: dict[type[Model], Any] = {
        ApiKey: key,
        Project: project,
        User: alice.user,
        VideoModel: VideoModel.objects.get(),
        Rate: Rate.objects.first(),
        WebhookDelivery: WebhookDelivery.objects.first(),
        Generation: Generation.objects.first(),
    }
    for model, row in rows.items():
        event = record(by=SYSTEM, action=AuditAction.USER_CHANGED, subject=row, team=team)
        target = path_of(model, "change", row.pk)
        assert target in text_of(browser, path_of(AuditEvent, "change", event.pk)), model
        assert browser.get(target).status_code == 200


def test_f15_a_change_of_a_model_links_to_the_model(browser: Client) -> None:
    model = VideoModel.objects.get()
    event = record(by=SYSTEM, action=AuditAction.MODEL_CHANGED, subject=model)
    page = text_of(browser, path_of(AuditEvent, "change", event.pk))
    assert path_of(VideoModel, "change", model.pk) in page


def test_f15_a_limits_scope_without_a_page_is_words(
    browser: Client, team: Team, alice: Membership
) -> None:
    cap(alice, window="day", credits=100, by=SYSTEM)
    event = AuditEvent.objects.get(action=AuditAction.SPEND_LIMIT_SET)
    assert (event.subject_kind, event.subject_id) == ("member", f"{team.pk}:{alice.user_id}")
    page = text_of(browser, path_of(AuditEvent, "changelist"), {"action": "spend_limit.set"})
    assert LINK.findall(cell(page, "shown_subject")) == []
    assert f"member {alice.user.email}" in page


def test_f13_subjects_are_called_by_their_names(
    browser: Client, team: Team, alice: Membership, provider_key: ProviderKey
) -> None:
    key = make_api_key(alice, label="Night shift").key
    for target in (team, key):
        cap(target, window="day", credits=1_000, by=SYSTEM)
    make_generation(alice, submission={"api_key": key})
    windows = text_of(browser, path_of(SpendWindow, "changelist"))
    assert f"team {team}" in windows
    assert "API key Night shift (…" in windows
    assert f"team {team.pk}<" not in windows
    audit = text_of(browser, path_of(AuditEvent, "changelist"), {"action": "spend_limit.set"})
    assert "API key Night shift (…" in audit
    window = SpendWindow.objects.get(limit__subject_kind="api_key")
    assert "Night shift" in text_of(browser, path_of(SpendWindow, "change", window.pk))


def test_f15_a_hold_and_its_entries_link_to_the_generation(
    browser: Client, alice: Membership, provider_key: ProviderKey
) -> None:
    generation = make_generation(alice)
    target = path_of(Generation, "change", generation.pk)
    assert target in text_of(browser, path_of(Hold, "change", generation.hold_id))
    entry = Transfer.objects.get(hold=generation.hold_id)
    assert target in text_of(browser, path_of(Transfer, "changelist"), {"kind": entry.kind})


def test_f15_lists_have_labels_and_are_filtered_by_them(
    browser: Client, told: dict[type[Model], Any]
) -> None:
    page = text_of(browser, path_of(AuditEvent, "changelist"), {"action": "provider_key.paused"})
    assert cell(page, "action").count("Provider key paused") == 1
    page = text_of(browser, path_of(Notice, "changelist"), {"kind": "wallet.low"})
    assert cell(page, "kind").count("Wallet low") == 1


def test_f15_a_key_that_fails_again_is_told_of_once_a_day_and_another_key_at_once(
    team: Team, alice: Membership, bob: Membership, provider_key: ProviderKey
) -> None:
    other = ProviderKey.objects.create(
        team=team, owner=bob.user, label="Bob's", endpoint=provider_key.endpoint, last4="0000"
    )
    running = {"state": ProviderKey.State.ACTIVE, "pause_reason": ""}
    for _ in range(2):
        pause_refused_key(provider_key, refusal())
        ProviderKey.objects.update(**running)
    ProviderKey.objects.filter(pk=other.pk).update(probes=5)
    pause_refused_key(ProviderKey.objects.get(pk=other.pk), refusal())
    told = Notice.objects.filter(kind=NoticeKind.PROVIDER_KEY_PAUSED)
    ids = {str(provider_key.pk), str(other.pk)}
    assert set(told.values_list("subject_id", flat=True)) == ids
    assert told.count() == 2
    Notice.objects.update(created_at=timezone.now() - timedelta(days=2))
    ProviderKey.objects.update(**running)
    pause_refused_key(ProviderKey.objects.get(pk=provider_key.pk), refusal())
    assert told.count() == 3
