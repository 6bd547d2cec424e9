"""P18 and P20 through the door of admission, and whom a price change would touch."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.authority import By
from accounts.models import Membership, Project, Team
from accounts.roles import Role
from billing.errors import NoRate
from billing.models import Rate
from billing.selectors import books_of
from billing.services.rates import schedule_rate
from generations.approvals.service import approve, set_threshold
from generations.catalog.price_preview import PricePreview, Share, preview_rate
from generations.lifecycle import Ending, Money, State
from generations.models import Generation, ProviderKey
from generations.transitions import end_generation
from tests.factories import (
    SYSTEM,
    fund,
    make_generation,
    make_member,
    make_provider_key,
    make_team,
)
from tests.support.api import MODEL, Api

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def make_dearer(credits_per_second: int = 99, **changes: Any) -> Rate:
    """Raise the price of 720p with audio from now on."""
    rate: dict[str, Any] = {
        "model": MODEL,
        "resolution": "720p",
        "audio": True,
        "effective_from": timezone.now(),
        "by": SYSTEM,
    }
    return schedule_rate(credits_per_second=credits_per_second, **{**rate, **changes})


def preview(credits_per_second: int = 20, **changes: Any) -> PricePreview:
    """Preview a price of 720p with audio."""
    rate: dict[str, Any] = {"model": MODEL, "resolution": "720p", "audio": True}
    return preview_rate(
        credits_per_second=credits_per_second, now=timezone.now(), **{**rate, **changes}
    )


def test_p18_a_price_change_between_admission_and_settlement_changes_nothing(
    team: Team, alice: Membership, provider_key: ProviderKey
) -> None:
    generation = make_generation(alice, State.PROCESSING)
    make_dearer()
    end_generation(generation, Ending.COMPLETED, money=Money.SETTLE, by=SYSTEM, now=timezone.now())
    generation.refresh_from_db()
    assert (generation.credits_per_second, generation.credits) == (14, 70)
    assert generation.hold.settled == 70
    assert books_of(team).spent == 70


def test_p18_what_waits_for_approval_keeps_the_price_it_was_admitted_under(
    team: Team, alice: Membership, provider_key: ProviderKey
) -> None:
    set_threshold(team=team, above=0, by=SYSTEM)
    waiting = make_generation(alice)
    assert waiting.state == State.AWAITING_APPROVAL
    make_dearer()
    approve(waiting, by=By.member(alice), now=timezone.now())
    waiting.refresh_from_db()
    assert (waiting.state, waiting.credits) == (State.QUEUED, 70)
    assert books_of(team).held == 70


def test_p18_what_is_admitted_afterwards_has_the_new_price(
    alice: Membership, provider_key: ProviderKey
) -> None:
    earlier = make_generation(alice)
    rate = make_dearer()
    later = make_generation(alice)
    assert (earlier.credits, later.credits) == (70, 495)
    assert later.rate == rate


def test_p20_an_unpriced_resolution_is_refused_and_holds_nothing(team: Team, api: Api) -> None:
    Rate.objects.filter(model=MODEL, resolution="1080p").delete()
    reply = api.generate(resolution="1080p")
    assert reply.status_code == 404
    assert reply.json()["error"]["code"] == "model_not_found"
    assert books_of(team).held == 0
    assert api.generate(resolution="720p").status_code == 200


def test_p20_an_unpriced_model_is_refused_at_the_one_door(
    alice: Membership, provider_key: ProviderKey
) -> None:
    Rate.objects.all().delete()
    with pytest.raises(NoRate):
        make_generation(alice)
    assert not Generation.objects.exists()


def test_a_preview_adds_up_by_team_member_and_project(
    team: Team, alice: Membership, bob: Membership, provider_key: ProviderKey
) -> None:
    trailer = Project.objects.create(team=team, name="Trailer", slug="trailer")
    make_generation(alice, State.COMPLETED)
    make_generation(bob, State.COMPLETED, submission={"project": trailer}, duration=10)
    seen = preview(20)
    assert seen.total == Share(None, "", "", 2, 15, 210, 300)
    assert seen.total.difference == 90
    assert seen.teams == (Share(team.pk, "Studio", "Studio", 2, 15, 210, 300),)
    assert seen.members == (
        Share(bob.user.pk, "bob@studio.example", "Studio", 1, 10, 140, 200),
        Share(alice.user.pk, "alice@studio.example", "Studio", 1, 5, 70, 100),
    )
    assert seen.projects == (Share(trailer.pk, "Trailer", "Studio", 1, 10, 140, 200),)


def test_a_preview_counts_only_what_was_paid_for_under_those_parameters(
    alice: Membership, provider_key: ProviderKey
) -> None:
    make_generation(alice, State.COMPLETED, resolution="480p")
    make_generation(alice, State.COMPLETED, generate_audio=False)
    make_generation(alice, State.FAILED)
    make_generation(alice, State.PROCESSING)
    make_generation(alice, State.COMPLETED, now=timezone.now() - timedelta(days=31))
    seen = preview()
    assert seen.total == Share(None, "", "")
    assert (seen.teams, seen.members, seen.projects, seen.waiting) == ((), (), (), ())


def test_p18_a_preview_names_what_waits_and_keeps_its_price(
    team: Team, alice: Membership, bob: Membership, provider_key: ProviderKey
) -> None:
    queued = make_generation(alice)
    set_threshold(team=team, above=0, by=SYSTEM)
    asked = make_generation(bob, duration=10)
    seen = preview(20)
    assert seen.waiting_count == 2
    assert [(one.id, one.state, one.credits, one.credits_new) for one in seen.waiting] == [
        (queued.id, State.QUEUED, 70, 100),
        (asked.id, State.AWAITING_APPROVAL, 140, 200),
    ]


def test_a_preview_takes_three_queries_however_many_are_touched(
    vendor: Any, provider_key: ProviderKey, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(3):
        team = provider_key.team if number == 0 else make_team(f"Team {number}", credits=1000)
        if number:
            fund(team, 1000)
            make_provider_key(team)
        member = make_member(team, Role.MEMBER)
        for _ in range(2):
            make_generation(member, State.COMPLETED)
        make_generation(member)
    with django_assert_num_queries(3):
        seen = preview(7)
    assert [share.difference for share in seen.teams] == [-70, -70, -70]
    assert seen.waiting_count == 3
