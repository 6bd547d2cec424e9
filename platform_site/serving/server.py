"""The loop: it reads requests, lends threads to those that are whole, and sends the answers."""

import logging
import os
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from platform_site.serving.admission import Admission
from platform_site.serving.answer import Answer, Site
from platform_site.serving.bounds import Bounds
from platform_site.serving.clients import Clients
from platform_site.serving.connection import Connection, Doing
from platform_site.serving.incoming import Incoming, Stage
from platform_site.serving.listening import Listening
from platform_site.serving.outbox import ClientGone
from platform_site.serving.refusals import Refused, came_too_slowly, no_room

log = logging.getLogger(__name__)

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_SWEEP_SECONDS = 1.0
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Server:
    """Serves a site on listening sockets from one loop and a pool of threads.

    Everything runs in the loop's thread but `Answer.step` and `Answer.close`.
    """

    def __init__(
        self,
        site: Site,
        listeners: Sequence[socket.socket],
        *,
        wake: tuple[int, int],
        bounds: Bounds,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin to listen. `wake` is a pipe, both ends not blocking, that ends `run_once` early."""
        self._site = site
        self._wake = wake
        self._bounds = bounds
        self._clock = clock
        self._clients = Clients(bounds)
        self._stepped: deque[Connection] = deque()
        self._threads = ThreadPoolExecutor(site.cfg.threads, thread_name_prefix="answer")
        self._selector = selectors.DefaultSelector()
        self._swept_at = clock()
        self._is_stopping = False
        self._was_full = False
        self._selector.register(wake[0], _READ, None)
        self._listening = Listening(
            listeners,
            self._selector,
            clock=clock,
            has_room=self._has_room,
            make_room=self._make_room,
            welcome=self._welcome,
        )

    # For whoever runs the loop

    @property
    def is_busy(self) -> bool:
        """Return whether clients are connected."""
        return len(self._clients) > 0

    def run_once(self, seconds: float) -> None:
        """Do what there is to do, or wait for it, at most for so long."""
        for key, mask in self._selector.select(seconds):
            if isinstance(key.data, Connection):
                self._guard(key.data, self._on_event, mask)
            elif key.data is None:
                with suppress(BlockingIOError):
                    os.read(self._wake[0], 4096)
            else:
                self._listening.accept(key.data)
        while self._stepped:
            self._guard(self._stepped.popleft(), self._after_step)
        now = self._clock()
        if now - self._swept_at >= _SWEEP_SECONDS:
            self._swept_at = now
            self._sweep(now)
        self._listening.watch(not self._is_stopping and self._can_have_room())

    def stop(self) -> None:
        """Take what has connected already, then nothing more; answers close their connections."""
        self._is_stopping = True
        self._listening.close(most=self._clients.room)
        for connection in self._clients:
            if connection.doing is Doing.READING and not connection.incoming.is_in_its_body:
                connection.begin(self._clock(), patience=self._until_stopped(connection.patience))

    def close(self) -> None:
        """Drop whatever is left; threads end with the requests they are at."""
        for connection in self._clients:
            self._close(connection)
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._selector.close()

    # Connecting

    def _can_have_room(self) -> bool:
        return not self._clients.are_many or self._who_makes_room() is not None

    def _has_room(self) -> bool:
        return not self._clients.are_many or self._make_room()

    def _welcome(self, sock: socket.socket, client: Any, called: Any) -> None:
        request = self._request_of(client)
        connection = Connection(sock, request, called, memory_bytes=self._bounds.memory_bytes)
        self._clients.add(connection)
        self._await_request(connection, patience=self._bounds.head_seconds)

    def _request_of(self, client: Any) -> Incoming:
        return Incoming(
            self._site.cfg,
            client,
            bounds=self._bounds,
            longest_body=self._site.longest_body,
            is_asked_first=lambda path: self._site.judge_at(path) is not None,
        )

    def _make_room(self) -> bool:
        if not self._was_full:
            self._was_full = True
            log.warning(
                "There are %d connections; the least active are closed.", self._clients.room
            )
        found = self._who_makes_room()
        if found is not None:
            self._close(found)
        return found is not None

    def _who_makes_room(self) -> Connection | None:
        return self._clients.least_active(before=self._clock() - self._bounds.fresh_seconds)

    # Reading

    def _await_request(self, connection: Connection, *, patience: float) -> None:
        connection.doing = Doing.READING
        connection.begin(self._clock(), patience=self._until_stopped(patience))
        self._watch(connection, _READ)

    def _until_stopped(self, seconds: float) -> float:
        """Return how long to wait for a request to begin or its head to end."""
        return min(seconds, self._bounds.stop_seconds) if self._is_stopping else seconds

    def _on_event(self, connection: Connection, mask: int) -> None:
        if mask & _READ and connection.doing is not Doing.CLOSED:
            data = connection.receive()
            if data is not None and (connection.discards or connection.doing is Doing.LINGERING):
                self._discard(connection, data)
            elif data:
                self._feed(connection, data)
            elif data is not None:
                self._close(connection)
        if mask & _WRITE and connection.doing is Doing.SENDING:
            self._send(connection)

    def _feed(self, connection: Connection, data: bytes) -> None:
        self._read_on(connection, lambda: connection.incoming.feed(data))

    def _read_on(self, connection: Connection, step: Callable[[], None]) -> None:
        """Take the next step of a request, and see what comes of it."""
        incoming = connection.incoming
        had_begun, was_in_its_body = incoming.has_begun, incoming.is_in_its_body
        try:
            step()
            if not self._make_room_to_keep(connection):
                raise no_room()
        except Refused as refusal:
            self._refuse(connection, refusal)
            return
        now = self._clock()
        if incoming.stage in (Stage.WHOLE, Stage.TOO_LONG):
            self._lend_thread(connection, incoming)
        elif incoming.stage is Stage.ASKING:
            self._ask(connection, incoming)
        elif incoming.is_in_its_body and not was_in_its_body:
            connection.begin(now, patience=self._bounds.body_seconds)
            if incoming.head.take_expectation() and not incoming.size:
                connection.outbox.sendall(_CONTINUE)
                connection.outbox.flush()
        elif incoming.is_in_its_body:
            connection.advance(incoming.size, now, step=self._bounds.step_bytes)
        elif incoming.has_begun and not had_begun:
            connection.begin(now, patience=self._until_stopped(self._bounds.head_seconds))

    def _ask(self, connection: Connection, incoming: Incoming) -> None:
        """Have a thread find out whether the body is read."""
        judge = self._site.judge_at(incoming.path)
        connection.admission = Admission(
            judge, incoming, called=connection.called, cfg=self._site.cfg
        )
        self._go_on(connection, connection.admission)

    def _after_asking(self, connection: Connection, admission: Admission) -> None:
        connection.admission = None
        self._await_request(connection, patience=self._bounds.body_seconds)
        granted = admission.is_granted
        self._read_on(connection, lambda: connection.incoming.decide(is_granted=granted))

    def _discard(self, connection: Connection, data: bytes) -> None:
        """Throw away what a refused client still sends: closing on it would cost it the answer."""
        connection.discarded += len(data)
        is_over = not data or connection.discarded > self._bounds.discarded_bytes
        if is_over and connection.doing is Doing.LINGERING:
            self._close(connection)
            return
        if is_over:
            connection.discards = False
            self._watch(connection, connection.watched & ~_READ)
        connection.advance(connection.discarded, self._clock(), step=self._bounds.step_bytes)

    def _refuse(self, connection: Connection, refusal: Refused) -> None:
        """Answer for the application, and close: where a next request begins is not known."""
        is_usual = refusal.status is HTTPStatus.REQUEST_TIMEOUT
        level = logging.DEBUG if is_usual else logging.INFO
        client = connection.incoming.client
        words = "A request of %s was refused with %d: %s"
        log.log(level, words, client[:1], refusal.status, refusal.words)
        connection.incoming.close()
        connection.answer = None
        connection.discards = True
        connection.outbox.sendall(refusal.answer(connection.incoming.path))
        connection.begin(self._clock(), patience=self._bounds.linger_seconds)
        self._send(connection)

    # Answering

    def _lend_thread(self, connection: Connection, incoming: Incoming) -> None:
        connection.discards = incoming.stage is Stage.TOO_LONG
        connection.answer = Answer(
            self._site,
            incoming,
            connection.outbox,
            called=connection.called,
            is_last=self._is_stopping or connection.discards,
        )
        self._go_on(connection, connection.answer)

    def _go_on(self, connection: Connection, answer: Answer | Admission) -> None:
        self._watch(connection, _READ if connection.discards else 0)
        self._threads.submit(self._step, connection, answer)
        connection.doing = Doing.ANSWERING

    def _step(self, connection: Connection, answer: Answer | Admission) -> None:
        """Run in a thread."""
        try:
            answer.step()
        except BaseException:  # an exit too: the loop waits to hear of it
            log.exception("An answer failed.")
            answer.close()
        finally:
            self._stepped.append(connection)
            # A full pipe wakes the loop as well; a closed one has no loop.
            with suppress(OSError):
                os.write(self._wake[1], b".")

    def _after_step(self, connection: Connection) -> None:
        if connection.doing is Doing.CLOSED:
            self._forget(connection)
            return
        if connection.admission is not None:
            self._after_asking(connection, connection.admission)
            return
        # No thread has it any more, whatever happens next.
        connection.doing = Doing.SENDING
        connection.begin(self._clock(), patience=self._bounds.answer_seconds)
        self._send(connection)
        self._make_room_to_keep(connection)

    def _send(self, connection: Connection) -> None:
        """Send what the client takes, then see what is next."""
        answer, outbox = connection.answer, connection.outbox
        is_empty = outbox.flush()
        connection.advance(outbox.taken, self._clock(), step=self._bounds.step_bytes)
        if answer is not None and not answer.is_done and outbox.has_room:
            self._go_on(connection, answer)
        elif not is_empty:
            connection.doing = Doing.SENDING
            self._watch(connection, _WRITE | (_READ if connection.discards else 0))
        elif answer is not None and answer.keeps_open:
            self._next_request(connection)
        else:
            self._linger(connection)

    def _next_request(self, connection: Connection) -> None:
        rest = connection.incoming.rest
        connection.incoming = self._request_of(connection.incoming.client)
        connection.answer = None
        self._await_request(connection, patience=self._bounds.idle_seconds)
        if rest:
            self._feed(connection, rest)

    # Closing

    def _linger(self, connection: Connection) -> None:
        """Close our side and wait for the client to close its own (RFC 9112 §9.6)."""
        with suppress(OSError):
            connection.socket.shutdown(socket.SHUT_WR)
        patience = self._bounds.linger_seconds
        if connection.discards and connection.answer is not None:
            patience = self._bounds.body_seconds
        connection.doing = Doing.LINGERING
        connection.begin(self._clock(), patience=patience)
        self._watch(connection, _READ)

    def _close(self, connection: Connection) -> None:
        if connection.doing is Doing.CLOSED:
            return
        was_answering = connection.doing is Doing.ANSWERING
        connection.doing = Doing.CLOSED
        self._watch(connection, 0)
        self._clients.remove(connection)
        connection.socket.close()
        if not was_answering:  # else its thread is heard of, and it is forgotten then
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        """Free what a closed connection kept; its answer ends in a thread, as it began."""
        connection.outbox.close()
        answer = connection.answer
        if answer is None or answer.is_done:
            connection.incoming.close()
            return
        try:
            self._threads.submit(answer.close)
        except RuntimeError:  # no more threads
            answer.close()

    def _sweep(self, now: float) -> None:
        """End what has not got on for too long."""
        self._was_full = self._clients.are_many
        for connection in self._clients:
            if connection.doing is Doing.ANSWERING:
                continue
            if now - connection.got_on_at > connection.patience:
                self._guard(connection, self._expire)

    def _expire(self, connection: Connection) -> None:
        if connection.doing is Doing.READING and connection.incoming.has_begun:
            self._refuse(connection, came_too_slowly())
        else:
            self._close(connection)

    # Bookkeeping

    def _make_room_to_keep(self, connection: Connection) -> bool:
        """Count what it keeps, and close others if that is too much in all, least active first.

        Return whether it is not, or no longer.
        """
        self._clients.count(connection)
        while self._clients.keep_too_much:
            found = self._clients.least_active_that_keeps(but=connection)
            if found is None:
                return False
            self._close(found)
        return True

    def _watch(self, connection: Connection, events: int) -> None:
        if events == connection.watched:
            return
        if not connection.watched:
            self._selector.register(connection.socket, events, connection)
        elif events:
            self._selector.modify(connection.socket, events, connection)
        else:
            self._selector.unregister(connection.socket)
        connection.watched = events

    def _guard(self, connection: Connection, act: Callable[..., None], *arguments: Any) -> None:
        """Let no connection's trouble reach the others."""
        try:
            try:
                act(connection, *arguments)
            except ClientGone:
                self._close(connection)
            except Exception:
                log.exception("A connection failed.")
                self._close(connection)
        except Exception:
            log.exception("A connection did not close.")
        self._clients.count(connection)
