"""Telling managers of what nothing resolved."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from accounts.models import Membership, Notice, Team, WebhookDelivery, WebhookEndpoint
from generations.review.decide import PATIENCE, notify_long_reviews
from tests.support.races import race
from tests.support.reviewing import Lose, adopt
from tests.support.steps import run_queue
from tests.support.vendor import Vendor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


@pytest.fixture
def endpoint(team: Team) -> WebhookEndpoint:
    """The team's receiver of what waits in review."""
    return WebhookEndpoint.objects.create(
        team=team, url="https://client.example/hook", events=["generation.in_review"]
    )


def test_managers_are_told_once_of_what_nothing_resolved(
    lose: Lose, team: Team, alice: Membership, bob: Membership, endpoint: WebhookEndpoint
) -> None:
    lost = [lose(), lose()]
    now = timezone.now()
    assert notify_long_reviews(now=now) == 0
    assert notify_long_reviews(now=now + PATIENCE * 2) == 2
    for hours in (1, 2, 50):
        assert notify_long_reviews(now=now + timedelta(hours=hours)) == 0
    notice = Notice.objects.get()
    assert notice.title == "2 films need review: 24 credits stay held"
    assert (notice.permission, notice.path) == ("APPROVE", "/review/")
    run_queue("mail")
    assert [message.to for message in mail.outbox] == [[alice.user.email]]
    events = WebhookDelivery.objects.filter(event="generation.in_review")
    assert {one.reference for one in events} == {str(one.pk) for one in lost}


def test_a_team_that_was_told_is_told_of_the_next_one(lose: Lose) -> None:
    lose()
    later = timezone.now() + PATIENCE * 2
    assert notify_long_reviews(now=later) == 1
    lose()
    assert notify_long_reviews(now=later) == 1
    assert Notice.objects.count() == 2


def test_what_resolved_in_time_is_told_to_nobody(lose: Lose, vendor: Vendor) -> None:
    lost = lose()
    adopt(lost, vendor.only_task)
    assert notify_long_reviews(now=timezone.now() + PATIENCE * 2) == 0


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_sweeps_that_tell_at_once_tell_once(lose: Lose) -> None:
    for _ in range(3):
        lose()
    later = timezone.now() + PATIENCE * 2
    counts = race(8, lambda _n: notify_long_reviews(now=later))
    assert sorted(one for one in counts if isinstance(one, int)) == [0] * 7 + [3]
    assert Notice.objects.count() == 1
