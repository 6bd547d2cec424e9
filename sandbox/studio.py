"""Follow each task from accepted to ended, and resume it after a restart."""

import asyncio
import json
import logging
import secrets
import time
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from sandbox.callbacks import CallbackSender, plan_of
from sandbox.config import Settings
from sandbox.directives import Script, script_of, without_directives
from sandbox.images import ImageError, fetch_image
from sandbox.renderers import RendererPool, RenderError
from sandbox.store import Store, Task

# A scripted failure leaves a client time to see its task unfinished.
FAIL_SECONDS: Final = 0.3
_SWEEP_SECONDS: Final = 600.0
_MOST_FETCHES: Final = 8

_log = logging.getLogger(__name__)


class Studio:
    """Run one coroutine a task; the store holds whatever a restart needs."""

    def __init__(
        self, settings: Settings, store: Store, pool: RendererPool, sender: CallbackSender
    ) -> None:
        """Take the parts; start nothing yet."""
        self._settings = settings
        self._store = store
        self._pool = pool
        self._sender = sender
        self._running: set[asyncio.Task[None]] = set()
        self._fetches = asyncio.Semaphore(_MOST_FETCHES)
        self.films = settings.data_dir / "films"
        self._work = settings.data_dir / "work"

    def resume(self) -> None:
        """Clear what a killed server left half made, and resume every unfinished task."""
        self.films.mkdir(exist_ok=True)
        self._work.mkdir(exist_ok=True)
        for leftover in self._work.iterdir():
            leftover.unlink()
        for task_id in self._store.unfinished():
            self.start(task_id)
        self._keep(asyncio.create_task(self._sweep_forever()))

    def start(self, task_id: str) -> None:
        """Follow one accepted task to its end."""
        self._keep(asyncio.create_task(self._follow(task_id)))

    async def close(self) -> None:
        """Stop following; unfinished tasks go on after the next start."""
        for running in self._running:
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._pool.close()

    def _keep(self, running: asyncio.Task[None]) -> None:
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    async def _follow(self, task_id: str) -> None:
        task = self._store.task(task_id)
        if task is None:
            return
        script = script_of(task.prompt)
        callbacks = plan_of(script) if task.callback_url else []
        error: str | None = None
        try:
            error = await self._make(task, script)
        except Exception:
            _log.exception("task %s could not be made", task_id)
            error = "The provider met an unexpected error."
        if error is None:
            ended = self._store.complete(task_id, callbacks)
        else:
            ended = self._store.fail(task_id, "upstream_error", error, callbacks)
        if ended:
            self._sender.start(task_id)

    async def _make(self, task: Task, script: Script) -> str | None:
        """Make the film, not sooner than its script allows; return the words of a failure."""
        not_before = task.accepted_at + script.slow_seconds
        if script.has("stuck"):
            self._store.begin(task.id)
            await asyncio.Event().wait()
        if script.has("fail"):
            self._store.begin(task.id)
            await _sleep_until(max(not_before, task.accepted_at + FAIL_SECONDS))
            return "The provider failed to generate the video."
        try:
            if task.film is None or not (self.films / task.film).exists():
                await self._render(task)
        except (ImageError, RenderError) as refusal:
            return str(refusal)
        await _sleep_until(not_before)
        return None

    async def _render(self, task: Task) -> None:
        """Fetch the images, wait for a renderer and keep the film under the name of its brief."""
        request = json.loads(task.request)
        images = [self._work / f"{task.id}-{n}" for n in range(len(request["image_urls"]))]
        try:
            async with self._fetches:
                for url, path in zip(request["image_urls"], images, strict=True):
                    await fetch_image(url, path, self._settings.image_origins)
            brief = _brief_of(task, request)
            film = await asyncio.to_thread(_name_of, brief, images)
            async with self._pool.slot():
                self._store.begin(task.id)
                seconds = await self._film(brief, images, self.films / film)
        finally:
            for path in images:
                path.unlink(missing_ok=True)
        self._store.keep_film(task.id, film, seconds)

    async def _film(self, brief: dict[str, Any], images: list[Path], target: Path) -> float:
        """Make `target` unless the same brief made it before; return the seconds of rendering."""
        if target.exists():
            target.touch()
            return 0.0
        draft = self._work / f"{secrets.token_hex(8)}.mp4"
        try:
            seconds = await self._pool.render(
                {"brief": brief, "images": [str(path) for path in images], "target": str(draft)}
            )
            draft.rename(target)
        finally:
            draft.unlink(missing_ok=True)
        return seconds

    async def _sweep_forever(self) -> None:
        """Delete films whose links have expired, from time to time."""
        while True:
            now = time.time()
            in_use = self._store.films_in_use(now - self._settings.link_life)
            for film in self.films.iterdir():
                old = film.stat().st_mtime < now - max(self._settings.link_life, 60)
                if old and film.name not in in_use:
                    film.unlink()
            await asyncio.sleep(_SWEEP_SECONDS)


def _brief_of(task: Task, request: dict[str, Any]) -> dict[str, Any]:
    """Return all that a film depends on, beside its images."""
    return {
        "prompt": without_directives(task.prompt),
        "ratio": request["aspect_ratio"],
        "resolution": request["resolution"],
        "duration": request["duration"],
        "audio": request["generate_audio"],
        "watermark": request["watermark"],
        "camera_fixed": request["camera_fixed"],
        "seed": task.seed,
    }


def _name_of(brief: dict[str, Any], images: list[Path]) -> str:
    """Name a film by what it is made of: one request and seed, one film."""
    name = sha256(json.dumps(brief, sort_keys=True).encode())
    for path in images:
        name.update(sha256(path.read_bytes()).digest())
    return f"{name.hexdigest()[:40]}.mp4"


async def _sleep_until(moment: float) -> None:
    """Sleep until an epoch time, if it is still ahead."""
    await asyncio.sleep(max(0.0, moment - time.time()))
