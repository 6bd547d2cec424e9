"""A package index for the tests of locks and environments."""

from collections.abc import Iterator

import pytest

from tests.support.local_server import LocalServer, running
from tests.support.package_index import Index


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    """An index with nothing on it."""
    with running(LocalServer()) as server:
        yield Index(server)
