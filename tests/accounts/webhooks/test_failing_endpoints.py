"""What becomes of an endpoint that is gone, fails for days, or is taken away midway."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.authority import By
from accounts.models import AuditEvent, Membership, Notice, WebhookDelivery, WebhookEndpoint
from accounts.webhooks.endpoints import remove_endpoint, set_endpoint_enabled
from accounts.webhooks.health import FAILING_LIFE
from accounts.webhooks.worker import deliver_due
from tests.support.receivers import (
    DELIVERED,
    GIVEN_UP,
    HOOK,
    PENDING,
    carried,
    carrying,
    for_endpoint,
    put,
)
from tests.support.vendor import Reply, Vendor, html, say

pytestmark = pytest.mark.django_db


class TestEndpoints:
    """What becomes of an endpoint that is gone, fails for days, or is taken away midway."""

    def test_one_that_is_gone_is_disabled_and_its_managers_hear_of_it(
        self, alice: Membership, endpoint: WebhookEndpoint, vendor: Vendor
    ) -> None:
        vendor.always(HOOK, say(410, b"moved away"))
        first, *_ = for_endpoint(endpoint, 3)
        WebhookDelivery.objects.exclude(pk=first.pk).update(
            next_attempt_at=timezone.now() + timedelta(hours=1)
        )
        carried(first)
        assert len(vendor.calls_to(HOOK)) == 1
        assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {GIVEN_UP}
        endpoint.refresh_from_db()
        assert not endpoint.enabled
        assert "410" in endpoint.disabled_reason
        notice = Notice.objects.get()
        assert (notice.permission, notice.path) == ("TEAM_KEYS", f"/webhooks/{endpoint.pk}/")
        assert notice.next_mail_at is not None
        event = AuditEvent.objects.get(action="webhook_endpoint.disabled")
        assert (event.actor, event.reason) == ("system:webhooks", endpoint.disabled_reason)
        set_endpoint_enabled(endpoint, enabled=True, by=By.member(alice))
        endpoint.refresh_from_db()
        assert (endpoint.enabled, endpoint.disabled_reason) == (True, "")

    def test_of_two_that_answer_gone_at_once_one_notice_is_made(
        self, endpoint: WebhookEndpoint, vendor: Vendor
    ) -> None:
        vendor.always(HOOK, say(410, b""))
        for_endpoint(endpoint, 4)
        assert deliver_due()
        assert Notice.objects.count() == 1
        assert not WebhookDelivery.objects.exclude(state=GIVEN_UP).exists()

    def test_a_tasks_own_url_that_is_gone_ends_what_waits_for_it_and_no_more(
        self, alice: Membership, charlie: Membership, vendor: Vendor, hook: str
    ) -> None:
        first, second = put(alice.team, hook, 2, event="task.completed")
        (other,) = put(alice.team, f"{hook}/other", event="task.completed")
        (theirs,) = put(charlie.team, hook, event="task.completed")
        WebhookDelivery.objects.exclude(pk=first.pk).update(
            next_attempt_at=timezone.now() + timedelta(hours=1)
        )
        vendor.next(HOOK, say(410, b""))
        carried(first)
        states = {one.pk: one.state for one in WebhookDelivery.objects.all()}
        assert states == {
            first.pk: GIVEN_UP,
            second.pk: GIVEN_UP,
            other.pk: PENDING,
            theirs.pk: PENDING,
        }
        (fresh,) = put(alice.team, hook, event="task.completed")
        assert carried(fresh).state == DELIVERED, "a later task is a fresh wish"

    def test_days_of_failures_disable_it_and_one_success_ends_them(
        self, endpoint: WebhookEndpoint, vendor: Vendor
    ) -> None:
        def fail_for_good() -> None:
            (delivery,) = for_endpoint(endpoint)
            while carried(delivery).state == PENDING:
                pass
            endpoint.refresh_from_db()

        def let_pass(days: timedelta) -> None:
            assert endpoint.failing_since is not None
            WebhookEndpoint.objects.update(failing_since=timezone.now() - days)

        def is_on() -> bool:
            endpoint.refresh_from_db()
            return endpoint.enabled

        vendor.always(HOOK, html(500))
        fail_for_good()
        assert is_on()
        let_pass(FAILING_LIFE - timedelta(minutes=5))
        fail_for_good()
        assert is_on()
        # A first failure after all that time is no whole day of tries.
        let_pass(FAILING_LIFE)
        (delivery,) = for_endpoint(endpoint)
        carried(delivery)
        assert is_on()
        vendor.next(HOOK, say(204, b""))
        carried(delivery)
        endpoint.refresh_from_db()
        assert endpoint.failing_since is None
        fail_for_good()
        let_pass(FAILING_LIFE)
        fail_for_good()
        assert not is_on()
        assert "5 days" in endpoint.disabled_reason
        assert Notice.objects.count() == 1

    @pytest.mark.parametrize(("reply", "state"), [(html(500), GIVEN_UP), (html(204), DELIVERED)])
    @pytest.mark.django_db(transaction=True)
    def test_one_that_is_removed_midway_gets_no_other_try(
        self,
        alice: Membership,
        endpoint: WebhookEndpoint,
        vendor: Vendor,
        reply: Reply,
        state: str,
    ) -> None:
        gate = vendor.gate()
        vendor.next(HOOK, gate.before(reply))
        for_endpoint(endpoint)
        with carrying():
            gate.wait()
            for_endpoint(endpoint, next_attempt_at=timezone.now() + timedelta(hours=1))
            remove_endpoint(endpoint, by=By.member(alice), now=timezone.now())
            gate.open()
        assert deliver_due()
        assert len(vendor.calls_to(HOOK)) == 1
        first, second = WebhookDelivery.objects.order_by("created_at")
        assert (first.state, second.state) == (state, GIVEN_UP)
        assert first.endpoint == endpoint

    def test_an_event_that_slips_in_while_it_is_switched_off_is_not_posted(
        self, endpoint: WebhookEndpoint, vendor: Vendor
    ) -> None:
        WebhookEndpoint.objects.update(enabled=False)
        (delivery,) = for_endpoint(endpoint)
        assert carried(delivery).state == GIVEN_UP
        assert vendor.calls == []
