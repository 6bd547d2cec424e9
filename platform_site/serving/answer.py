"""One answer in the making: the application's words in gunicorn's framing, a step at a time."""

import contextvars
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, Self

from gunicorn.http.wsgi import create

from platform_site.serving.admission import Judge
from platform_site.serving.incoming import Incoming
from platform_site.serving.outbox import ClientGone, Outbox
from platform_site.serving.refusals import failed
from platform_site.web.requests import UNREAD

log = logging.getLogger(__name__)
_BLOCK_BYTES = 64 * 1024

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True)
class Site:
    """What is served: the application, how long a path's body may be, and gunicorn's part in it.

    Attributes:
        application: A WSGI application.
        longest_body: Returns how many bytes of body a path takes.
        cfg: Gunicorn's configuration.
        access_log: Gunicorn's logger.
        judge_at: Returns who is asked before a path's body is read; None: nobody.
    """

    application: Application
    longest_body: Callable[[str], int]
    cfg: Any
    access_log: Any
    judge_at: Callable[[str], Judge | None] = lambda _path: None


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def close(self) -> object: ...


class FileBlocks:
    """WSGI's `wsgi.file_wrapper`: a file that is sent block by block as its client takes it.

    Any thread may read the next block, which cannot be said of other iterables: those may hold on
    to their thread's database connection.
    """

    def __init__(self, file: _Readable, _block_size: int = 0) -> None:
        self._file = file

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        """Return the next block. Raises `OSError` as the file does."""
        block = self._file.read(_BLOCK_BYTES)
        if not block:
            raise StopIteration
        return block

    def close(self) -> None:
        """Close the file; Django puts the end of its response here."""
        self._file.close()


class Answer:
    """The application's answer to one request.

    Attributes:
        is_done: Whether all of it is in the outbox; until then `step` is to be called again.
        keeps_open: Whether another request may follow on the connection.
    """

    def __init__(
        self,
        site: Site,
        incoming: Incoming,
        outbox: Outbox,
        *,
        called: Any,
        is_last: bool,
    ) -> None:
        """Prepare to answer; nothing runs yet.

        Args:
            site: What answers.
            incoming: A request that is whole, or too long. It is closed with the answer.
            outbox: Where the answer goes.
            called: The address that the client called.
            is_last: Whether the connection closes afterwards.
        """
        self.is_done = False
        self.keeps_open = False
        self._site = site
        self._incoming = incoming
        self._outbox = outbox
        self._called = called
        self._is_last = is_last
        self._began_at = datetime.now(UTC)
        self._environ: dict[str, Any] = {}
        self._response: Any = None
        self._result: Iterable[bytes] | None = None
        self._blocks: Iterator[bytes] = iter(())
        self._has_begun = False
        self._context: contextvars.Context | None = None

    def step(self) -> None:
        """Go on until the answer ends or, if it is a file, the outbox is full."""
        if self._context is None:
            self._step()
        else:
            self._context.run(self._step)

    def close(self) -> None:
        """End it, finished or not: the application hears of it and files are closed."""
        self.is_done = True
        result, self._result = self._result, None
        try:
            if result is not None and hasattr(result, "close"):
                result.close()
        except Exception:
            log.exception("An answer did not close.")
        self._incoming.close()

    def _step(self) -> None:
        try:
            if not self._has_begun:
                self._begin()
            if self._send():
                # Another thread may go on, and what it logs belongs to this request too.
                self._context = self._context or contextvars.copy_context()
                return
            self._response.close()
            self._outbox.flush()
            self.keeps_open = not self._response.should_close()
        except ClientGone:
            pass
        except BaseException:  # an application may even ask to exit
            log.exception("The application did not answer.")
            self._break_off()
        self._note()
        self.close()

    def _begin(self) -> None:
        self._has_begun = True
        head = self._incoming.head
        head.take_expectation()
        self._response, environ = create(
            head, self._outbox, self._incoming.client, self._called, self._site.cfg
        )
        if self._is_last:
            self._response.force_close()
        self._environ = environ
        self._read_ahead(environ)
        self._result = self._site.application(self._environ, self._response.start_response)
        self._blocks = iter(self._result)

    def _read_ahead(self, environ: dict[str, Any]) -> None:
        """Put what was read before into the environment: a body, and its length in any case."""
        environ["wsgi.input"] = self._incoming.open_body()
        environ["wsgi.file_wrapper"] = FileBlocks
        environ["wsgi.multithread"] = True
        if self._incoming.is_unread:
            environ[UNREAD] = True
        if self._incoming.is_in_chunks:
            environ["CONTENT_LENGTH"] = str(self._incoming.size)
            del environ["HTTP_TRANSFER_ENCODING"]

    def _send(self) -> bool:
        """Write block after block; return whether to stop until the client has taken some."""
        may_pause = isinstance(self._result, FileBlocks)
        for block in self._blocks:
            self._response.write(block)
            self._outbox.flush()
            if may_pause and self._outbox.is_full:
                return True
        return False

    def _break_off(self) -> None:
        """Say that something is wrong: with a 500, or by closing an answer that is in progress."""
        if self._response is None or not self._response.headers_sent:
            with suppress(ClientGone, OSError):
                self._outbox.sendall(failed().answer(self._incoming.path))

    def _note(self) -> None:
        if self._response is not None and self._response.status is not None:
            took = datetime.now(UTC) - self._began_at
            self._site.access_log.access(self._response, self._incoming.head, self._environ, took)
