"""The rules of teams that remove old films, and the warnings before."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.authority import By
from accounts.models import AuditEvent, Membership, Notice
from billing.models import Transfer
from generations.archive.library import set_favourite
from generations.archive.reads import FILM_GRACE, kept_until, retention_of
from generations.archive.retention import clear_retention, remove_outlived_films, set_retention
from generations.models import Film, Generation, RetentionRule
from generations.ops.clean_up import clean_up
from generations.reports.audit import audit_site
from generations.task_object import task_object
from platform_site.errors import InvalidRequest
from tests.factories import SYSTEM
from tests.support.films import film_bytes
from tests.support.keeping import completed, files_of, kept, remove, stored_files
from tests.support.races import race
from tests.support.vendor import Vendor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key", "own_folder")]


def test_a_film_past_its_teams_rule_loses_its_files_and_nothing_else(film: Film) -> None:
    kept(film)
    before = list(Transfer.objects.order_by("pk").values())
    url, names = f"/films/{film.token}.mp4", files_of(film)
    assert remove(film) == 1
    clean_up()
    film.refresh_from_db()
    assert (film.state, film.file_name, film.stored) == (Film.State.REMOVED, "", None)
    assert film.removed_at is not None
    assert film.sha256
    assert not set(names) & set(stored_files())
    gone = Client().get(url)
    assert (gone.status_code, gone.content.decode().strip()) == (410, film.problem)
    for ending in (".jpg", "-last.jpg"):
        assert Client().get(f"/films/{film.token}{ending}").status_code == 410
    generation = Generation.objects.get(pk=film.pk)
    task = task_object(generation)
    assert (task["status"], task["output"]["urls"]) == ("completed", [])
    assert "retention" in task["output"]["film_removed"]
    assert "film_lost" not in task["output"]
    assert generation.events.filter(kind="film_removed").count() == 1
    assert list(Transfer.objects.order_by("pk").values()) == before
    assert list(audit_site()) == []
    assert remove_outlived_films(now=timezone.now()) == 0


def test_favourites_stay_unless_the_rule_says_otherwise(film: Film, alice: Membership) -> None:
    kept(film)
    set_favourite(film.generation, favourite=True, by=By.member(alice))
    assert remove(film) == 0
    RetentionRule.objects.update(keep_favourites=False)
    assert remove_outlived_films(now=timezone.now()) == 1


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_a_favourite_made_at_the_last_moment_stays_or_is_gone_and_never_both(
    alice: Membership, vendor: Vendor
) -> None:
    film = kept(completed(alice, vendor, film_bytes()))

    def work(number: int) -> int:
        if number:
            set_favourite(film.generation, favourite=True, by=By.member(alice))
            return 0
        return remove(film)

    removed, _ = race(2, work)
    film.refresh_from_db()
    assert (film.state == Film.State.REMOVED) == (removed == 1)
    assert bool(film.file_name) == (removed == 0)


def test_a_rule_takes_nothing_in_its_first_days(film: Film, alice: Membership) -> None:
    kept(film)
    now = timezone.now()
    Film.objects.update(kept_at=now - timedelta(days=50))
    Generation.objects.update(created_at=now - timedelta(days=50))
    film.refresh_from_db()
    rule = set_retention(team=alice.team, days=30, keep_favourites=True, by=SYSTEM, now=now)
    assert kept_until(film, rule) == now + FILM_GRACE
    assert remove_outlived_films(now=now + FILM_GRACE - timedelta(minutes=1)) == 0
    assert Notice.objects.filter(kind="film.retention").count() == 1
    # A rule that spares more does not begin anew, and is no news.
    looser = set_retention(
        team=alice.team, days=40, keep_favourites=True, by=SYSTEM, now=now + timedelta(days=1)
    )
    assert looser.set_at == now
    assert Notice.objects.filter(kind="film.retention").count() == 1
    assert remove_outlived_films(now=now + FILM_GRACE) == 1


def test_a_team_is_warned_once_a_week_of_what_goes(film: Film, alice: Membership) -> None:
    kept(film)
    now = timezone.now()
    rule = {"set_by": "test", "set_at": now - timedelta(days=60), "days": 30}
    RetentionRule.objects.create(team=alice.team, **rule)
    Film.objects.update(kept_at=now - timedelta(days=25))
    Generation.objects.update(created_at=now - timedelta(days=25))
    for _ in range(3):
        assert remove_outlived_films(now=now) == 0
    notice = Notice.objects.get(kind="film.removal")
    assert notice.title == "1 film will be removed in the next 7 days"
    assert notice.path == "/archive/"


def test_one_teams_rule_is_not_anothers(
    film: Film, charlie: Membership, vendor: Vendor, alice: Membership
) -> None:
    kept(film)
    other = kept(completed(charlie, vendor, film_bytes()))
    old = timezone.now() - timedelta(days=90)
    Film.objects.update(kept_at=old)
    Generation.objects.update(created_at=old)
    remove(film)
    other.refresh_from_db()
    assert other.state == Film.State.KEPT
    assert kept_until(other, retention_of(charlie.team)) is None
    clear_retention(team=alice.team, by=SYSTEM)
    assert retention_of(alice.team) is None
    actions = AuditEvent.objects.filter(action__startswith="retention.")
    assert [one.action for one in actions] == ["retention.cleared"]


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_a_rule_has_a_sane_number_of_days(alice: Membership, days: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        set_retention(
            team=alice.team, days=days, keep_favourites=True, by=SYSTEM, now=timezone.now()
        )
    assert caught.value.field == "days"
    assert not RetentionRule.objects.exists()
