"""One request while it arrives: gunicorn reads its head, its body is kept until it is whole."""

import io
import re
import tempfile
from collections.abc import Callable
from enum import Enum, auto
from http import HTTPStatus
from typing import IO, Any, NoReturn, cast
from urllib.parse import unquote

from django.core.exceptions import RequestDataTooBig
from gunicorn.asgi.parser import ParseError, PythonProtocol
from gunicorn.http.body import LengthReader
from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    NoMoreData,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

from platform_site.serving.bounds import Bounds
from platform_site.serving.refusals import Refused, no_room, path_of, words_of_fault

_END_OF_HEAD = b"\r\n\r\n"
# No head that has one ends well, and gunicorn says so.
_BARE_LF = re.compile(rb"(?<!\r)\n")
# gunicorn's push parser, which is made for whole requests, learns that a body in chunks follows.
_CHUNKS_FOLLOW = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
# Bytes of a body in chunks, framing included, for each byte of it, beside the first so many.
_FRAMING_SHARE = 4
_FRAMING_BYTES = 64 * 1024
# A form of so many bytes costs less than asking whether to read it.
_READ_UNASKED_BYTES = 64 * 1024
# Of a request line, what its path stands in.
_LINE_BYTES = 1024
_CODINGS = {"chunked", "identity"}
_STATUS = {
    ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
}


class Stage(Enum):
    """How far a request has come; the last two can be answered."""

    HEAD = auto()
    ASKING = auto()
    """Whether its body is read has yet to be decided."""
    BODY = auto()
    WHOLE = auto()
    TOO_LONG = auto()


class Head(Request):  # type: ignore[misc]  # the library is untyped
    """A request's head as gunicorn reads it; the body is read elsewhere."""

    def __init__(self, cfg: Any, text: bytes, client: Any) -> None:
        """Raise gunicorn's `ParseException`, or `NoMoreData` when `text` is not all of the head."""
        self._expected_100_continue = False
        super().__init__(cfg, IterUnreader([text]), client)
        for name, value in self.headers:
            # gunicorn takes gzip before the chunks, and nobody would unpack it.
            if name == "TRANSFER-ENCODING" and value.strip().lower() not in _CODINGS:
                raise UnsupportedTransferCoding(value)

    @property
    def length(self) -> int | None:
        """Return the body's bytes as announced; None when it comes in chunks."""
        reader = self.body.reader
        return reader.length if isinstance(reader, LengthReader) else None

    def take_expectation(self) -> bool:
        """Return whether the client waits for "100 Continue"; gunicorn is not to send it again."""
        expected, self._expected_100_continue = self._expected_100_continue, False
        return expected

    def expects_100_continue(self, expected: bool) -> None:
        """Note again what `take_expectation` has returned."""
        self._expected_100_continue = expected


