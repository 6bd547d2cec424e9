"""Films that are lost or late: who is told, and how they are saved after all (P39)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Membership, Notice
from billing.models import Transfer
from generations.archive.alarms import raise_alarms
from generations.archive.keep import GONE_TIMES, keep_again
from generations.archive.reads import late_films, lost_films
from generations.models import Film, Generation
from generations.provider_keys.service import delete_provider_key
from generations.reports.audit import audit_site
from generations.task_object import task_object
from platform_site.errors import Conflict
from tests.factories import SYSTEM
from tests.support.films import film_bytes
from tests.support.keeping import completed, kept, path_of
from tests.support.steps import run_queue
from tests.support.vendor import Vendor, html

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key", "own_folder")]


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
    assert ours.title.startswith("3 films not saved yet, 25%")
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
    assert list(audit_site()) == []


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
