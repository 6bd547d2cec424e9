"""The callers' process: takes a plan from standard input, prints what came of it.

Plain sockets and the least of HTTP: on few cores a comfortable client would take the site's own.
"""

import asyncio
import itertools
import json
import sys
import time
from dataclasses import asdict
from urllib.parse import urlsplit

from tests.bench.load.plan import Plan, Request, Told

_GIVE_UP_SECONDS = 60.0
_PAUSE_SECONDS = 0.05  # after a connection that broke
_SHOWN = 300  # characters of an answer that nobody expects


class Caller:
    """One caller with a connection of its own, opened again whenever it was closed."""

    def __init__(self, url: str) -> None:
        """Connect with the first request."""
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 80
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def call(self, request: Request, number: int) -> tuple[int, bytes]:
        """Send a request and return status and body. Raises OSError when the connection breaks."""
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        try:
            self._writer.write(self._bytes(request, number))
            head = await self._reader.readuntil(b"\r\n\r\n")
            fields = self._fields(head)
            body = await self._body(self._reader, fields)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.close()
            raise OSError(f"{type(error).__name__} on {request.method}") from error
        if fields.get(b"connection", b"").lower() == b"close":
            self.close()
        return int(head.split(b" ", 2)[1]), body

    def close(self) -> None:
        """Close the connection."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    def _bytes(self, request: Request, number: int) -> bytes:
        body = _numbered(request.body, number).encode()
        fields = {"Host": f"{self._host}:{self._port}", **request.headers}
        if request.method != "GET":
            fields["Content-Length"] = str(len(body))
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        head = _numbered(head, number)
        return f"{request.method} {request.path} HTTP/1.1\r\n{head}\r\n".encode() + body

    @staticmethod
    def _fields(head: bytes) -> dict[bytes, bytes]:
        lines = (line.partition(b":") for line in head.split(b"\r\n")[1:] if line)
        return {name.lower(): value.strip() for name, _, value in lines}

    @staticmethod
    async def _body(reader: asyncio.StreamReader, fields: dict[bytes, bytes]) -> bytes:
        if fields.get(b"transfer-encoding", b"").lower() != b"chunked":
            return await reader.readexactly(int(fields.get(b"content-length", b"0")))
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readline()
        return body


async def run(plan: Plan) -> Told:
    """Let all callers go through the plan."""
    told = Told(0.0, {}, [], [])
    numbers = itertools.count(plan.first)
    begun = time.perf_counter()
    ends = begun + plan.seconds if plan.seconds else float("inf")

    async def go(place: int) -> None:
        caller = Caller(plan.url)
        # Not all of them at the same request of a cycle.
        for request in itertools.islice(itertools.cycle(plan.requests), place, None):
            number = next(numbers)
            if time.perf_counter() >= ends or (plan.count and number - plan.first >= plan.count):
                break
            while not await _one(caller, request, number, told) and plan.insist:
                pass
        caller.close()

    await asyncio.gather(*(go(place) for place in range(plan.callers)))
    return Told(time.perf_counter() - begun, told.statuses, told.latencies, told.unexpected)


async def _one(caller: Caller, request: Request, number: int, told: Told) -> bool:
    """Send one request and note what came of it; return whether it was answered."""
    sent = time.perf_counter()
    try:
        async with asyncio.timeout(_GIVE_UP_SECONDS):
            status, body = await caller.call(request, number)
    except (OSError, TimeoutError) as error:
        caller.close()
        told.unexpected.append(f"{error or type(error).__name__} {request.path}")
        await asyncio.sleep(_PAUSE_SECONDS)
        return False
    told.latencies.append(time.perf_counter() - sent)
    told.statuses[str(status)] = told.statuses.get(str(status), 0) + 1
    if status >= 500 or status in {400, 401, 403, 404}:
        said = body[:_SHOWN].decode(errors="replace")
        told.unexpected.append(f"{status} {request.method} {request.path}: {said}")
    return True


def _numbered(text: str, number: int) -> str:
    return text.replace("{n}", str(number)).replace("{n12}", f"{number:012d}")


def main() -> None:
    """Read the plan, call, and print what came of it."""
    given = json.loads(sys.stdin.readline())
    requests = [Request(**one) for one in given.pop("requests")]
    told = asyncio.run(run(Plan(requests=requests, **given)))
    sys.stdout.write(json.dumps(asdict(told)) + "\n")


if __name__ == "__main__":
    main()
