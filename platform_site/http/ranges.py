"""Answer HTTP Range requests for local films, so that players can seek.

Django's FileResponse ignores Range. This follows RFC 9110: §14 (range requests), §13 (conditional
requests, with their order of precedence) and §15.3.7, §15.5.17 (206 and 416).
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, http_date, quote_etag

CHUNK_BYTES = 128 * 1024
# A film never changes under its link; "private" keeps it out of shared caches.
IMMUTABLE_PRIVATE = "private, max-age=31536000, immutable"

_RANGE = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.IGNORECASE)
_MANY_DIGITS = 18


class SeekableFile(Protocol):
    """What is asked of a film's file: Django's File and Python's binary files both do."""

    def read(self, size: int, /) -> bytes: ...

    def seek(self, offset: int, /) -> object: ...

    def close(self) -> object: ...


class Part(NamedTuple):
    """What of a file is sent, in bytes, and whether as the answer to a range (206) or whole."""

    start: int
    length: int
    partial: bool


class FileSlice:
    """A part of a file, to be read from its beginning; `close` closes the file.

    Django calls `close` when the response ends, also when the client goes away early.
    """

    def __init__(self, file: SeekableFile, part: Part) -> None:
        self._file = file
        self._left = part.length
        self._file.seek(part.start)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes. Raises `OSError` as `read` does."""
        while chunk := self.read(CHUNK_BYTES):
            yield chunk

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes, b"" at the part's end.

        Raises:
            OSError: The file ends early. Breaking the connection off is the only way left to
                tell the client, which has been promised more.
        """
        if self._left == 0:
            return b""
        chunk = self._file.read(min(size, self._left))
        if not chunk:
            raise OSError(f"The file is {self._left} bytes shorter than its record says.")
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class FileSliceResponse(StreamingHttpResponse):
    """A response that a web server may read on from when its client is ready for more."""

    # What Django's WSGI handler looks for, to hand it over by `wsgi.file_wrapper`.
    block_size = CHUNK_BYTES

    def __init__(self, file: FileSlice, **options: Any) -> None:
        """Answer with the slice; the response closes it."""
        super().__init__(file, **options)
        self.file_to_stream = file


def ranged_file_response(
    request: HttpRequest,
    file: SeekableFile,
    *,
    size: int,
    content_type: str,
    etag: str,
    modified: datetime | None = None,
    download_as: str | None = None,
) -> HttpResponseBase:
    """Answer GET or HEAD for a file that never changes under its link, whole or one range of it.

    Args:
        request: Its Range, If-Range, If-None-Match and If-Match headers count.
        file: An open, seekable binary file, which the response closes.
        size: Bytes of the whole file.
        content_type: Media type.
        etag: Strong validator, with or without its quotes; the file's SHA-256 serves well.
        modified: When the file came to be; None: nobody knows.
        download_as: Name under which browsers save it; None: they show it.

    Returns:
        200 with everything, 206 with one range, 304, 412 or 416. Several ranges at once and
        malformed ones get the whole, as §14.2 allows. HEAD gets the headers of the whole: ranges
        are defined for GET only.
    """
    etag = quote_etag(etag)
    headers = {"Accept-Ranges": "bytes", "ETag": etag, "Cache-Control": IMMUTABLE_PRIVATE}
    seconds = int(modified.timestamp()) if modified else None
    if seconds is not None:
        headers["Last-Modified"] = http_date(seconds)
    bare = HttpResponse(headers=headers, content_type=content_type)
    early = get_conditional_response(request, etag, seconds, bare)
    if early is not None and early is not bare:
        file.close()
        return early

    part = _requested_part(request, size, {etag, headers.get("Last-Modified", etag)})
    if part is None:
        file.close()
        headers["Content-Range"] = f"bytes */{size}"
        return HttpResponse(status=416, headers=headers, content_type=content_type)
    if part.partial:
        headers["Content-Range"] = f"bytes {part.start}-{part.start + part.length - 1}/{size}"
    headers["Content-Length"] = str(part.length)
    if download_as is not None:
        headers["Content-Disposition"] = content_disposition_header(True, download_as) or ""
    if request.method == "HEAD":
        file.close()
        return HttpResponse(headers=headers, content_type=content_type)
    return FileSliceResponse(
        FileSlice(file, part),
        status=206 if part.partial else 200,
        headers=headers,
        content_type=content_type,
    )


def _requested_part(request: HttpRequest, size: int, validators: set[str]) -> Part | None:
    """Return the part to send; None when the range asked for lies outside the file."""
    whole = Part(0, size, partial=False)
    # A strong comparison (§13.1.5), of dates too: a file never changes under its link.
    condition = request.headers.get("If-Range", "").strip()
    if request.method != "GET" or condition not in {"", *validators}:
        return whole
    match = _RANGE.fullmatch(request.headers.get("Range", ""))
    if match is None or match[1] == match[2] == "":
        return whole
    first, last = match[1], match[2]
    if first == "":
        length = min(_number(last), size)
        return Part(size - length, length, partial=True) if length else None
    start, end = _number(first), _number(last) if last else size - 1
    if last and end < start:
        return whole
    if start >= size:
        return None
    return Part(start, min(end, size - 1) - start + 1, partial=True)


def _number(digits: str) -> int:
    # Python refuses to read thousands of digits; any file is smaller than this anyway.
    return int(digits) if len(digits) <= _MANY_DIGITS else 10**_MANY_DIGITS
