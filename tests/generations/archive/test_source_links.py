"""The vendor's links: they die, come anew, end, and never lead to a private address (P31, P39)."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Membership
from generations.archive.alarms import raise_alarms
from generations.archive.keep import GONE_TIMES
from generations.models import Film, Generation
from generations.task_object import task_object
from tests.support.films import film_bytes
from tests.support.keeping import completed, kept, path_of, stored_files_of
from tests.support.vendor import TASKS, Reply, Vendor, drop, html, say

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


def test_f15_only_dead_links_count_as_such_whatever_the_film_is_said_to_lack(
    film: Film, vendor: Vendor
) -> None:
    vendor.always(path_of(film), html(500))
    kept(film, times=GONE_TIMES)
    Film.objects.filter(pk=film.pk).update(problem="The vendor's link has expired.")
    vendor.always(path_of(film), html(404))
    for _ in range(GONE_TIMES - 1):
        kept(film)
        assert (film.state, film.link_died) == (Film.State.PENDING, True)
        Film.objects.filter(pk=film.pk).update(problem="In other words.")
    assert kept(film).state == Film.State.GIVEN_UP


@pytest.mark.parametrize("status", [403, 404, 410])
def test_p39_a_dead_link_is_asked_for_anew_and_in_the_end_the_film_is_lost(
    film: Film, vendor: Vendor, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    vendor.always(path_of(film), html(status))
    looks = len(vendor.looks_at(vendor.only_task))
    kept(film, times=GONE_TIMES - 1)
    assert film.state == Film.State.PENDING
    assert len(vendor.looks_at(vendor.only_task)) == looks + GONE_TIMES - 1
    kept(film)
    assert (film.state, film.next_attempt_at) == (Film.State.GIVEN_UP, None)
    assert "film_lost" in events_of(caplog)
    task = task_object(Generation.objects.get(pk=film.pk))
    assert (task["status"], task["output"]["urls"]) == ("completed", [])
    assert task["output"]["film_lost"] == film.problem
    assert Client().get(f"/films/{film.token}.mp4").status_code == 404


def events_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    records: list[Any] = [record.msg for record in caplog.records]
    return [message["event"] for message in records if isinstance(message, dict)]


def test_p39_a_fresh_link_saves_the_film(film: Film, vendor: Vendor) -> None:
    vendor.always(path_of(film), html(403))
    vendor.finish(vendor.only_task, film_bytes())
    kept(film)
    assert film.state == Film.State.PENDING
    kept(film)
    assert film.state == Film.State.KEPT


@pytest.mark.parametrize("reply", [html(502), drop, say(200, {"id": "x", "status": "failed"})])
def test_p39_a_dead_link_and_a_vendor_that_makes_no_sense_is_no_crash(
    film: Film, vendor: Vendor, reply: Reply
) -> None:
    vendor.always(path_of(film), html(404))
    vendor.always(f"{TASKS}{vendor.only_task}", reply)
    kept(film, times=GONE_TIMES)
    assert film.state == Film.State.GIVEN_UP


def test_p39_a_film_is_lost_when_its_links_life_has_ended(film: Film, vendor: Vendor) -> None:
    vendor.always(path_of(film), html(500))
    Film.objects.update(link_expires_at=timezone.now())
    kept(film)
    assert film.state == Film.State.GIVEN_UP
    assert "HTTP 500" in film.problem


def test_p39_alarms_sound_at_a_quarter_a_half_and_three_quarters_once_each(
    film: Film, caplog: pytest.LogCaptureFixture
) -> None:
    assert film.link_expires_at is not None
    life = film.link_expires_at - film.created_at
    raised = [
        raise_alarms(now=film.created_at + life * share)
        for share in (0.0, 0.2, 0.25, 0.26, 0.3, 0.5, 0.6, 0.75, 0.76, 0.99)
    ]
    assert raised == [0, 0, 1, 0, 0, 1, 0, 1, 0, 0]
    assert events_of(caplog).count("film_not_kept_yet") == 3
    kept(film)
    assert raise_alarms(now=film.link_expires_at) == 0


def test_p31_a_link_to_a_private_address_is_not_fetched(
    alice: Membership, vendor: Vendor, settings: Settings
) -> None:
    film = completed(alice, vendor, film_bytes())
    # To a real vendor's key this address is as private as any other.
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    settings.RESULT_HOSTS = ["127.0.0.1"]
    kept(film)
    assert film.state == Film.State.GIVEN_UP
    assert vendor.calls_to(path_of(film)) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/film.mp4",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/film.mp4",
        "http://film.example/film.mp4",
        "http://127.0.0.1.example/film.mp4",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "http://user:pass@127.0.0.1/film.mp4",
        "not a link",
        "http://",
    ],
)
def test_p31_a_link_elsewhere_is_refused_and_not_tried_again(
    alice: Membership, vendor: Vendor, url: str
) -> None:
    film = kept(completed(alice, vendor, urls=[url]))
    assert film.state == Film.State.GIVEN_UP or (film.state, url) == (
        Film.State.PENDING,
        "http://127.0.0.1:1/film.mp4",
    )
    assert stored_files_of(film) == []


@pytest.mark.parametrize("where", ["http://127.0.0.1:9/x", "http://10.0.0.1/x", "//[::1]:80/x"])
def test_p31_a_redirect_to_a_private_address_is_refused(
    film: Film, vendor: Vendor, where: str
) -> None:
    vendor.always(path_of(film), say(302, b"", Location=where))
    kept(film)
    assert film.state != Film.State.KEPT
    assert film.state == Film.State.GIVEN_UP or "ConnectError" in film.problem


def test_p31_a_redirect_within_the_vendor_is_followed(film: Film, vendor: Vendor) -> None:
    vendor.files["/elsewhere.mp4"] = film_bytes()
    vendor.always(path_of(film), say(302, b"", Location="/elsewhere.mp4"))
    assert kept(film).state == Film.State.KEPT


def test_p31_a_real_vendors_film_comes_from_its_own_hosts_only(
    alice: Membership, vendor: Vendor, settings: Settings
) -> None:
    film = completed(alice, vendor, film_bytes())
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    settings.OUTBOUND_ALLOW = [vendor.url.removeprefix("http://")]
    settings.RESULT_HOSTS = ["file.aivideoapi.ai", ".volces.com"]
    kept(film)
    assert film.state == Film.State.GIVEN_UP
    assert "not on the list" in film.problem
    assert vendor.calls_to(path_of(film)) == []
