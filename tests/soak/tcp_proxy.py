"""The line between the site and the vendor: a TCP proxy that can be cut, stalled and swallowed."""

import asyncio
import contextlib
from enum import StrEnum

from tests.soak.event_loop import Loop

_CHUNK = 64 * 1024


class State(StrEnum):
    """What the line does with what is sent."""

    OPEN = "open"
    CUT = "cut"  # everything there is resets, and so does whatever comes
    REFUSED = "refused"  # nobody listens: provably nothing is sent
    STALLED = "stalled"  # nothing moves, and nothing is lost: it goes on afterwards
    BLACKHOLE = "blackhole"  # everything is swallowed
    MUTE = "mute"  # the vendor never hears it
    DEAF = "deaf"  # the vendor hears it and works; we never hear of it


class Line:
    """Forwards one port to another. What was swallowed from is reset when the line opens again."""

    def __init__(self, loop: Loop, *, port: int, vendor_port: int) -> None:
        """Open the line."""
        self._loop = loop
        self._port = port
        self._vendor_port = vendor_port
        self._state = State.OPEN
        self._moved = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._spoilt: set[asyncio.StreamWriter] = set()
        loop.call(self._listen())

    def become(self, state: State) -> None:
        """Change what the line does."""
        self._loop.call(self._become(state))

    def close(self) -> None:
        """End it."""
        self._loop.call(self._become(State.REFUSED))

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self._port, backlog=1024
        )

    async def _become(self, state: State) -> None:
        was, self._state = self._state, state
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
        if state in {State.CUT, State.REFUSED}:
            self._abort(self._writers)
        self._abort(self._spoilt)
        if state == State.REFUSED and self._server is not None:
            self._server.close()
            self._server = None
        elif was == State.REFUSED and state != State.REFUSED:
            await self._listen()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs: asyncio.StreamWriter | None = None
        self._writers.add(writer)
        try:
            their_reader, theirs = await asyncio.open_connection("127.0.0.1", self._vendor_port)
            self._writers.add(theirs)
            pumps = [
                asyncio.create_task(self._pump(reader, theirs, State.MUTE)),
                asyncio.create_task(self._pump(their_reader, writer, State.DEAF)),
            ]
            try:
                await asyncio.gather(*pumps)
            finally:
                for pump in pumps:
                    pump.cancel()
        except OSError:
            pass  # The vendor is down, or either side is gone.
        finally:
            for side in (writer, theirs):
                if side is not None:
                    self._writers.discard(side)
                    self._spoilt.discard(side)
                    side.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, swallowed_by: State
    ) -> None:
        """Move bytes one way until their end, which is passed on."""
        while data := await reader.read(_CHUNK):
            while self._state == State.STALLED:
                await self._moved.wait()
            if self._state == State.CUT:
                raise ConnectionResetError
            if self._state in {State.BLACKHOLE, swallowed_by}:
                self._spoilt.add(writer)
                continue
            if writer in self._spoilt:
                continue
            writer.write(data)
            await writer.drain()
        if writer in self._spoilt:
            return
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()

    def _abort(self, writers: set[asyncio.StreamWriter]) -> None:
        for writer in list(writers):
            writer.transport.abort()
        writers.clear()
