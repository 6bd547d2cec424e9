"""`submit_generation`: the one door that every request comes through."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ

from accounts.authority import By
from accounts.models import ApiKey, Membership
from billing.errors import InsufficientCredits, NoRate, SpendLimitExceeded
from billing.models import Hold, Rate, SpendWindow
from billing.selectors import books_of
from billing.subjects import Subject
from generations.errors import IdempotencyConflict, NoProviderKey
from generations.limits.scopes.api_key import API_KEY
from generations.limits.scopes.member import MEMBER
from generations.limits.scopes.own import OWN
from generations.limits.scopes.provider_key import PROVIDER_KEY
from generations.limits.scopes.registry import subjects_of
from generations.models import Generation, ProviderKey
from generations.ops.agenda import enqueue_due_steps
from generations.ordering.alternatives import credits_left
from generations.ordering.submit import submit_generation
from generations.reports.audit import audit_site
from platform_site.errors import PermissionDenied
from tests.factories import (
    make_api_key,
    make_limit,
    make_member,
    make_provider_key,
    make_request,
    make_team,
    team_subject,
)
from tests.support.api import MODEL
from tests.support.races import race
from tests.support.steps import queued

pytestmark = pytest.mark.django_db


def submit(
    membership: Membership,
    *,
    now: datetime | None = None,
    api_key: ApiKey | None = None,
    idempotency_key: str | None = None,
    **inputs: Any,
) -> Generation:
    """Submit a generation of, by default, 70 credits."""
    return submit_generation(
        make_request(membership.team, **inputs),
        by=By.member(membership),
        now=now or timezone.now(),
        api_key=api_key,
        idempotency_key=idempotency_key,
    )


def test_p01_scopes_come_in_one_order_narrowest_first(
    alice: Membership, provider_key: ProviderKey
) -> None:
    key = make_api_key(alice).key
    team = alice.team
    place: dict[str, Any] = {"team": team, "user": alice.user, "provider_key": provider_key}
    with_key = subjects_of(Generation(api_key=key, **place))
    assert [subject.kind for subject in with_key] == [
        "api_key",
        "provider_key",
        "member",
        "member",
        "team",
    ]
    assert subjects_of(Generation(api_key=None, **place)) == with_key[1:]


@pytest.mark.parametrize("scope", ["api_key", "provider_key", "own", "member", "team"])
@pytest.mark.parametrize("window", ["hour", "day", "week", "month", "total"])
def test_p03_a_limit_of_every_scope_and_window_refuses_and_says_which(
    alice: Membership, provider_key: ProviderKey, scope: str, window: str
) -> None:
    key = make_api_key(alice).key
    subject = {
        "api_key": API_KEY.subject(key),
        "provider_key": PROVIDER_KEY.subject(provider_key),
        "own": OWN.subject(alice),
        "member": MEMBER.subject(alice),
        "team": team_subject(alice.team),
    }[scope]
    make_limit(subject, 100, team=alice.team, window=window)
    submit(alice, api_key=key)
    with pytest.raises(SpendLimitExceeded) as caught:
        submit(alice, api_key=key)
    details = caught.value.details
    assert (details["scope"], details["window"]) == (subject.kind, window)
    assert (details["limit"], details["held"], details["needed"]) == (100, 70, 70)
    assert (details["resets_at"] is None) == (window == "total")
    assert books_of(alice.team).held == 70
    assert Generation.objects.count() == 1


def test_p03_a_members_limit_counts_whichever_key_they_come_with(
    alice: Membership, bob: Membership, provider_key: ProviderKey
) -> None:
    member = Subject("member", f"{bob.team.pk}:{bob.user.pk}")
    make_limit(member, 100, team=bob.team)
    submit(bob, api_key=make_api_key(bob).key)
    for key in (None, make_api_key(bob).key):
        with pytest.raises(SpendLimitExceeded):
            submit(bob, api_key=key)
    assert submit(alice)


def test_the_same_person_is_another_member_in_another_team(
    alice: Membership, provider_key: ProviderKey
) -> None:
    make_limit(Subject("member", f"{alice.team.pk}:{alice.user.pk}"), 0, team=alice.team)
    other = make_member(make_team("Other", credits=100), "member", user=alice.user)
    make_provider_key(other.team)
    assert submit(other)


class TestVariants:
    """P34: what would fit, nearest first, each admissible as it stands."""

    def refused(self, membership: Membership, **inputs: Any) -> list[dict[str, Any]]:
        """Submit what must be refused; return the variants that would fit."""
        with pytest.raises((SpendLimitExceeded, InsufficientCredits)) as caught:
            submit(membership, **inputs)
        variants: list[dict[str, Any]] = caught.value.details["variants"]
        return variants

    @pytest.mark.parametrize("room", [0, 11, 12, 27, 28, 35, 69, 120, 359])
    def test_p34_every_variant_fits_and_is_admitted(
        self, alice: Membership, provider_key: ProviderKey, room: int
    ) -> None:
        make_limit(team_subject(alice.team), room, team=alice.team)
        wanted: dict[str, Any] = {"duration": 12, "resolution": "1080p"}
        variants = self.refused(alice, **wanted)
        assert len(variants) <= 3
        assert bool(variants) == (room >= 12)
        assert [v["credits"] for v in variants] == sorted(
            (v["credits"] for v in variants), reverse=True
        )
        for variant in variants:
            assert variant["credits"] <= room
        if variants:
            chosen = dict(variants[0])
            credits = chosen.pop("credits")
            assert submit(alice, **wanted | chosen).credits == credits

    def test_p34_a_silent_request_is_not_offered_sound(
        self, alice: Membership, provider_key: ProviderKey
    ) -> None:
        make_limit(team_subject(alice.team), 83, team=alice.team)
        variants = self.refused(alice, duration=12, generate_audio=False)
        assert not any(variant["generate_audio"] for variant in variants)
        assert variants[0] == {
            "duration": 11,
            "resolution": "720p",
            "generate_audio": False,
            "credits": 77,
        }

    def test_p34_the_tightest_scope_decides_what_fits(
        self, alice: Membership, provider_key: ProviderKey
    ) -> None:
        make_limit(team_subject(alice.team), 60, team=alice.team)
        make_limit(Subject("provider_key", str(provider_key.pk)), 30, team=alice.team)
        assert all(variant["credits"] <= 30 for variant in self.refused(alice))

    def test_credits_left_is_the_least_of_wallet_and_limits(
        self, alice: Membership, provider_key: ProviderKey
    ) -> None:
        subjects = [team_subject(alice.team)]
        assert credits_left(team=alice.team, subjects=subjects) == 1000
        make_limit(subjects[0], 300, team=alice.team, window="day")
        submit(alice)
        assert credits_left(team=alice.team, subjects=subjects) == 230
        tomorrow = timezone.now() + timedelta(days=1)
        assert credits_left(team=alice.team, subjects=subjects, now=tomorrow) == 300


class TestOrderOfRefusals:
    def test_permission_comes_first(self, alice: Membership) -> None:
        viewer = make_member(alice.team, "viewer")
        with pytest.raises(PermissionDenied):
            submit(viewer)

    def test_p20_without_a_price_nothing_is_held(
        self, alice: Membership, provider_key: ProviderKey
    ) -> None:
        Rate.objects.all().delete()
        with pytest.raises(NoRate):
            submit(alice)
        assert not Hold.objects.exists()

    def test_without_a_key_to_send_with_nothing_is_held(self, alice: Membership) -> None:
        with pytest.raises(NoProviderKey):
            submit(alice)
        assert not Hold.objects.exists()

    def test_p25_a_deleted_key_sends_nothing_new(
        self, alice: Membership, provider_key: ProviderKey
    ) -> None:
        ProviderKey.objects.update(state="sealed")
        with pytest.raises(NoProviderKey):
            submit(alice)

    def test_a_colleagues_own_key_is_not_borrowed(self, alice: Membership, bob: Membership) -> None:
        make_provider_key(alice.team, alice.user)
        with pytest.raises(NoProviderKey):
            submit(bob)

    def test_the_idempotency_key_comes_before_price_and_money(
        self, alice: Membership, provider_key: ProviderKey
    ) -> None:
        first = submit(alice, idempotency_key="order-1")
        make_limit(team_subject(alice.team), 0, team=alice.team)
        Rate.objects.filter(resolution="480p").delete()
        ProviderKey.objects.update(state="sealed")
        assert submit(alice, idempotency_key="order-1") == first
        with pytest.raises(IdempotencyConflict):
            submit(alice, idempotency_key="order-1", seed=5)


def test_p18_a_later_price_does_not_touch_what_was_admitted(
    alice: Membership, provider_key: ProviderKey
) -> None:
    moment = datetime(2026, 6, 1, tzinfo=UTC)
    Rate.objects.create(
        model=MODEL, resolution="720p", audio=True, credits_per_second=20, effective_from=moment
    )
    before = submit(alice, now=moment - timedelta(seconds=1))
    after = submit(alice, now=moment)
    assert (before.credits, after.credits) == (70, 100)
    before.refresh_from_db()
    assert (before.credits_per_second, before.hold.amount) == (14, 70)


def test_p07_a_day_is_used_up_and_the_next_is_fresh(
    alice: Membership, provider_key: ProviderKey
) -> None:
    make_limit(team_subject(alice.team), 70, team=alice.team, window="day")
    late = datetime(2026, 5, 1, 23, 59, 59, tzinfo=UTC)
    submit(alice, now=late)
    with pytest.raises(SpendLimitExceeded):
        submit(alice, now=late)
    assert submit(alice, now=late + timedelta(seconds=1))


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_p01_of_fifty_with_room_for_three_three_are_admitted(
        self, alice: Membership, provider_key: ProviderKey
    ) -> None:
        make_limit(team_subject(alice.team), 210, team=alice.team, window="month")
        results = race(50, lambda _n: submit(alice))
        admitted = [result for result in results if isinstance(result, Generation)]
        refused = [result for result in results if isinstance(result, SpendLimitExceeded)]
        assert (len(admitted), len(refused)) == (3, 47)
        assert all(refusal.details["held"] == 210 for refusal in refused)
        assert SpendWindow.objects.get().held == 210
        assert OrmQ.objects.count() == 1, "one dispatch for all of them"
        assert not list(audit_site())

    def test_p01_four_doors_and_one_wallet(
        self, alice: Membership, bob: Membership, provider_key: ProviderKey
    ) -> None:
        """With and without API keys, by two people with keys of their own."""
        make_provider_key(bob.team, bob.user)
        doors: list[dict[str, Any]] = [
            {"membership": who, "api_key": key}
            for who in (alice, bob)
            for key in (None, make_api_key(who, total=100_000).key)
        ]
        results = race(40, lambda n: submit(**doors[n % 4]))
        admitted = [result for result in results if isinstance(result, Generation)]
        assert len(admitted) == 14  # 1,000 credits
        assert books_of(alice.team).available == 20
        assert not list(audit_site())

    def test_twenty_with_one_idempotency_key_and_two_bodies(
        self, alice: Membership, provider_key: ProviderKey
    ) -> None:
        results = race(20, lambda n: submit(alice, idempotency_key="order-1", duration=5 + n % 2))
        made = {result.pk for result in results if isinstance(result, Generation)}
        conflicts = [result for result in results if isinstance(result, IdempotencyConflict)]
        assert len(made) == 1
        assert len(conflicts) == 10
        assert Generation.objects.count() == Hold.objects.count() == 1

    def test_when_the_dispatch_cannot_be_woken_the_sweep_does_it(
        self, alice: Membership, provider_key: ProviderKey
    ) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE django_q_ormq RENAME TO gone")
        try:
            assert submit(alice)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE gone RENAME TO django_q_ormq")
        assert books_of(alice.team).held == 70
        assert queued() == []
        enqueue_due_steps(timezone.now())
        assert ("dispatch", ()) in queued()
