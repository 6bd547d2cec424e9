"""The archive: content stored once, rules that remove films, losses told and mended (P39)."""

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.authority import By
from accounts.models import AuditEvent, Membership, Notice
from accounts.roles import Role
from billing.models import Transfer
from generations.archive.alarms import raise_alarms
from generations.archive.keep import GONE_TIMES, keep_again, keep_film
from generations.archive.library import set_favourite
from generations.archive.reads import FILM_GRACE, kept_until, late_films, lost_films, retention_of
from generations.archive.retention import (
    clear_retention,
    remove_outlived_films,
    set_retention,
)
from generations.archive.store import delete_unused_files, film_storage
from generations.lifecycle import State
from generations.models import Film, Generation, RetentionRule, StoredFile
from generations.ops.clean_up import clean_up
from generations.provider_keys.service import delete_provider_key
from generations.reports.audit import audit
from generations.task_object import task_object
from platform_site.errors import Conflict, InvalidRequest
from platform_site.stores.settings import S3, stored_in
from tests.factories import SYSTEM, make_generation, make_member
from tests.support.films import film_bytes
from tests.support.keeping import completed, kept, path_of, remove, stored_files
from tests.support.races import race
from tests.support.steps import run_queue
from tests.support.vendor import Vendor, html

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


@pytest.fixture(autouse=True)
def own_folder(settings: Settings, tmp_path: Path) -> None:
    """Store films where no other test does: the same bytes have the same names."""
    settings.FILMS_DIR = tmp_path / "films"
    films = stored_in("films", folder=settings.FILMS_DIR, s3=S3())
    settings.STORAGES = {**settings.STORAGES, "films": films}


@pytest.fixture
def film(alice: Membership, vendor: Vendor) -> Film:
    """A completed generation's film, still to be kept."""
    return completed(alice, vendor, film_bytes())


@pytest.fixture
def lost(bob: Membership, alice: Membership, vendor: Vendor) -> Film:
    """Bob's film, whose link died before it was kept."""
    film = completed(bob, vendor, film_bytes())
    vendor.always(path_of(film), html(404))
    kept(film, times=GONE_TIMES)
    assert film.state == Film.State.GIVEN_UP
    return film


def files_of(film: Film) -> list[str]:
    """Return the names of the film's files that are there."""
    names = {film.file_name, film.poster_name, film.last_frame_name}
    return [name for name in stored_files() if name in names]


# Each content once


def test_p39_the_same_bytes_are_stored_once_over_teams(
    film: Film, charlie: Membership, vendor: Vendor
) -> None:
    kept(film)
    before = stored_files()
    other = kept(completed(charlie, vendor, film_bytes()))
    assert other.state == Film.State.KEPT
    assert stored_files() == before
    assert other.file_name == film.file_name
    assert other.token != film.token
    assert StoredFile.objects.get(sha256=film.sha256).uses == 2


def test_p39_a_shared_file_stays_until_its_last_film_goes(
    film: Film, charlie: Membership, vendor: Vendor
) -> None:
    kept(film)
    other = kept(completed(charlie, vendor, film_bytes()))
    assert remove(film) == 1
    assert delete_unused_files() == 0
    assert Client().get(f"/films/{other.token}.mp4").status_code == 200
    shared = files_of(other)
    assert len(shared) == 3
    assert remove(other) == 1
    assert delete_unused_files() == 1
    assert not set(shared) & set(stored_files())
    assert not StoredFile.objects.exists()


