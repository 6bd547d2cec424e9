"""A small pool of child processes that render films, so that the server keeps answering."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

RENDER_SECONDS: Final = 300.0
IDLE_SECONDS: Final = 10.0
_ATTEMPTS: Final = 2


class RenderError(Exception):
    """Say that a film cannot be made, in words for the task's error."""


class RendererDiedError(Exception):
    """Say that a child ended or hung in the middle of a film."""


class Renderer:
    """Hold one child process; it ends automatically when its standard input closes."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        jobs: asyncio.StreamWriter,
        replies: asyncio.StreamReader,
    ) -> None:
        """Take a running child and its pipes."""
        self._process = process
        self._jobs = jobs
        self._replies = replies
        self.retirement: asyncio.TimerHandle | None = None

    @classmethod
    async def spawn(cls) -> "Renderer":
        """Start a child."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "sandbox.film.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # One film, one core: numpy's own thread pool would only take memory.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        if process.stdin is None or process.stdout is None:
            raise RendererDiedError
        return cls(process, process.stdin, process.stdout)

    async def render(self, job: dict[str, Any]) -> float:
        """Render one film; return the seconds it took. Raise RenderError or RendererDiedError."""
        try:
            self._jobs.write(json.dumps(job).encode() + b"\n")
            await self._jobs.drain()
            async with asyncio.timeout(RENDER_SECONDS):
                line = await self._replies.readline()
            reply = json.loads(line)
        except (TimeoutError, OSError, ValueError) as error:
            raise RendererDiedError from error
        if "error" in reply:
            raise RenderError(reply["error"])
        return float(reply["seconds"])

    @property
    def alive(self) -> bool:
        """Say whether the child still runs."""
        return self._process.returncode is None

    def kill(self) -> None:
        """Stop the child now."""
        if self.retirement:
            self.retirement.cancel()
        if self.alive:
            self._process.kill()


class RendererPool:
    """Lend renderers, `size` at a time; idle ones end soon to free memory."""

    def __init__(self, size: int) -> None:
        """Start nothing yet."""
        self._slots = asyncio.Semaphore(size)
        self._idle: list[Renderer] = []

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a slot; hold it while the block runs."""
        async with self._slots:
            yield

    async def render(self, job: dict[str, Any]) -> float:
        """Render within a slot; a child that dies is replaced once. Raise RenderError."""
        for _ in range(_ATTEMPTS):
            renderer = await self._borrow()
            try:
                seconds = await renderer.render(job)
            except RendererDiedError:
                renderer.kill()
            except RenderError:
                self._return(renderer)
                raise
            except BaseException:
                # Its next reply would belong to this job.
                renderer.kill()
                raise
            else:
                self._return(renderer)
                return seconds
        raise RenderError("The renderer stopped unexpectedly.")

    def close(self) -> None:
        """End the idle children; those at work end with the tasks that await them."""
        while self._idle:
            self._idle.pop().kill()

    async def _borrow(self) -> Renderer:
        while self._idle:
            renderer = self._idle.pop()
            if renderer.retirement:
                renderer.retirement.cancel()
            if renderer.alive:
                return renderer
        return await Renderer.spawn()

    def _return(self, renderer: Renderer) -> None:
        self._idle.append(renderer)
        loop = asyncio.get_running_loop()
        renderer.retirement = loop.call_later(IDLE_SECONDS, self._retire, renderer)

    def _retire(self, renderer: Renderer) -> None:
        if renderer in self._idle:
            self._idle.remove(renderer)
            renderer.kill()
