"""A server whose time passes when it is told to."""

from collections.abc import Iterator

import pytest

from tests.support.bounds import BOUNDS, App
from tests.support.serving import Clock, Running, stepped


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app() -> Iterator[App]:
    app = App()
    yield app
    app.gate.set()


@pytest.fixture
def running(app: App, clock: Clock) -> Iterator[Running]:
    with stepped(app, bounds=BOUNDS, clock=clock) as running:
        yield running