def test_p39_shared_files_that_went_missing_are_put_back(
    film: Film, charlie: Membership, vendor: Vendor
) -> None:
    kept(film)
    film_storage().delete(film.file_name)
    other = kept(completed(charlie, vendor, film_bytes()))
    assert film_storage().open(film.file_name).read() == film_bytes()
    assert other.file_name == film.file_name


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p39_keeping_the_same_bytes_at_once_stores_them_once(
    alice: Membership, charlie: Membership, vendor: Vendor
) -> None:
    films = [completed(who, vendor, film_bytes()) for who in (alice, alice, charlie, charlie)]
    assert race(4, lambda number: keep_film(films[number].pk)) == [None] * 4
    for film in films:
        film.refresh_from_db()
        assert film.state == Film.State.KEPT
    assert len({film.file_name for film in films}) == 1
    assert len(files_of(films[0])) == 3
    assert [name for name in stored_files() if films[0].sha256 in name] == files_of(films[0])
    assert StoredFile.objects.get().uses == 4


def act(number: int, going: Film, coming: Film) -> None:
    """Let one go, or keep the other, or clear what nobody uses."""
    if number == 0:
        remove(going)
    if number == 1:
        keep_film(coming.pk)
    delete_unused_files()


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p39_removing_and_keeping_the_same_bytes_at_once_loses_none(
    alice: Membership, charlie: Membership, vendor: Vendor
) -> None:
    going = kept(completed(alice, vendor, film_bytes()))
    for _ in range(5):
        coming = completed(charlie, vendor, film_bytes())
        results = race(3, partial(act, going=going, coming=coming))
        assert not [one for one in results if isinstance(one, Exception)], results
        kept(coming, times=3)
        assert coming.state == Film.State.KEPT
        assert film_storage().open(coming.file_name).read() == film_bytes()
        delete_unused_files()
        assert StoredFile.objects.get().uses == 1
        assert [name for name in stored_files() if coming.sha256 in name] == files_of(coming)
        RetentionRule.objects.all().delete()
        going = coming


def test_a_film_kept_under_its_own_name_is_removed_with_its_files(alice: Membership) -> None:
    generation = make_generation(alice, State.COMPLETED)
    film = Film.objects.get(pk=generation.pk)
    names = files_of(film)
    assert (len(names), film.stored) == (3, None)
    assert remove(film) == 1
    assert delete_unused_files() == 1
    assert not set(names) & set(stored_files())


# Rules


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
    assert "rule" in task["output"]["film_removed"]
    assert "film_lost" not in task["output"]
    assert generation.events.filter(kind="film_removed").count() == 1
    assert list(Transfer.objects.order_by("pk").values()) == before
    assert list(audit()) == []
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
    assert notice.title == "1 film is removed in the coming seven days"
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


# Losses and lateness


def test_p39_a_loss_is_told_to_managers_and_to_whoever_ordered_it(
    lost: Film, bob: Membership
) -> None:
    notices = {(one.permission, one.user) for one in Notice.objects.filter(kind="film.lost")}
    assert notices == {("FILMS", None), ("", bob.user)}
    assert {one.path for one in Notice.objects.filter(kind="film.lost")} == {
        f"/generations/{lost.pk}/"
    }
    assert list(lost_films(bob.team)) == [lost]
    assert lost.lost_at is not None


def test_p39_a_manager_hears_of_a_loss_once(film: Film, vendor: Vendor) -> None:
    vendor.always(path_of(film), html(404))
    kept(film, times=GONE_TIMES)
    assert [one.permission for one in Notice.objects.filter(kind="film.lost")] == ["FILMS"]


def test_p39_late_films_are_one_message_a_team_an_hour_and_level(
    alice: Membership, charlie: Membership, vendor: Vendor
) -> None:
    films = [completed(who, vendor, film_bytes()) for who in (alice, alice, alice, charlie)]
    moment = timezone.now().replace(minute=10) + timedelta(days=1)
    Film.objects.update(
        created_at=moment - timedelta(hours=6), link_expires_at=moment + timedelta(hours=18)
    )
    assert raise_alarms(now=moment) == 4
    assert raise_alarms(now=moment + timedelta(minutes=1)) == 0
    notices = Notice.objects.filter(kind="film.late")
    assert notices.count() == 2
    ours = notices.get(team=alice.team)
    assert ours.title.startswith("3 films are not kept yet, and 25%")
    assert ours.path == "/archive/"
    assert set(late_films(alice.team)) == set(films[:3])
    assert raise_alarms(now=moment + timedelta(hours=12)) == 4
    assert notices.count() == 4


