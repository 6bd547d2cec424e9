"""Alerts on committed credits: which limit or wallet is told of, when, and once a reason."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from accounts.authority import By
from accounts.models import Membership, Notice, Team
from accounts.selectors import notices_for, unread_notices
from billing.models import SpendAlert, SpendLimit
from billing.subjects import Subject
from generations.lifecycle import Ending, Money
from generations.limits.alerts import raise_spend_alerts
from generations.limits.scopes.member import MEMBER
from generations.limits.service import cap, cap_own
from generations.models import ProviderKey
from generations.ops.sweep import run_sweep
from generations.transitions import end_generation
from tests.factories import SYSTEM, make_api_key, make_generation, make_hold, make_limit
from tests.support.races import race
from tests.support.steps import empty_queue, queued, run_queue
from tests.support.vendor import Vendor

pytestmark = pytest.mark.django_db


def alert() -> int:
    return raise_spend_alerts(now=timezone.now())


def titles(member: Membership) -> list[str]:
    return [notice.title for notice in notices_for(member)]


class TestLimits:
    def test_the_managers_read_what_is_used_who_can_raise_it_and_when_it_ends(
        self, limit: SpendLimit, alice: Membership, bob: Membership
    ) -> None:
        make_generation(bob)
        assert alert() == 1
        (notice,) = notices_for(alice)
        assert notice.title == f"The team {alice.team}: 50% of the daily limit used"
        assert "70 of 140 credits" in notice.body
        assert "0 spent, 70 held" in notice.body
        assert "70 are left." in notice.body
        assert "00:00 UTC" in notice.body
        assert "To raise it, ask alice" in notice.body
        assert unread_notices(alice) == 1
        assert titles(bob) == []

    def test_it_is_told_once(self, limit: SpendLimit, alice: Membership) -> None:
        make_generation(alice)
        assert [alert(), alert(), alert()] == [1, 0, 0]
        assert Notice.objects.count() == 1

    def test_several_thresholds_at_once_are_one_message_about_the_highest(
        self, limit: SpendLimit, alice: Membership
    ) -> None:
        make_generation(alice)
        make_generation(alice)
        assert alert() == 1
        (notice,) = notices_for(alice)
        assert "100%" in notice.title
        assert "No more films can be created under it." in notice.body
        assert list(SpendAlert.objects.values_list("threshold", flat=True)) == [50, 80, 100]

    def test_given_back_and_held_again_is_not_told_twice(
        self, limit: SpendLimit, alice: Membership
    ) -> None:
        job = make_generation(alice)
        alert()
        assert end_generation(
            job, Ending.CANCELLED, money=Money.RELEASE, by=SYSTEM, now=timezone.now()
        )
        make_generation(alice)
        assert alert() == 0

    def test_tomorrow_is_told_anew(self, limit: SpendLimit, alice: Membership) -> None:
        make_generation(alice)
        alert()
        tomorrow = timezone.now() + timedelta(days=1)
        assert raise_spend_alerts(now=tomorrow) == 0
        make_generation(alice, now=tomorrow)
        assert raise_spend_alerts(now=tomorrow) == 1

    def test_lowering_the_limit_tells(self, limit: SpendLimit, alice: Membership) -> None:
        make_generation(alice)
        alert()
        cap(alice.team, window="day", credits=75, by=SYSTEM)
        assert alert() == 1
        assert "80%" in notices_for(alice)[0].title

    def test_a_members_limit_is_told_to_them_and_to_who_can_raise_it(
        self, rich: Team, alice: Membership, bob: Membership, provider_key: ProviderKey
    ) -> None:
        cap(bob, window="month", credits=70, by=SYSTEM)
        make_generation(bob)
        alert()
        expected = ["bob: 100% of the monthly limit used"]
        assert (titles(alice), titles(bob)) == (expected, expected)

    def test_a_managers_own_one_is_one_notice(
        self, rich: Team, alice: Membership, provider_key: ProviderKey
    ) -> None:
        cap(alice, window="month", credits=70, by=SYSTEM)
        make_generation(alice)
        alert()
        assert len(titles(alice)) == 1

    def test_a_limit_for_oneself_is_ones_own_affair(
        self, rich: Team, alice: Membership, bob: Membership, provider_key: ProviderKey
    ) -> None:
        cap_own(bob, window="day", credits=70, by=By.member(bob))
        make_generation(bob)
        alert()
        assert titles(alice) == []
        (notice,) = notices_for(bob)
        assert notice.title == "bob (personal limit): 100% of the daily limit used"
        assert "To raise it, ask bob." in notice.body

    def test_keys_and_projects_are_named(
        self, rich: Team, alice: Membership, provider_key: ProviderKey
    ) -> None:
        issued = make_api_key(alice, label="Nightly", total=100)
        cap(provider_key, window="week", credits=100, by=SYSTEM)
        make_generation(alice, submission={"api_key": issued.key})
        assert alert() == 2
        assert sorted(titles(alice)) == [
            f"API key Nightly (…{issued.key.last4}): 50% of the total limit used",
            f"Provider key Sandbox key (…{provider_key.last4}): 50% of the weekly limit used",
        ]
        assert issued.text not in str([notice.body for notice in Notice.objects.all()])

    @pytest.mark.parametrize(
        ("kind", "number"),
        [("planet", "1"), ("team", "x"), ("member", "999"), ("member", "1:x"), ("api_key", "999")],
    )
    def test_a_limit_of_nothing_we_know_says_nothing_and_not_for_ever(
        self, rich: Team, kind: str, number: str
    ) -> None:
        make_limit(Subject(kind, number), 10, team=rich)
        make_hold(rich, 10, subjects=(Subject(kind, number),))
        assert [alert(), alert()] == [0, 0]
        assert not Notice.objects.exists()
        assert SpendAlert.objects.count() == 3

    def test_p32_strangers_hear_nothing(
        self, limit: SpendLimit, alice: Membership, charlie: Membership
    ) -> None:
        make_generation(alice)
        alert()
        assert titles(charlie) == []
        run_queue("mail")
        assert charlie.user.email not in [to for sent in mail.outbox for to in sent.to]

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.both_databases
    def test_of_twenty_at_once_one_tells(self, rich: Team, alice: Membership) -> None:
        subject = MEMBER.subject(alice)
        make_limit(subject, 100, team=rich)
        make_hold(rich, 85, subjects=(subject,))
        results = race(20, lambda _: alert())
        assert sorted(map(str, results)) == ["0"] * 19 + ["1"]
        assert len(titles(alice)) == 1
        assert queued() == [("mail", (Notice.objects.get().pk,))]


class TestWallet:
    def test_low_is_told_once_a_fall(self, alice: Membership, provider_key: ProviderKey) -> None:
        team = alice.team  # 1,000 credits, and told below 1,000
        assert alert() == 0
        job = make_generation(alice)
        assert [alert(), alert()] == [1, 0]
        (notice,) = notices_for(alice)
        assert notice.title == "Wallet low: 930 credits left"
        assert f"{team} has 930 credits left, below its alert at 1,000." in notice.body
        assert "An administrator can top up the wallet." in notice.body
        end_generation(job, Ending.CANCELLED, money=Money.RELEASE, by=SYSTEM, now=timezone.now())
        assert alert() == 0
        make_generation(alice)
        assert alert() == 1
        assert len(titles(alice)) == 2

    def test_members_are_not_bothered(self, alice: Membership, bob: Membership) -> None:
        make_hold(alice.team, 1)
        alert()
        assert titles(bob) == []


class TestSweep:
    def test_it_raises_alerts(self, limit: SpendLimit, alice: Membership) -> None:
        make_generation(alice)
        empty_queue()
        assert run_sweep(run_seconds=0.2)
        assert len(titles(alice)) == 1

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.both_databases
    def test_an_alert_that_cannot_be_said_stops_nothing(
        self, limit: SpendLimit, alice: Membership, provider_key: ProviderKey, vendor: Vendor
    ) -> None:
        SpendLimit.objects.update(alert_at=["nonsense"])
        make_generation(alice)
        assert run_sweep(run_seconds=0.2)
