"""The sockets that clients connect to."""

import errno
import logging
import selectors
import socket
from collections.abc import Callable, Sequence
from typing import Any

log = logging.getLogger(__name__)

_A_TURN = 64
_PAUSE_SECONDS = 1.0
_NO_FILES_LEFT = frozenset({errno.EMFILE, errno.ENFILE})


class Listening:
    """Accepts clients while there is room for them."""

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        selector: selectors.BaseSelector,
        *,
        clock: Callable[[], float],
        has_room: Callable[[], bool],
        make_room: Callable[[], bool],
        welcome: Callable[[socket.socket, Any, Any], None],
    ) -> None:
        """Begin to watch the sockets, which are the data of their keys in `selector`.

        `has_room` is asked before each client, `make_room` when the process has no more open
        files; both return whether one more may come. `welcome` takes a client's socket, their
        address and the one that they called.
        """
        self._listeners = list(listeners)
        self._selector = selector
        self._clock = clock
        self._has_room = has_room
        self._make_room = make_room
        self._welcome = welcome
        self._again_at = clock()
        self._is_watching = False
        for listener in self._listeners:
            listener.setblocking(False)
        self.watch(True)

    def watch(self, wanted: bool) -> None:
        """Watch the sockets, or leave them alone; after a failure they are for a moment."""
        wanted = wanted and self._clock() >= self._again_at
        if wanted == self._is_watching:
            return
        self._is_watching = wanted
        for listener in self._listeners:
            if wanted:
                self._selector.register(listener, selectors.EVENT_READ, listener)
            else:
                self._selector.unregister(listener)

    def accept(self, listener: socket.socket, *, most: int = _A_TURN) -> None:
        """Let in who waits at one of the sockets, at most so many."""
        try:
            self._accept(listener, most)
        except Exception:
            log.exception("Nobody could be let in.")
            self._again_at = self._clock() + _PAUSE_SECONDS

    def close(self, *, most: int) -> None:
        """Let in who has connected already, at most so many a socket, then nobody more."""
        self.watch(False)
        for listener in self._listeners:
            self.accept(listener, most=most)
            listener.close()

    def _accept(self, listener: socket.socket, most: int) -> None:
        for _ in range(most):
            if not self._has_room():
                return
            try:
                sock, client = listener.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if error.errno in _NO_FILES_LEFT and self._make_room():
                    continue
                # The listener stays readable: without a pause the loop would run hot.
                self._again_at = self._clock() + _PAUSE_SECONDS
                return
            self._welcome(sock, client, listener.getsockname())
