"""What the vendor's meter opens, closes and remarks on, and never decides (P13, P20)."""

from collections.abc import Callable

import pytest
from django.utils import timezone

from accounts.models import AuditEvent, Membership, Team
from billing.models import Transfer
from generations.lifecycle import Ending, Money, State
from generations.models import Discrepancy, Generation, ProviderKey
from generations.models.usage_sample import UsageVerdict
from generations.reconciliation.discrepancies import accept_discrepancy
from generations.reconciliation.reads import open_discrepancies, standings, unknown_submits_between
from generations.review.adopt import adopt_task
from generations.review.corrections import release_reviewed, settle_reviewed
from generations.transitions import end_generation
from platform_site.errors import Conflict, InvalidRequest
from tests.factories import SYSTEM, make_generation, make_provider_key
from tests.support.meter import Clock, Meter
from tests.support.sending import send_now
from tests.support.vendor import CREATE, Vendor, drop

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def in_doubt(alice: Membership, clock: Clock, vendor: Vendor) -> Callable[[], Generation]:
    """Make generations whose reply was lost."""

    def make() -> Generation:
        generation = make_generation(alice)
        vendor.next(CREATE, drop)
        send_now()
        generation.refresh_from_db()
        assert generation.state == State.NEEDS_REVIEW
        return generation

    return make


def kinds_of(generation: Generation) -> list[str]:
    """Return the kinds of the generation's remarks by the meter."""
    events = generation.events.filter(kind__startswith="usage_")
    return list(events.values_list("kind", flat=True))


def test_p20_use_outside_dailies_is_shown_once_and_grows(
    team: Team, clock: Clock, meter: Meter
) -> None:
    meter.charge(84)
    assert clock.sample(3).verdict == UsageVerdict.WAITING
    assert not Discrepancy.objects.exists()
    assert clock.sample(6).verdict == UsageVerdict.USED_OUTSIDE
    for minutes in (9, 12):
        clock.sample(minutes)
    discrepancy = Discrepancy.objects.get()
    assert (discrepancy.credits, discrepancy.verdict, discrepancy.candidates) == (
        84,
        UsageVerdict.USED_OUTSIDE,
        [],
    )
    meter.charge(16)
    clock.sample(15)
    clock.sample(18)
    discrepancy.refresh_from_db()
    assert discrepancy.credits == 100
    assert (discrepancy.since, discrepancy.seen_at) == (clock.at(-10), clock.at(18))
    assert list(open_discrepancies(team)) == [discrepancy]


def test_p20_a_lost_reply_that_was_charged_names_its_generation_and_moves_no_money(
    team: Team, clock: Clock, meter: Meter, in_doubt: Callable[[], Generation]
) -> None:
    doubted = in_doubt()
    entries = Transfer.objects.count()
    meter.charge(70)
    clock.sample(3)
    clock.sample(6)
    discrepancy = Discrepancy.objects.get()
    assert (discrepancy.credits, discrepancy.verdict) == (70, UsageVerdict.UNKNOWN_SUBMIT)
    assert discrepancy.candidates == [str(doubted.pk)]
    assert kinds_of(doubted) == ["usage_moved"]
    doubted.refresh_from_db()
    assert (doubted.state, doubted.hold.is_open) == (State.NEEDS_REVIEW, True)
    assert Transfer.objects.count() == entries
    for minutes in (9, 12):
        clock.sample(minutes)
    assert kinds_of(doubted) == ["usage_moved"]


def test_p13_a_meter_that_stood_still_is_evidence_and_no_decision(
    clock: Clock, in_doubt: Callable[[], Generation]
) -> None:
    doubted = in_doubt()
    clock.sample(3)
    assert kinds_of(doubted) == []
    clock.sample(6)
    assert kinds_of(doubted) == ["usage_still"]
    doubted.refresh_from_db()
    assert (doubted.state, doubted.hold.is_open) == (State.NEEDS_REVIEW, True)
    assert not Discrepancy.objects.exists()


def test_a_refund_on_its_way_could_hide_a_charge_so_nothing_is_proven(
    alice: Membership, clock: Clock, meter: Meter, in_doubt: Callable[[], Generation]
) -> None:
    make_generation(alice, State.PROCESSING)
    doubted = in_doubt()
    meter.charge(70)
    clock.sample(3)
    clock.sample(6)
    assert kinds_of(doubted) == []


def test_two_doubts_of_one_price_are_both_candidates(
    clock: Clock, meter: Meter, in_doubt: Callable[[], Generation]
) -> None:
    first, second = in_doubt(), in_doubt()
    meter.charge(70)
    clock.sample(3)
    clock.sample(6)
    assert set(Discrepancy.objects.get().candidates) == {str(first.pk), str(second.pk)}
    assert kinds_of(first) == kinds_of(second) == ["usage_moved"]
    [event] = first.events.filter(kind="usage_moved")
    assert "another of 2" in event.message