def test_p39_a_lost_film_is_saved_by_hand_with_a_fresh_link(lost: Film, vendor: Vendor) -> None:
    before = list(Transfer.objects.order_by("pk").values())
    vendor.finish(vendor.only_task, film_bytes())
    keep_again(lost, by=SYSTEM, now=timezone.now())
    task = task_object(Generation.objects.get(pk=lost.pk))
    # Clients were told that it is completed and lost: that stays so until it is better.
    assert (task["status"], task["output"]["urls"]) == ("completed", [])
    assert task["output"]["film_lost"]
    run_queue("keep")
    lost.refresh_from_db()
    assert lost.state == Film.State.KEPT
    task = task_object(Generation.objects.get(pk=lost.pk))
    assert task["output"]["urls"] == [f"http://dailies.test/films/{lost.token}.mp4"]
    assert "film_lost" not in task["output"]
    assert list(Transfer.objects.order_by("pk").values()) == before
    assert list(audit()) == []


def test_p39_the_same_link_of_the_vendors_may_work_again(lost: Film, vendor: Vendor) -> None:
    [path] = [path for path in vendor.files if vendor.files[path]]
    vendor.always(path, None)
    keep_again(lost, by=SYSTEM, now=timezone.now())
    assert kept(lost).state == Film.State.KEPT


def test_p39_a_film_that_cannot_be_saved_is_lost_again_and_told_again(
    lost: Film, vendor: Vendor
) -> None:
    first = lost.lost_at
    keep_again(lost, by=SYSTEM, now=timezone.now())
    kept(lost, times=GONE_TIMES)
    assert (lost.state, lost.lost_at) == (Film.State.GIVEN_UP, first)
    assert Notice.objects.filter(kind="film.lost", permission="FILMS").count() == 2


def test_p39_a_film_whose_vendor_knows_no_link_is_lost_again(lost: Film, vendor: Vendor) -> None:
    vendor.tasks.clear()
    keep_again(lost, by=SYSTEM, now=timezone.now())
    kept(lost, times=GONE_TIMES)
    assert lost.state == Film.State.GIVEN_UP


def test_only_what_is_lost_is_tried_again(film: Film, lost: Film) -> None:
    with pytest.raises(Conflict):
        keep_again(film, by=SYSTEM, now=timezone.now())
    keep_again(lost, by=SYSTEM, now=timezone.now())
    with pytest.raises(Conflict):
        keep_again(lost, by=SYSTEM, now=timezone.now())


def test_p25_a_lost_film_whose_key_is_gone_cannot_be_asked_for(lost: Film) -> None:
    delete_provider_key(lost.generation.provider_key, by=SYSTEM)
    lost.refresh_from_db()
    lost.generation.refresh_from_db()
    with pytest.raises(Conflict, match="key was deleted"):
        keep_again(lost, by=SYSTEM, now=timezone.now())


def test_p39_a_link_whose_life_ended_is_exchanged_for_a_fresh_one(
    film: Film, vendor: Vendor
) -> None:
    vendor.always(path_of(film), html(500))
    Film.objects.update(link_expires_at=timezone.now())
    vendor.finish(vendor.only_task, film_bytes())
    assert kept(film).state == Film.State.PENDING
    assert film.link_expires_at is not None
    assert film.link_expires_at > timezone.now() + timedelta(hours=23)
    assert kept(film).state == Film.State.KEPT


def test_p39_fresh_links_do_not_go_on_for_ever(film: Film, vendor: Vendor) -> None:
    vendor.always(path_of(film), html(500))
    now = timezone.now()
    Film.objects.update(created_at=now - timedelta(hours=73), link_expires_at=now)
    vendor.finish(vendor.only_task, film_bytes())
    assert kept(film).state == Film.State.GIVEN_UP


