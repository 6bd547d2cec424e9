"""Files in a bucket of any S3 store, read by ranges and never as a whole into memory or on disk."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files import File
from storages.backends.s3 import S3Storage
from urllib3.exceptions import HTTPError

from platform_site.stores.clock import in_time

# One request brings this much: whoever stops reading early wastes no more.
WINDOW_BYTES = 4 * 1024 * 1024
_BUFFER_BYTES = 128 * 1024
_GONE = frozenset({"404", "NoSuchKey", "NotFound"})


class BucketStore(S3Storage):  # type: ignore[misc]  # the library is untyped
    """django-storages' S3 storage, which raises `OSError` for whatever goes wrong, with `put`."""

    def __init__(self, **options: Any) -> None:
        """Keep the bucket private and each call short."""
        options.setdefault("client_config", _client_config(options.get("addressing_style")))
        super().__init__(**options)

    def put(self, name: str, source: Path, *, content_type: str, ends: float) -> None:
        """Store a copy of `source` under `name`; what was there before is replaced.

        An S3 store shows an object when all of it has arrived. Raises `OSError`, also when that is
        not so by `ends`, a moment of monotonic time.
        """
        with _as_os_errors(name):
            self._client.upload_file(
                str(source),
                self.bucket_name,
                self._key(name),
                ExtraArgs={"ContentType": content_type},
                Config=self.transfer_config,
                # An exception in here ends the transfer.
                Callback=lambda _sent: in_time(ends),
            )
            stored = self._head(name)["ContentLength"]
        if stored != source.stat().st_size:
            raise OSError(f"The storage holds {stored} bytes of {source.stat().st_size}.")

    def exists(self, name: str) -> bool:
        """Return whether there is such an object. Raises `OSError` when the store does not say."""
        try:
            with _as_os_errors(name):
                self._head(name)
        except FileNotFoundError:
            return False
        return True

    def size(self, name: str) -> int:
        """Return an object's bytes. Raises `FileNotFoundError` and other `OSError`."""
        with _as_os_errors(name):
            return int(self._head(name)["ContentLength"])

    def delete(self, name: str) -> None:
        """Delete an object, if there is one. Raises `OSError`."""
        with _as_os_errors(name):
            super().delete(name)

    def _open(self, name: str, mode: str = "rb") -> "File[bytes]":
        if mode != "rb":
            raise ValueError("Objects are opened for reading only; `put` stores them.")
        reader = io.BufferedReader(_Object(self._part_of(name), self.size(name)), _BUFFER_BYTES)
        return File(reader, name)

    def _save(self, name: str, content: "File[bytes]") -> str:
        with _as_os_errors(name):
            return str(super()._save(name, content))

    @property
    def _client(self) -> Any:
        return self.connection.meta.client

    def _key(self, name: str) -> str:
        return str(self._normalize_name(name))

    def _head(self, name: str) -> dict[str, Any]:
        head: dict[str, Any] = self._client.head_object(
            Bucket=self.bucket_name, Key=self._key(name)
        )
        return head

    def _part_of(self, name: str) -> "_FetchPart":
        def fetch(start: int, end: int) -> _Body:
            with _as_os_errors(name):
                answer = self._client.get_object(
                    Bucket=self.bucket_name, Key=self._key(name), Range=f"bytes={start}-{end - 1}"
                )
            body: _Body = answer["Body"]
            return body

        return fetch


class _Body(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


_FetchPart = Callable[[int, int], _Body]


class _Object(io.RawIOBase):
    """An object as a seekable file: bytes are asked for by windows, when they are read."""

    def __init__(self, fetch: _FetchPart, size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._at = 0
        self._body: _Body | None = None
        self._body_ends = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if at < 0:
            raise ValueError("There is nothing before an object's first byte.")
        if at != self._at:
            self._drop()
        self._at = at
        return at

    def readinto(self, buffer: Any, /) -> int:
        if self._at >= self._size:
            return 0
        if self._body is None or self._at >= self._body_ends:
            self._drop()
            self._body_ends = min(self._size, self._at + WINDOW_BYTES)
            self._body = self._fetch(self._at, self._body_ends)
        with _as_os_errors("an object"):
            chunk = self._body.read(min(len(buffer), self._body_ends - self._at))
        if not chunk:
            raise OSError("The storage sent less than it announced.")
        buffer[: len(chunk)] = chunk
        self._at += len(chunk)
        return len(chunk)

    def close(self) -> None:
        self._drop()
        super().close()

    def _drop(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            with suppress(Exception):  # whatever closing says, nobody reads on
                body.close()


def _client_config(addressing: str | None) -> Config:
    return Config(
        s3={"addressing_style": addressing or "auto"},
        signature_version="s3v4",
        connect_timeout=5,
        read_timeout=20,
        retries={"mode": "standard", "max_attempts": 2},
        # Checksums that only the library's own maker knows how to read.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


@contextmanager
def _as_os_errors(name: str) -> Iterator[None]:
    """Translate the library's errors into the one kind that files raise."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _GONE:
            raise FileNotFoundError(name) from error
        raise OSError(f"The storage refused ({code or 'no reason given'}).") from error
    except (BotoCoreError, Boto3Error, HTTPError) as error:
        raise OSError(f"The storage could not be used ({type(error).__name__}).") from error
