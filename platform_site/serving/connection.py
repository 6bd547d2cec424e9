"""One client's connection: what it is at, and when it last got on."""

import socket
from enum import Enum, auto
from typing import Any

from platform_site.serving.admission import Admission
from platform_site.serving.answer import Answer
from platform_site.serving.incoming import Incoming
from platform_site.serving.outbox import Outbox

# Bodies in chunks are taken apart in the loop, so little of one at a time.
_SMALL_BYTES = 8 * 1024
_LARGE_BYTES = 64 * 1024


class Doing(Enum):
    """What a connection is at."""

    READING = auto()
    ANSWERING = auto()
    """A thread has it, or will have it next."""
    SENDING = auto()
    """The client has yet to take what there is."""
    LINGERING = auto()
    """All is sent; what still comes is thrown away until the client closes."""
    CLOSED = auto()


class Connection:
    """A connection, from accepting to closing.

    Attributes:
        called: The address that the client called.
        discards: Whether what comes is thrown away: the rest of a request that was refused.
        patience: How long it may go without getting on, in seconds.
        got_on_at: When it last did, in the loop's time.
        watched: The selector's events that are waited for.
    """

    def __init__(
        self, sock: socket.socket, incoming: Incoming, called: Any, *, memory_bytes: int
    ) -> None:
        """Take over an accepted socket, which is closed with the connection."""
        sock.setblocking(False)
        self.socket = sock
        self.called = called
        self.outbox = Outbox(sock, memory_bytes=memory_bytes)
        self.doing = Doing.READING
        self.incoming = incoming
        self.answer: Answer | None = None
        self.admission: Admission | None = None
        self.discards = False
        self.discarded = 0
        self.patience = 0.0
        self.got_on_at = 0.0
        self.watched = 0
        self._mark = 0

    @property
    def kept(self) -> int:
        """Return the bytes that it keeps in memory or on disk."""
        return len(self.outbox) + self.incoming.kept

    def begin(self, now: float, *, patience: float) -> None:
        """Start to wait for something else."""
        self.patience = patience
        self.got_on_at = now
        self._mark = 0

    def advance(self, total: int, now: float, *, step: int) -> None:
        """Note how far it is; only whole steps count as getting on."""
        if total - self._mark >= step:
            self._mark = total
            self.got_on_at = now

    def receive(self) -> bytes | None:
        """Return what has come, b"" when the client has gone, None when nothing has."""
        incoming = self.incoming
        is_plain = incoming.is_in_its_body and not incoming.is_in_chunks
        try:
            return self.socket.recv(_LARGE_BYTES if is_plain or self.discards else _SMALL_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            return b""
