"""Sites in real processes. They are expensive, and shared."""

from collections.abc import Iterator

import pytest

from tests.support.site import Site
from tests.support.vendor import Vendor, running_vendor


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The whole site with its sandbox, as `manage.py up --sandbox` runs it."""
    site = Site(tmp_path_factory.mktemp("site"), WORKERS="3")
    site.start("up")
    try:
        yield site
    finally:
        site.close()


@pytest.fixture(scope="module")
def wire() -> Iterator[Vendor]:
    """A vendor that can be scripted, for a module's site."""
    with running_vendor() as vendor:
        yield vendor


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory, wire: Vendor) -> Iterator[Site]:
    """A web server at the scripted vendor; its worker is started and killed by the tests.

    Four workers: one sweeps, one carries webhooks, and two posts leave no slot for a third.
    """
    allowed = wire.url.removeprefix("http://")
    folder = tmp_path_factory.mktemp("parts")
    site = Site(folder, vendor_url=wire.url, WORKERS="4", FILM_WORKERS="1", OUTBOUND_ALLOW=allowed)
    site.start("web")
    try:
        yield site
    finally:
        wire.open_gates()
        site.close()