class Incoming:
    """One request, fed with bytes as they come.

    Attributes:
        client: The peer's address.
        stage: How far it has come.
        head: Its head, from `BODY` on.
        size: The body's bytes so far or, when it is too long, as many as are known of.
        rest: Bytes behind its end, which belong to the next request.
        is_unread: Whether its body is not read because it was decided so.
    """

    def __init__(
        self,
        cfg: Any,
        client: Any,
        *,
        bounds: Bounds,
        longest_body: Callable[[str], int],
        is_asked_first: Callable[[str], bool] = lambda _path: False,
    ) -> None:
        """Wait for a head.

        `longest_body` returns how many bytes a path's body may have, `is_asked_first` whether
        `decide` is called before a body of more than a few bytes is read.
        """
        self.stage = Stage.HEAD
        self.head: Head
        self.size = 0
        self.rest = b""
        self._cfg = cfg
        self.client = client
        self._bounds = bounds
        self.is_unread = False
        self._longest_body = longest_body
        self._is_asked_first = is_asked_first
        self._after_head = b""
        self._text = bytearray()
        self._length = 0
        self._limit = 0
        self._chunks: PythonProtocol | None = None
        self._framed = 0
        self._body: IO[bytes] | None = None

    def feed(self, data: bytes) -> None:
        """Take in what has come. Raises `Refused`."""
        if self.stage is Stage.HEAD:
            data = self._feed_head(data)
        if self.stage is Stage.ASKING:
            self._after_head += data
        elif self.stage is Stage.BODY:
            self._feed_body(data)
        elif self.stage is Stage.WHOLE:
            self.rest = data

    def decide(self, *, is_granted: bool) -> None:
        """Go on from `ASKING`: read the body, or leave it unread. Raises `Refused`."""
        data, self._after_head = self._after_head, b""
        if is_granted:
            self._await_body()
            self.feed(data)
        else:
            self.is_unread = True
            self.stage = Stage.TOO_LONG

    @property
    def has_begun(self) -> bool:
        """Return whether anything but blank lines has come."""
        return self.stage is not Stage.HEAD or bool(self._text.strip(b"\r\n"))

    @property
    def path(self) -> str:
        """Return the path that it calls, as far as that is known."""
        if self.stage is Stage.HEAD:
            return path_of(bytes(self._text[:_LINE_BYTES]))
        return unquote(self.head.path)

    @property
    def is_in_chunks(self) -> bool:
        """Return whether the body comes in chunks, without a length."""
        return self._chunks is not None

    @property
    def is_in_its_body(self) -> bool:
        """Return whether its head has come and its body has not."""
        return self.stage is Stage.BODY

    @property
    def kept(self) -> int:
        """Return the bytes of the body that are kept in memory or on disk."""
        return self.size if self._body is not None else 0

    def open_body(self) -> IO[bytes]:
        """Return the body, to be read from its beginning; of one that is too long there is none."""
        if self.is_unread:
            return io.BytesIO()
        if self.stage is Stage.TOO_LONG:
            return cast("IO[bytes]", _TooLong())
        if self._body is None:
            return io.BytesIO()
        self._body.seek(0)
        return self._body

    def close(self) -> None:
        """Forget the body."""
        if self._body is not None:
            self._body.close()
            self._body = None

    def _feed_head(self, data: bytes) -> bytes:
        """Return what follows the head, once it has ended."""
        text, known = self._text, len(self._text)
        text += data
        end = text.find(_END_OF_HEAD, max(0, known - len(_END_OF_HEAD) + 1))
        is_too_long = (end if end >= 0 else len(text)) > self._bounds.head_bytes
        if end < 0 or is_too_long:
            if is_too_long or _BARE_LF.search(text, known):
                self._judge(bytes(text[: self._bounds.head_bytes]))
            if is_too_long:
                raise _refused(LimitRequestHeaders("the head is too long"))
            return b""
        end += len(_END_OF_HEAD)
        head = self._judge(bytes(text[:end]))
        if head is None:
            raise Refused(HTTPStatus.BAD_REQUEST, words_of_fault())
        self.head = head
        self._begin_body(head)
        after = bytes(text[end:])
        text.clear()
        return after

    def _judge(self, text: bytes) -> Head | None:
        """Return the head; None when gunicorn has no fault to find yet. Raises `Refused`."""
        try:
            return Head(self._cfg, text, self.client)
        except NoMoreData:
            return None
        except ParseException as error:
            raise _refused(error) from error

    def _begin_body(self, head: Head) -> None:
        self._limit = self._longest_body(unquote(head.path))
        length = head.length
        if length is not None and length > self._limit:
            self.stage = Stage.TOO_LONG
            self.size = length
        elif (length is None or length > _READ_UNASKED_BYTES) and self._is_asked_first(
            unquote(head.path)
        ):
            self.stage = Stage.ASKING
        else:
            self._await_body()

    def _await_body(self) -> None:
        length = self.head.length
        if length is None:
            self.stage = Stage.BODY
            self._chunks = PythonProtocol(on_body=self._keep)
            self._chunks.feed(_CHUNKS_FOLLOW)
        else:
            self.stage = Stage.BODY if length else Stage.WHOLE
            self._length = length

    def _feed_body(self, data: bytes) -> None:
        if self._chunks is None:
            wanted = self._length - self.size
            self._keep(data[:wanted])
            is_whole, rest = self.size == self._length, data[wanted:]
        else:
            self._framed += len(data)
            if self._framed > _FRAMING_BYTES + _FRAMING_SHARE * self.size:
                # Taking apart a byte a chunk costs the loop, and so everybody, far too much.
                raise Refused(HTTPStatus.BAD_REQUEST, "The body's chunks are too small.")
            try:
                self._chunks.feed(data)
            except ParseError as error:
                raise _refused(error) from error
            is_whole, rest = self._chunks.is_complete, self._chunks.remaining()
        if is_whole and self.stage is Stage.BODY:
            self.stage = Stage.WHOLE
            self.rest = rest

    def _keep(self, data: bytes) -> None:
        if self.stage is Stage.TOO_LONG:
            return
        self.size += len(data)
        if self.size > self._limit:
            self.stage = Stage.TOO_LONG
            self.close()
            return
        try:
            if self._body is None:
                self._body = _temporary_file(self._bounds.memory_bytes)
            self._body.write(data)
        except OSError as error:
            raise no_room() from error


class _TooLong(io.RawIOBase):
    """A body that nobody read; views that ask for it get what Django says of such bodies."""

    def readable(self) -> bool:
        return True

    def read(self, _size: int | None = -1, /) -> NoReturn:
        raise RequestDataTooBig("The body is larger than this address accepts.")

    readline = readinto = read  # type: ignore[assignment]


def _temporary_file(memory_bytes: int) -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(max_size=memory_bytes)


def _refused(error: Exception) -> Refused:
    """Return a refusal in few words: what the client sent may be secret, and is not repeated."""
    status = _STATUS.get(type(error), HTTPStatus.BAD_REQUEST)
    return Refused(status, words_of_fault(type(error).__name__))
