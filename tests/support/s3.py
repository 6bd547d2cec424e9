"""A real S3 server on this machine, behind a front at which a test can script every reply."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import unquote

import boto3
import httpx
from botocore.config import Config

from platform_site.stores.settings import S3, stored_in
from tests.support.ports import free_port
from tests.support.vendor import Exchange, Vendor, running_vendor

BUCKET = "films-of-dailies"
_START_SECONDS = 60.0
# Each hop has its own; what the library asks for must come through as it is.
_OF_THE_HOP = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})


class Bucket:
    """A bucket at a real address. `front` takes every request and may answer for the server."""

    def __init__(self, front: Vendor, url: str) -> None:
        """Serve the bucket of the server at `url` through `front`."""
        self.front = front
        self.s3 = S3(
            bucket=BUCKET,
            endpoint_url=front.url,
            region="eu-central-1",
            access_key_id="AKIDEXAMPLE",
            secret_access_key="not-so-secret",
        )
        self._client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="eu-central-1",
            aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="not-so-secret",
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
        )

    def storages(self) -> dict[str, Any]:
        """Return the entries of STORAGES that put films and uploads here."""
        return {name: stored_in(name, folder=None, s3=self.s3) for name in ("films", "uploads")}  # type: ignore[arg-type]  # unused

    def names(self) -> list[str]:
        """Return what the bucket holds."""
        listed = self._client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return sorted(one["Key"] for one in listed)

    def content(self, name: str) -> bytes:
        """Return an object's bytes."""
        body: bytes = self._client.get_object(Bucket=BUCKET, Key=name)["Body"].read()
        return body

    def content_type(self, name: str) -> str:
        """Return an object's media type."""
        head: dict[str, str] = self._client.head_object(Bucket=BUCKET, Key=name)
        return head["ContentType"]

    def path(self, name: str) -> str:
        """Return the path under which the front hears of an object of the films."""
        return f"/{BUCKET}/films/{name}"

    def asked(self, method: str) -> list[str]:
        """Return the paths that were asked for by this method, oldest first."""
        return [unquote(call.path) for call in self.front.calls if call.method == method]

    def make(self) -> None:
        """Create the bucket, empty."""
        with suppress(self._client.exceptions.ClientError):
            self._client.create_bucket(
                Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
            )
        for name in self.names():
            self._client.delete_object(Bucket=BUCKET, Key=name)


@contextmanager
def running_s3_server() -> Iterator[str]:
    """Start an S3 server as a process of its own; yield its address."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        give_up_at = time.monotonic() + _START_SECONDS
        while not _answers(url):
            assert server.poll() is None, "the S3 server ended"
            assert time.monotonic() < give_up_at, "the S3 server does not answer"
            time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def running_bucket(server_url: str) -> Iterator[Bucket]:
    """Put a front before the server and empty its bucket."""
    with running_vendor() as front, httpx.Client(base_url=server_url, trust_env=False) as client:

        def forward(exchange: Exchange) -> None:
            call = exchange.call
            headers = {k: v for k, v in call.headers.items() if k not in ("connection", "expect")}
            reply = client.request(call.method, call.path, content=call.body, headers=headers)
            kept = {k: v for k, v in reply.headers.items() if k.lower() not in _OF_THE_HOP}
            length = reply.headers.get("content-length", str(len(reply.content)))
            exchange.send(reply.status_code, reply.content, {**kept, "Content-Length": length})

        front.stand_before(forward)
        bucket = Bucket(front, server_url)
        bucket.make()
        yield bucket


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=2).status_code < 500
    except httpx.TransportError:
        return False
