"""What people make of kept films: the first download is noted, favourites are the team's."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.authority import By
from accounts.models import Membership
from accounts.roles import Role
from generations.archive.library import note_download, set_favourite
from generations.errors import TaskNotFound
from generations.lifecycle import State
from generations.models import Film, Generation
from platform_site.errors import PermissionDenied
from tests.factories import make_generation, make_member

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


@pytest.fixture
def job(alice: Membership) -> Generation:
    return make_generation(alice, State.COMPLETED)


def fetch(job: Generation, query: str = "", method: str = "get", **headers: str) -> Film:
    reply = getattr(Client(), method)(f"/films/{job.film.token}.mp4{query}", headers=headers)
    assert reply.status_code in {200, 206}
    if reply.streaming:
        b"".join(reply.streaming_content)  # closing it by hand would close the test's database
    return Film.objects.get(pk=job.pk)


def test_playing_and_asking_are_no_downloads(job: Generation) -> None:
    assert fetch(job).first_downloaded_at is None
    assert fetch(job, "?download", "head").first_downloaded_at is None


def test_the_first_download_is_noted_and_later_ones_cost_nothing(job: Generation) -> None:
    first = fetch(job, "?download").first_downloaded_at
    assert first is not None
    with CaptureQueriesContext(connection) as queries:
        fetch(job, "?download", Range="bytes=10-")
    assert not [one for one in queries if one["sql"].startswith("UPDATE")]
    assert Film.objects.get().first_downloaded_at == first


def test_of_two_downloads_at_once_the_first_counts(job: Generation) -> None:
    early = Film.objects.get(pk=job.pk)
    late = Film.objects.get(pk=job.pk)
    note_download(early, now=timezone.now())
    noted = Film.objects.get().first_downloaded_at
    note_download(late, now=timezone.now())
    assert Film.objects.get().first_downloaded_at == noted


def test_a_favourite_is_the_teams(job: Generation, alice: Membership, bob: Membership) -> None:
    set_favourite(job, favourite=True, by=By.member(bob))
    assert Generation.objects.get().favourite
    set_favourite(job, favourite=False, by=By.member(alice))
    assert not Generation.objects.get().favourite


def test_a_viewer_only_looks(job: Generation, alice: Membership) -> None:
    with pytest.raises(PermissionDenied):
        set_favourite(job, favourite=True, by=By.member(make_member(alice.team, Role.VIEWER)))


def test_p32_a_strangers_film_is_unknown(job: Generation, charlie: Membership) -> None:
    with pytest.raises(TaskNotFound):
        set_favourite(job, favourite=True, by=By.member(charlie))
    assert not Generation.objects.get().favourite
