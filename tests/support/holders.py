"""Clients that hold connections half-way: they send some of a request, then little or nothing."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

MANY = 40
_DRIP_SECONDS = 0.2


@dataclass(frozen=True)
class Holder:
    """What each of many connections does.

    Attributes:
        opening: Sent at once.
        drip: Sent again and again afterwards, for as long as the connection lives.
        receive_buffer: The client's, in bytes, if it matters how little it takes in.
    """

    opening: bytes
    drip: bytes = b""
    receive_buffer: int = 0


@contextlib.contextmanager
def held(address: tuple[str, int], *holders: Holder, each: int = MANY) -> Iterator[None]:
    """Hold `each` connections of every kind; all are open and have sent their opening."""
    over = threading.Event()
    with contextlib.ExitStack() as stack:
        dripping = []
        for holder in holders:
            for _ in range(each):
                sock = stack.enter_context(opened(address, holder))
                if holder.drip:
                    dripping.append((sock, holder.drip))
        thread = threading.Thread(target=_drip, args=(dripping, over))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def opened(address: tuple[str, int], holder: Holder) -> socket.socket:
    """Connect and send the opening, as much of it as is taken without waiting."""
    sock = socket.socket()
    if holder.receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, holder.receive_buffer)
    sock.settimeout(10)
    sock.connect(address)
    sock.setblocking(False)
    with contextlib.suppress(OSError):
        sock.send(holder.opening)
    return sock


def _drip(dripping: list[tuple[socket.socket, bytes]], over: threading.Event) -> None:
    while not over.wait(_DRIP_SECONDS):
        for sock, drop in dripping:
            with contextlib.suppress(OSError):
                sock.send(drop)
