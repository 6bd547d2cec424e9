"""Ask the database although it is restarted under us."""

import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connections

Value = TypeVar("Value")
_SECONDS = 120.0


def patiently(ask: Callable[[], Value]) -> Value:
    """Return what `ask` returns, asking again while the database is away.

    Raises the last error after two minutes. `ask` may run several times.
    """
    ends = time.monotonic() + _SECONDS
    while True:
        try:
            return ask()
        except (OperationalError, InterfaceError):
            if time.monotonic() > ends:
                raise
            connections.close_all()
            time.sleep(0.3)
