"""Each content is stored once, over teams, and stays until its last film goes (P39)."""

from functools import partial

import pytest
from django.test import Client

from accounts.models import Membership
from generations.archive.keep import keep_film
from generations.archive.store import delete_unused_files, film_storage
from generations.lifecycle import State
from generations.models import Film, RetentionRule, StoredFile
from tests.factories import make_generation
from tests.support.films import film_bytes
from tests.support.keeping import completed, files_of, kept, remove, stored_files
from tests.support.races import race
from tests.support.vendor import Vendor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key", "own_folder")]


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
