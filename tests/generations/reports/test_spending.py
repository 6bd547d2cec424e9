"""Reports: every credit once, on its day, whatever it is looked at by."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.authority import By
from accounts.models import ApiKey, Membership, Project, Team
from accounts.roles import Role
from billing.models import Account, Transfer
from billing.selectors import books_of
from generations.archive.library import note_download, set_favourite
from generations.lifecycle import Ending, Money, State
from generations.models import Film, Generation, ProviderKey
from generations.reports.audit import audit_site
from generations.reports.spending import (
    DIMENSIONS,
    MAX_DAYS,
    Figures,
    Filters,
    forecast_of,
    report_of,
    this_month,
)
from generations.review.corrections import adjust, settle_reviewed
from generations.transitions import end_generation
from platform_site.errors import InvalidRequest
from tests.factories import SYSTEM, fund, make_api_key, make_generation, make_member

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def march(team: Team | None, **more: object) -> Filters:
    return Filters(since=date(2026, 3, 1), until=date(2026, 3, 31), team=team, **more)  # type: ignore[arg-type]


def done(member: Membership, at: datetime = NOON, **options: object) -> Generation:
    return make_generation(member, State.COMPLETED, now=at, **options)  # type: ignore[arg-type]


def failed(member: Membership, at: datetime = NOON, **options: object) -> Generation:
    return make_generation(member, State.FAILED, now=at, **options)  # type: ignore[arg-type]


def total(team: Team) -> Figures:
    return report_of(march(team)).total


@pytest.fixture
def project(team: Team) -> Project:
    return Project.objects.create(team=team, name="Launch", slug="launch")


class TestFigures:
    def test_what_the_vendor_charged_is_spent(self, alice: Membership) -> None:
        done(alice)
        failed(alice)
        make_generation(alice, State.CANCELLED, now=NOON)
        make_generation(alice, State.PROCESSING, now=NOON)  # held: not spent yet
        assert total(alice.team) == Figures(
            spent=70, refunded=70, lost=0, completed=1, failed=1, cancelled=1, keepers=0
        )

    def test_the_success_rate_leaves_out_what_people_cancelled(self, alice: Membership) -> None:
        for _ in range(3):
            done(alice)
        failed(alice)
        make_generation(alice, State.CANCELLED, now=NOON)
        assert total(alice.team).success_rate == 0.75

    def test_spent_without_a_film_is_lost(self, alice: Membership) -> None:
        done(alice)
        done(alice, film=False)  # still being kept
        given_up = done(alice)
        Film.objects.filter(pk=given_up.pk).update(state=Film.State.GIVEN_UP)
        charged = make_generation(alice, State.NEEDS_REVIEW, now=NOON)
        settle_reviewed(charged, by=SYSTEM, reason="On the invoice", now=NOON)
        figures = total(alice.team)
        assert (figures.spent, figures.lost, figures.refunded) == (280, 140, 0)
        assert (figures.completed, figures.failed) == (3, 1)

    def test_a_correction_counts_on_its_own_day_and_the_earlier_day_stays(
        self, alice: Membership
    ) -> None:
        paid, free = done(alice), failed(alice)
        later = NOON + timedelta(days=2)
        adjust(paid, spent=False, by=SYSTEM, reason="Refund", now=later)
        report = report_of(march(alice.team))
        days = dict(report.days)
        assert (days[NOON.date()].spent, days[later.date()].spent) == (70, -70)
        assert report.total.spent == books_of(alice.team).spent == 0
        adjust(free, spent=True, by=SYSTEM, reason="Charged", now=later)
        figures = total(alice.team)
        assert (figures.spent, figures.refunded, figures.lost) == (70, 0, 70)
        assert dict(report_of(march(alice.team)).days)[NOON.date()] == days[NOON.date()]

    def test_a_keeper_is_a_kept_film_that_somebody_wanted(self, alice: Membership) -> None:
        jobs = [done(alice) for _ in range(4)]
        note_download(jobs[0].film, now=NOON)
        set_favourite(jobs[0], favourite=True, by=By.member(alice))
        set_favourite(jobs[1], favourite=True, by=By.member(alice))
        Film.objects.filter(pk=jobs[2].pk).update(state=Film.State.GIVEN_UP)
        set_favourite(jobs[2], favourite=True, by=By.member(alice))
        figures = total(alice.team)
        assert figures.keepers == 2
        assert figures.credits_per_wanted_film == 140.0

    def test_nothing_has_no_rates(self, team: Team) -> None:
        report = report_of(march(team))
        assert report.total == Figures()
        assert report.total.success_rate is None
        assert report.total.credits_per_wanted_film is None
        assert len(report.days) == 31
        assert all(report.by[dimension] == [] for dimension in DIMENSIONS)


class TestDimensions:
    @pytest.fixture
    def busy(self, alice: Membership, bob: Membership, project: Project) -> ApiKey:
        key = make_api_key(bob, label="Nightly").key
        done(alice)
        done(alice, resolution="480p", generate_audio=False, submission={"project": project})
        done(bob, duration=8, submission={"api_key": key, "project": project})
        failed(bob, submission={"api_key": key})
        done(bob, at=NOON + timedelta(days=1), image_urls=["https://example.com/a.jpg"])
        return key

    def test_every_dimension_adds_up_to_the_whole(self, team: Team, busy: ApiKey) -> None:
        report = report_of(march(team))
        assert report.total.spent == books_of(team).spent == 70 + 15 + 112 + 70
        for lines in report.by.values():
            whole = Figures()
            for line in lines:
                whole.add(line.figures)
            assert whole == report.total
        whole = Figures()
        for _, figures in report.days:
            whole.add(figures)
        assert whole == report.total

    def test_lines_have_names_and_the_dearest_comes_first(self, team: Team, busy: ApiKey) -> None:
        report = report_of(march(team))
        told = {
            dimension: [(line.label, line.figures.spent) for line in lines]
            for dimension, lines in report.by.items()
        }
        assert told == {
            "team": [("Studio", 267)],
            "member": [("bob@studio.example", 182), ("alice@studio.example", 85)],
            "project": [("", 140), ("Launch", 127)],
            "api_key": [("", 155), (f"Nightly (…{busy.last4})", 112)],
            "model": [("doubao-seedance-1.5-pro", 267)],
            "resolution": [("720p", 252), ("480p", 15)],
            "mode": [("Text", 197), ("First frame", 70)],
        }

    def test_filters_narrow_it(
        self, team: Team, busy: ApiKey, bob: Membership, project: Project
    ) -> None:
        whole = march(team)
        assert report_of(replace(whole, member=bob.user)).total.spent == 182
        assert report_of(replace(whole, project=project)).total.spent == 127
        assert report_of(replace(whole, api_key=busy)).total.refunded == 70
        assert report_of(replace(whole, model="another")).total == Figures()
        assert report_of(replace(whole, since=date(2026, 3, 11))).total.spent == 70
        both = replace(whole, project=project, member=bob.user)
        assert report_of(both).total.spent == 112

    def test_it_takes_few_queries_however_much_there_is(self, team: Team, busy: ApiKey) -> None:
        with CaptureQueriesContext(connection) as queries:
            report_of(march(team))
        assert len(queries) == 5  # the figures; names of teams, people, projects and API keys

    def test_p32_strangers_sums_stay_apart(
        self, team: Team, busy: ApiKey, charlie: Membership, project: Project
    ) -> None:
        done(charlie)
        assert total(charlie.team).spent == 70
        assert total(team).spent == 267
        assert report_of(march(charlie.team, project=project)).total == Figures()
        everybody = report_of(march(None))
        assert everybody.total.spent == 337
        assert {line.label: line.figures.spent for line in everybody.by["team"]} == {
            "Studio": 267,
            "Elsewhere": 70,
        }


class TestDays:
    def test_days_are_the_sites(self, alice: Membership, settings: Settings) -> None:
        settings.TIME_ZONE = "Asia/Tokyo"
        done(alice, at=datetime(2026, 3, 10, 14, 59, tzinfo=UTC))
        done(alice, at=datetime(2026, 3, 10, 15, 0, tzinfo=UTC))
        days = dict(report_of(march(alice.team)).days)
        assert (days[date(2026, 3, 10)].spent, days[date(2026, 3, 11)].spent) == (70, 70)

    @pytest.mark.both_databases
    @pytest.mark.parametrize(
        ("zone", "day"),
        [
            ("Europe/Berlin", date(2026, 3, 29)),  # 23 hours
            ("Europe/Berlin", date(2026, 10, 25)),  # 25 hours
            ("America/Santiago", date(2026, 9, 6)),  # midnight does not exist
            ("Australia/Lord_Howe", date(2026, 4, 5)),  # half an hour more
        ],
    )
    def test_p07_odd_days_have_all_their_hours_and_no_others(
        self, alice: Membership, settings: Settings, zone: str, day: date
    ) -> None:
        settings.TIME_ZONE = zone
        fund(alice.team, 10_000)
        local = timezone.get_default_timezone()
        midday = datetime(day.year, day.month, day.day, 12, tzinfo=local).astimezone(UTC)
        moments = [midday + timedelta(minutes=30 * step) for step in range(-50, 51)]
        on_the_day = [at for at in moments if at.astimezone(local).date() == day]
        for at in [*on_the_day[:2], *on_the_day[-2:]]:
            done(alice, at=at)
        done(alice, at=on_the_day[0] - timedelta(minutes=30))
        done(alice, at=on_the_day[-1] + timedelta(minutes=30))
        narrow = Filters(since=day, until=day, team=alice.team)
        assert report_of(narrow).total.spent == 4 * 70
        wide = Filters(since=day - timedelta(1), until=day + timedelta(1), team=alice.team)
        assert [figures.spent for _, figures in report_of(wide).days] == [70, 280, 70]

    @pytest.mark.parametrize(
        ("since", "until"),
        [
            (date(2026, 3, 2), date(2026, 3, 1)),
            (date(2026, 1, 1), date(2026, 1, 1) + timedelta(days=MAX_DAYS)),
            (date(1, 1, 1), date(1, 1, 2)),
            (date.max, date.max),
        ],
    )
    def test_impossible_days_are_refused(self, since: date, until: date) -> None:
        with pytest.raises(InvalidRequest):
            Filters(since=since, until=until)


@pytest.mark.both_databases
@pytest.mark.parametrize("seed", range(4))
def test_p12_any_history_sums_to_what_the_accounts_say(
    team: Team, alice: Membership, project: Project, settings: Settings, seed: int
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    chance = random.Random(seed)
    fund(team, 20_000)
    people = [alice, make_member(team, Role.MEMBER), make_member(team, Role.MANAGER)]
    key = make_api_key(people[1]).key
    states = [State.COMPLETED, State.FAILED, State.CANCELLED, State.PROCESSING, State.NEEDS_REVIEW]
    start = datetime(2026, 3, 1, tzinfo=UTC)
    for _ in range(30):
        at = start + timedelta(minutes=chance.randrange(31 * 24 * 60))
        job = make_generation(
            chance.choice(people),
            chance.choice(states),
            now=at,
            film=chance.random() < 0.8,
            resolution=chance.choice(["480p", "720p", "1080p"]),
            duration=chance.randint(4, 12),
            submission={
                "project": chance.choice([None, project]),
                "api_key": chance.choice([None, key]),
            },
        )
        later = at + timedelta(minutes=chance.randrange(20 * 24 * 60))
        if job.state == State.NEEDS_REVIEW and chance.random() < 0.7:
            settle_reviewed(job, by=SYSTEM, reason="x", now=later)
        if job.is_terminal and chance.random() < 0.4:
            job.hold.refresh_from_db()
            was_spent = job.hold.spent > 0
            adjust(job, spent=not was_spent, by=SYSTEM, reason="x", now=later)
    assert list(audit_site()) == []
    report = report_of(Filters(since=date(2026, 2, 28), until=date(2026, 4, 30), team=team))
    assert report.total.spent == books_of(team).spent
    assert report.total.spent == sum(figures.spent for _, figures in report.days)
    for lines in report.by.values():
        assert sum(line.figures.spent for line in lines) == report.total.spent
    closed = Generation.objects.filter(hold__closed_at__isnull=False).count()
    assert report.total.completed + report.total.failed + report.total.cancelled == closed
    entries = Transfer.objects.filter(team=team)
    spent = Account.objects.get(team=team, kind=Account.Kind.SPENT)
    for day, figures in report.days:
        on_the_day = [
            one
            for one in entries
            if one.created_at.astimezone(timezone.get_default_timezone()).date() == day
        ]
        came = sum(one.amount for one in on_the_day if one.credit_account_id == spent.pk)
        went = sum(one.amount for one in on_the_day if one.debit_account_id == spent.pk)
        assert figures.spent == came - went, day


class TestForecast:
    @pytest.fixture(autouse=True)
    def _old_team(self, team: Team) -> None:
        Team.objects.filter(pk=team.pk).update(created_at=datetime(2025, 1, 1, tzinfo=UTC))
        team.refresh_from_db()

    def test_it_goes_on_as_it_did(self, alice: Membership) -> None:
        for day in (1, 4, 9):
            done(alice, at=datetime(2026, 3, day, 5, tzinfo=UTC))
        done(alice, at=datetime(2026, 2, 27, tzinfo=UTC))  # another month's
        now = datetime(2026, 3, 11, tzinfo=UTC)
        forecast = forecast_of(march(alice.team), now=now)
        assert (forecast.spent, forecast.credits) == (210, 651)  # 210 in 10 of 31 days
        assert not forecast.is_rough
        assert (forecast.days, forecast.spending_days) == (10.0, 3)
        assert forecast.ends_at == datetime(2026, 4, 1, tzinfo=UTC)

    def test_it_is_rough_when_little_is_known(self, alice: Membership) -> None:
        done(alice, at=datetime(2026, 3, 2, tzinfo=UTC))
        assert forecast_of(march(alice.team), now=datetime(2026, 3, 4, tzinfo=UTC)).is_rough
        assert forecast_of(march(alice.team), now=datetime(2026, 3, 20, tzinfo=UTC)).is_rough

    def test_on_the_first_day_it_says_nothing(self, alice: Membership) -> None:
        done(alice, at=datetime(2026, 3, 1, 1, tzinfo=UTC))
        forecast = forecast_of(march(alice.team), now=datetime(2026, 3, 1, 23, tzinfo=UTC))
        assert (forecast.spent, forecast.credits, forecast.is_rough) == (70, None, True)

    def test_without_spending_it_is_nothing(self, team: Team) -> None:
        forecast = forecast_of(march(team), now=datetime(2026, 3, 20, tzinfo=UTC))
        assert (forecast.spent, forecast.credits, forecast.is_rough) == (0, 0, True)

    def test_a_young_team_is_judged_by_its_own_days(self, alice: Membership) -> None:
        team = alice.team
        Team.objects.filter(pk=team.pk).update(created_at=datetime(2026, 3, 21, tzinfo=UTC))
        team.refresh_from_db()
        done(alice, at=datetime(2026, 3, 22, tzinfo=UTC))
        forecast = forecast_of(march(team), now=datetime(2026, 3, 23, tzinfo=UTC))
        assert (forecast.spent, forecast.credits) == (70, 385)  # 70 in 2 of 11 days

    def test_it_heeds_the_filters(self, alice: Membership, bob: Membership) -> None:
        done(alice, at=datetime(2026, 3, 2, tzinfo=UTC))
        filters = replace(march(alice.team), member=bob.user)
        assert forecast_of(filters, now=datetime(2026, 3, 20, tzinfo=UTC)).spent == 0

    def test_this_month_is_the_sites(self, settings: Settings) -> None:
        settings.TIME_ZONE = "Pacific/Auckland"
        moment = datetime(2026, 1, 31, 11, 30, tzinfo=UTC)
        assert this_month(now=moment) == (date(2026, 2, 1), date(2026, 2, 28))


def test_a_release_that_ends_in_review_is_a_refund(alice: Membership) -> None:
    job = make_generation(alice, State.NEEDS_REVIEW, now=NOON)
    assert end_generation(job, Ending.FAILED, money=Money.RELEASE, by=SYSTEM, now=NOON)
    assert total(alice.team).refunded == 70


def test_days_come_in_order(alice: Membership, provider_key: ProviderKey) -> None:
    done(alice, at=NOON + timedelta(days=3))
    done(alice)
    days = [day for day, _ in report_of(march(alice.team)).days]
    assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(days))
