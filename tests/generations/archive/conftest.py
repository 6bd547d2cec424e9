"""A film to be kept, one that is lost, and a folder of their own for films."""

from pathlib import Path

import pytest
from pytest_django import Settings

from accounts.models import Membership
from generations.archive.keep import GONE_TIMES
from generations.models import Film
from platform_site.stores.settings import S3, stored_in
from tests.support.films import film_bytes
from tests.support.keeping import completed, kept, path_of
from tests.support.vendor import Vendor, html


@pytest.fixture
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