# The portal's page


def signed_in(membership: Membership) -> Client:
    client = Client()
    client.force_login(membership.user)
    return client


def test_the_archive_shows_what_is_lost_and_tries_again(lost: Film, bob: Membership) -> None:
    page = signed_in(bob).get("/archive/")
    assert page.status_code == 200
    assert str(lost.pk) in page.content.decode()
    reply = signed_in(bob).post(f"/generations/{lost.pk}/keep/")
    assert (reply.status_code, reply["Location"]) == (302, f"/generations/{lost.pk}/")
    lost.refresh_from_db()
    assert lost.state == Film.State.PENDING
    shown = signed_in(bob).get(f"/generations/{lost.pk}/").content.decode()
    assert "Trying to save it" in shown
    assert 'hx-trigger="every 2s"' in shown
    twice = signed_in(bob).post(f"/generations/{lost.pk}/keep/")
    assert twice.status_code == 409


def test_strangers_and_viewers_save_nothing(lost: Film, charlie: Membership) -> None:
    viewer = make_member(lost.generation.team, Role.VIEWER)
    for who, status in ((charlie, 404), (viewer, 403)):
        assert signed_in(who).post(f"/generations/{lost.pk}/keep/").status_code == status
    assert "Try again" not in signed_in(viewer).get("/archive/").content.decode()
    assert str(lost.pk) not in signed_in(charlie).get("/archive/").content.decode()
    assert signed_in(charlie).get(f"/archive/?before={lost.pk}").status_code == 404
    lost.refresh_from_db()
    assert lost.state == Film.State.GIVEN_UP


def test_losses_are_paged_by_the_last_one_shown(alice: Membership, vendor: Vendor) -> None:
    moment = timezone.now()
    films = []
    for number in range(33):
        job = make_generation(alice, State.COMPLETED, film=False, duration=4, resolution="480p")
        films.append(job.pk)
        Film.objects.filter(pk=job.pk).update(
            state=Film.State.GIVEN_UP, lost_at=moment - timedelta(seconds=number // 2)
        )
    client, seen, path = signed_in(alice), [], "/archive/"
    for _ in range(2):
        page = client.get(path)
        seen += [film.pk for film, _ in page.context["lost"]]
        path = f"/archive/?before={page.context['more']}"
    assert len(seen) == len(set(seen)) == 33
    assert set(seen) == set(films)


def test_managers_set_the_rule_and_members_do_not(
    film: Film, alice: Membership, bob: Membership
) -> None:
    kept(film)
    form = {"days": "30", "keep_favourites": "on"}
    assert signed_in(bob).post("/archive/retention/", form).status_code == 403
    assert signed_in(alice).post("/archive/retention/", form).status_code == 302
    rule = RetentionRule.objects.get()
    assert (rule.days, rule.keep_favourites, rule.set_by) == (30, True, f"user:{alice.user_id}")
    page = signed_in(bob).get(f"/generations/{film.pk}/").content.decode()
    assert "favourites stay" in page
    wrong = signed_in(alice).post("/archive/retention/", {"days": "0"})
    assert wrong.status_code == 200
    assert "greater than or equal to 1" in wrong.content.decode()
    assert signed_in(alice).post("/archive/retention/", {"remove": "1"}).status_code == 302
    assert not RetentionRule.objects.exists()
    assert AuditEvent.objects.filter(action__startswith="retention.").count() == 2


def test_a_removed_films_page_says_so(film: Film, alice: Membership) -> None:
    kept(film)
    remove(film)
    page = signed_in(alice).get(f"/generations/{film.pk}/").content.decode()
    assert "by the team&#x27;s rule: kept for 7 days" in page
    assert "<video" not in page
    assert "Remix" in page
    assert signed_in(alice).get(f"/generations/{film.pk}/receipt/").status_code == 200
