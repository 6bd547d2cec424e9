"""What changes rarely, remembered in this process for as long as its version stands.

A version is a random number beside what it is of, in the database; whoever changes that gives it
another. It is read before what is remembered under it: then what is remembered may be too fresh
for its version, and never too old. Whoever acts on it proves in its transaction that the version
still stands.
"""

import secrets
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_BITS = 62

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


def fresh_version() -> int:
    """Return a version that nothing ever had."""
    return secrets.randbits(_BITS) + 1


class Remembered(Generic[Key, Value]):
    """One value a key, each of the version that it was read under; at most `most` of them."""

    def __init__(self, *, most: int) -> None:
        """Remember nothing yet."""
        self._most = most
        self._values: dict[Key, tuple[int, Value]] = {}

    def get(self, key: Key, version: int, read: Callable[[], Value]) -> Value:
        """Return the key's value of this version, by `read` where it is not remembered."""
        known = self._values.get(key)
        if known is not None and known[0] == version:
            return known[1]
        value = read()
        if len(self._values) >= self._most:
            self._values.clear()
        self._values[key] = (version, value)
        return value