def test_adopting_the_lost_task_closes_its_discrepancy(
    clock: Clock, meter: Meter, in_doubt: Callable[[], Generation]
) -> None:
    doubted = in_doubt()
    meter.charge(70)
    clock.sample(3)
    clock.sample(6)
    assert adopt_task(doubted, "found-again", by=SYSTEM, now=clock.at(7))
    _end(doubted, Ending.COMPLETED, Money.SETTLE)
    clock.sample(9)
    clock.sample(12)
    discrepancy = Discrepancy.objects.get()
    assert not discrepancy.is_open
    assert discrepancy.closing == "Usage and books agree again."


def test_p14_a_person_who_settles_the_doubt_closes_its_discrepancy_and_one_who_releases_does_not(
    clock: Clock, meter: Meter, in_doubt: Callable[[], Generation]
) -> None:
    first = in_doubt()
    meter.charge(70)
    clock.sample(3)
    clock.sample(6)
    release_reviewed(first, by=SYSTEM, reason="They told us no.", now=clock.at(7))
    clock.sample(9)
    clock.sample(12)
    assert Discrepancy.objects.get().is_open
    second = in_doubt()
    meter.charge(70)
    clock.sample(15)
    clock.sample(18)
    assert Discrepancy.objects.filter(closed_at=None).count() == 2
    settle_reviewed(second, by=SYSTEM, reason="The meter says so.", now=clock.at(19))
    clock.sample(21)
    clock.sample(24)
    assert Discrepancy.objects.filter(closed_at=None).count() == 1


def test_a_failure_that_was_not_given_back_is_a_refund_not_seen_until_it_comes(
    alice: Membership, clock: Clock, meter: Meter
) -> None:
    failed = make_generation(alice, State.FAILED)
    meter.charge(70)
    clock.sample(3)
    clock.sample(6)
    discrepancy = Discrepancy.objects.get()
    assert (discrepancy.verdict, discrepancy.candidates) == (
        UsageVerdict.REFUND_NOT_SEEN,
        [str(failed.pk)],
    )
    meter.refund(70)
    clock.sample(9)
    clock.sample(12)
    discrepancy.refresh_from_db()
    assert not discrepancy.is_open


def test_a_price_that_the_vendor_changed_names_the_generations(
    alice: Membership, clock: Clock, meter: Meter
) -> None:
    made = [make_generation(alice, State.COMPLETED, duration=long) for long in (5, 8)]
    meter.charge(13 * 16)
    clock.sample(3)
    clock.sample(6)
    discrepancy = Discrepancy.objects.get()
    assert (discrepancy.credits, discrepancy.verdict) == (26, UsageVerdict.PRICE_DIFFERS)
    assert set(discrepancy.candidates) == {str(one.pk) for one in made}
    assert "+2 credits per second" in discrepancy.detail


def test_another_key_that_spent_exactly_as_much_is_named(
    alice: Membership, bob: Membership, clock: Clock, meter: Meter
) -> None:
    make_provider_key(bob.team, bob.user)
    make_generation(bob, State.COMPLETED)
    meter.charge(70)
    clock.sample(3)
    assert clock.sample(6).verdict == UsageVerdict.SHARED_ACCOUNT
    assert Discrepancy.objects.get().candidates == []


def test_a_person_accepts_a_discrepancy_with_a_reason_once(clock: Clock, meter: Meter) -> None:
    meter.charge(84)
    clock.sample(3)
    clock.sample(6)
    discrepancy = Discrepancy.objects.get()
    with pytest.raises(InvalidRequest):
        accept_discrepancy(discrepancy, by=SYSTEM, reason=" ", now=clock.at(7))
    accept_discrepancy(discrepancy, by=SYSTEM, reason="A trial by hand.", now=clock.at(7))
    assert (discrepancy.closed_by, discrepancy.closing) == (SYSTEM.name, "A trial by hand.")
    assert AuditEvent.objects.get(action="discrepancy.accepted").data["credits"] == 84
    with pytest.raises(Conflict):
        accept_discrepancy(discrepancy, by=SYSTEM, reason="Again.", now=clock.at(8))
    meter.charge(16)
    clock.sample(9)
    clock.sample(12)
    assert Discrepancy.objects.get(closed_at=None).credits == 16


def test_p32_drifts_and_standings_are_a_teams_own(
    team: Team, charlie: Membership, clock: Clock, meter: Meter
) -> None:
    meter.charge(84)
    clock.sample(3)
    clock.sample(6)
    assert list(open_discrepancies(charlie.team)) == []
    assert [one.discrepancies for one in standings(charlie.team)] == [[]]
    [mine] = standings(team)
    assert (mine.samples, [one.credits for one in mine.discrepancies]) == (3, [84])
    assert mine.sample is not None
    assert mine.sample.taken_at == clock.at(6)


def test_a_doubt_from_before_the_first_sample_is_judged_by_nothing(
    alice: Membership, provider_key: ProviderKey, vendor: Vendor, meter: Meter
) -> None:
    generation = make_generation(alice)
    vendor.next(CREATE, drop)
    send_now()
    clock = Clock(provider_key)
    for minutes in (3, 6, 9):
        clock.sample(minutes)
    assert unknown_submits_between(provider_key, clock.at(3), clock.at(9)) == []
    assert kinds_of(generation) == []


def _end(generation: Generation, ending: Ending, money: Money) -> None:
    assert end_generation(generation, ending, money=money, by=SYSTEM, now=timezone.now())
