"""Our link to a kept film: it plays, it can be saved, and it cannot be guessed."""

import pytest
from django.test import Client

from generations.archive.store import film_storage
from generations.models import Film
from tests.support.films import film_bytes
from tests.support.keeping import kept

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


def test_a_films_link_plays_without_a_key_and_by_ranges(film: Film) -> None:
    kept(film)
    data, url = film_bytes(), f"/films/{film.token}.mp4"
    whole = Client().get(url)
    assert (whole.status_code, whole.headers["Content-Type"]) == (200, "video/mp4")
    assert b"".join(whole) == data
    part = Client().get(url, headers={"Range": "bytes=100-199"})
    assert (part.status_code, b"".join(part)) == (206, data[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(data)}"
    beyond = Client().get(url, headers={"Range": f"bytes={len(data)}-"})
    assert beyond.status_code == 416
    head = Client().head(url)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(data)))
    assert Client().post(url).status_code == 405


def test_a_film_can_be_saved_under_a_name(film: Film) -> None:
    kept(film)
    reply = Client().get(f"/films/{film.token}.mp4?download")
    assert reply.headers["Content-Disposition"].startswith("attachment; filename=")


@pytest.mark.both_databases
def test_a_films_link_cannot_be_guessed(film: Film) -> None:
    kept(film)
    assert len(film.token) >= 43
    guesses = [str(film.pk), film.token[:-1], f"{film.token}x", "x" * 43, "a%00b", "..%2F..%2Fx"]
    for guess in guesses:
        for ending in (".mp4", ".jpg", "-last.jpg"):
            assert Client().get(f"/films/{guess}{ending}").status_code == 404
        assert Client().get(f"/uploads/{guess}.jpg").status_code == 404


def test_p32_the_link_of_a_film_that_is_not_kept_is_a_404(film: Film) -> None:
    for ending in (".mp4", ".jpg", "-last.jpg"):
        assert Client().get(f"/films/{film.token}{ending}").status_code == 404
    kept(film)
    film_storage().delete(film.file_name)
    assert Client().get(f"/films/{film.token}.mp4").status_code == 404
