"""Alerts on committed credits by e-mail and by webhook."""

from datetime import timedelta
from smtplib import SMTPRecipientsRefused
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks.webhooks import Webhook

from accounts.authority import By
from accounts.models import Membership, Notice, Team, WebhookDelivery
from accounts.notices.mail import mail_notice
from accounts.roles import Role
from accounts.webhooks.endpoints import add_endpoint
from accounts.webhooks.events import chosen_names
from accounts.webhooks.secrets import webhook_secret
from billing.models import SpendLimit
from generations.approvals.service import approve, deny, expire_approvals, set_threshold
from generations.limits.alerts import raise_spend_alerts
from generations.models import ProviderKey
from generations.ops.agenda import enqueue_due_steps
from tests.factories import SYSTEM, make_generation, make_hold, make_member
from tests.support.steps import empty_queue, run_queue
from tests.support.vendor import Vendor, say

pytestmark = pytest.mark.django_db


def alert() -> int:
    return raise_spend_alerts(now=timezone.now())


class TestMail:
    def test_each_manager_gets_one_with_a_link(
        self, limit: SpendLimit, alice: Membership, bob: Membership, settings: Settings
    ) -> None:
        manager = make_member(alice.team, Role.MANAGER, email="mia@studio.example")
        make_generation(bob)
        alert()
        assert mail.outbox == []
        assert run_queue("mail") == 1
        assert [sent.to for sent in mail.outbox] == [["alice@studio.example"], [manager.user.email]]
        sent = mail.outbox[0]
        assert sent.subject == f"[{alice.team}] The team {alice.team}: 50% of the daily limit used"
        assert f"{settings.PUBLIC_URL}/budgets/#limits" in sent.body
        assert f"you can set spend limits in {alice.team}" in sent.body
        assert sent.from_email == settings.DEFAULT_FROM_EMAIL
        assert sent.extra_headers["Auto-Submitted"] == "auto-generated"

    def test_a_second_delivery_of_the_task_mails_nobody_again(
        self, limit: SpendLimit, alice: Membership
    ) -> None:
        make_generation(alice)
        alert()
        notice = Notice.objects.get()
        mail_notice(notice.pk)
        mail_notice(notice.pk)
        assert len(mail.outbox) == 1

    def test_what_the_queue_lost_the_sweep_finds(
        self, limit: SpendLimit, alice: Membership
    ) -> None:
        make_generation(alice)
        alert()
        empty_queue()
        enqueue_due_steps(timezone.now() + timedelta(seconds=61))
        assert run_queue("mail") == 1
        assert len(mail.outbox) == 1
        enqueue_due_steps(timezone.now() + timedelta(days=1))
        assert run_queue("mail") == 0

    def test_an_address_that_is_refused_costs_nobody_else_their_mail(
        self, limit: SpendLimit, alice: Membership, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        manager = make_member(alice.team, Role.MANAGER, email="mia@studio.example")
        make_generation(alice)
        alert()
        notice = Notice.objects.get()
        refused = {"alice@studio.example"}

        def send(self: Any, messages: list[Any]) -> int:
            for message in messages:
                if set(message.to) & refused:
                    raise SMTPRecipientsRefused({})
                mail.outbox.append(message)
            return len(messages)

        monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", send)
        mail_notice(notice.pk)
        assert [sent.to for sent in mail.outbox] == [[manager.user.email]]
        refused.clear()
        notice.refresh_from_db()
        assert notice.next_mail_at is not None
        mail_notice(notice.pk)
        assert [sent.to for sent in mail.outbox] == [[manager.user.email], ["alice@studio.example"]]

    def test_names_cannot_write_headers(self, alice: Membership, provider_key: ProviderKey) -> None:
        Team.objects.filter(pk=alice.team_id).update(name="Studio\nBcc: mallory@example.com")
        make_hold(alice.team, 1)
        alert()
        run_queue("mail")
        assert mail.outbox[0].subject.startswith("[Studio Bcc: mallory@example.com] ")
        assert mail.outbox[0].recipients() == ["alice@studio.example"]


class TestWebhooks:
    @pytest.fixture
    def receiver(self, vendor: Vendor, settings: Settings) -> Vendor:
        settings.OUTBOUND_ALLOW = [vendor.url.removeprefix("http://")]
        return vendor

    def listen(self, member: Membership, receiver: Vendor, *events: str) -> None:
        add_endpoint(
            team=member.team,
            url=f"{receiver.url}/hooks",
            events=events or chosen_names(),
            by=SYSTEM,
        )

    def received(self, receiver: Vendor) -> list[tuple[str, Any]]:
        """Return what arrived once every message has had its next try."""
        waiting = WebhookDelivery.objects.filter(next_attempt_at__isnull=False)
        waiting.update(next_attempt_at=timezone.now())
        enqueue_due_steps(timezone.now())
        run_queue("deliver")
        calls = receiver.calls_to("/hooks")
        return [(call.headers["x-event"], call.json) for call in calls]

    def test_a_threshold_arrives_signed(
        self, limit: SpendLimit, alice: Membership, receiver: Vendor
    ) -> None:
        self.listen(alice, receiver)
        make_generation(alice)
        alert()
        ((event, body),) = self.received(receiver)
        assert event == body["type"] == "budget.threshold"
        data = body["data"]
        assert {name: data[name] for name in ("scope", "window", "threshold", "limit")} == {
            "scope": "team",
            "window": "day",
            "threshold": 50,
            "limit": 140,
        }
        assert (data["used"], data["spent"], data["held"], data["left"]) == (70, 0, 70, 70)
        assert data["raised_by"] == ["alice"]
        assert data["resets_at"] - data["window_starts_at"] == 86_400
        (call,) = receiver.calls_to("/hooks")
        assert Webhook(webhook_secret(alice.team)).verify(call.body, dict(call.headers)) == body
        assert WebhookDelivery.objects.get().state == WebhookDelivery.State.DELIVERED

    def test_an_endpoint_that_is_down_is_tried_again(
        self, alice: Membership, receiver: Vendor
    ) -> None:
        self.listen(alice, receiver)
        receiver.next("/hooks", say(500, {}))
        make_hold(alice.team, 1)
        alert()
        assert [event for event, _ in self.received(receiver)] == ["wallet.low"]
        assert [event for event, _ in self.received(receiver)] == ["wallet.low"] * 2
        assert len({call.headers["webhook-id"] for call in receiver.calls_to("/hooks")}) == 1

    def test_approvals_are_told_when_asked_and_when_decided(
        self, alice: Membership, bob: Membership, provider_key: ProviderKey, receiver: Vendor
    ) -> None:
        self.listen(alice, receiver, "approval.asked", "approval.decided")
        set_threshold(team=alice.team, above=50, by=SYSTEM)
        now = timezone.now()
        yes, no, late = (make_generation(bob, now=now) for _ in range(3))
        approve(yes, by=By.member(alice), now=now)
        deny(no, by=By.member(alice), now=now, reason="Too dear")
        expire_approvals(now=now + timedelta(days=4))
        told = self.received(receiver)
        asked = {body["data"]["task"] for event, body in told if event == "approval.asked"}
        assert asked == {str(job.pk) for job in (yes, no, late)}
        decided = {
            body["data"]["task"]: (body["data"]["decision"], body["data"]["reason"])
            for event, body in told
            if event == "approval.decided"
        }
        assert decided == {
            str(yes.pk): ("approved", ""),
            str(no.pk): ("denied", "Too dear"),
            str(late.pk): ("expired", ""),
        }
        assert yes.approval.token not in str(told)

    def test_p32_a_strangers_endpoint_hears_nothing(
        self, limit: SpendLimit, alice: Membership, charlie: Membership, receiver: Vendor
    ) -> None:
        charlie.team.accounts.filter(kind="wallet").update(low_at=0)
        self.listen(charlie, receiver)
        make_generation(alice)
        alert()
        assert self.received(receiver) == []
