"""What a client has yet to take of an answer."""

import socket
import tempfile
from typing import IO

_BLOCK_BYTES = 64 * 1024


class ClientGone(Exception):
    """The client has closed the connection."""


class Outbox:
    """Bytes on their way to a client; stands in for the socket that gunicorn's answers write to.

    Whoever answers owns it, one at a time: a thread while it works on the answer, else the loop.
    """

    def __init__(self, sock: socket.socket, *, memory_bytes: int) -> None:
        """Send to a socket that does not block; what is beyond `memory_bytes` waits on disk."""
        self.taken = 0
        self._socket = sock
        self._limit = memory_bytes
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        self._read_to = 0
        self._written_to = 0

    def __len__(self) -> int:
        """Return the bytes that wait."""
        return len(self._memory) + self._written_to - self._read_to

    @property
    def is_full(self) -> bool:
        """Return whether more should wait until the client has taken some."""
        return len(self) >= self._limit // 2

    @property
    def has_room(self) -> bool:
        """Return whether the client has taken enough for more to be made."""
        return len(self) <= self._limit // 8

    def sendall(self, data: bytes) -> None:
        """Take bytes to be sent. Raises `ClientGone`, and OSError when the disk takes no more."""
        if self._read_to < self._written_to:
            self._spill(data)
            return
        self._memory += data
        if len(self._memory) >= _BLOCK_BYTES:
            self.flush()
        if len(self._memory) > self._limit:
            self._spill(bytes(self._memory[self._limit :]))
            del self._memory[self._limit :]

    def flush(self) -> bool:
        """Send what goes without waiting; return whether nothing is left. Raises `ClientGone`."""
        while self._memory or self._refill():
            try:
                sent = self._socket.send(self._memory)
            except BlockingIOError:
                return False
            except OSError as error:
                raise ClientGone from error
            self.taken += sent
            del self._memory[:sent]
        return True

    def close(self) -> None:
        """Forget what is left."""
        self._memory.clear()
        if self._file is not None:
            self._file.close()
            self._file = None
        self._read_to = self._written_to = 0

    def _spill(self, data: bytes) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 (kept open)
        self._file.seek(self._written_to)
        self._file.write(data)
        self._written_to += len(data)

    def _refill(self) -> bool:
        if self._file is None or self._read_to == self._written_to:
            return False
        self._file.seek(self._read_to)
        block = self._file.read(_BLOCK_BYTES)
        if not block:
            raise OSError("A file of ours has become shorter.")
        self._memory += block
        self._read_to += len(block)
        if self._read_to == self._written_to:
            self._file.close()
            self._file = None
            self._read_to = self._written_to = 0
        return True
