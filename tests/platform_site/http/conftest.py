"""A server on loopback, and a client that may reach it."""

from collections.abc import Iterator

import pytest

from platform_site.http import GuardedClient, guarded_client
from tests.support.local_server import LocalServer, running


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with running(LocalServer()) as local:
        yield local


@pytest.fixture
def client(server: LocalServer) -> Iterator[GuardedClient]:
    with guarded_client(allow=frozenset({f"127.0.0.1:{server.port}"}), timeout=2.0) as guarded:
        yield guarded
