"""Serve the films: unguessable names, links that expire, Range, and the scripted failures."""

import re
import time
from pathlib import Path
from typing import Final

from aiohttp import web

from sandbox.directives import script_of
from sandbox.drop import DropConnectionError
from sandbox.store import Store

_CHUNK: Final = 64 * 1024
_FIRST_BYTE: Final = re.compile(r"bytes=(\d+)-")


class FileHandlers:
    """Answer `GET /files/{link}.mp4`; a link lives `link_life` seconds from the task's end."""

    def __init__(self, store: Store, films: Path, link_life: float) -> None:
        """Take the parts."""
        self._store = store
        self._films = films
        self._link_life = link_life

    async def film(self, request: web.Request) -> web.StreamResponse:
        """Send the film; 404 for an unknown name, 403 for an expired link, as S3 stores do."""
        task = self._store.task_by_link(request.match_info["link"])
        if task is None or task.status != "completed" or task.film is None:
            return web.Response(status=404, text="No such file.\n")
        script = script_of(task.prompt)
        age = time.time() - (task.completed_at or 0)
        path = self._films / task.film
        if script.has("expired-link") or age > self._link_life or not path.exists():
            return web.Response(status=403, text="The link has expired.\n")
        if script.downloads_cut and request.method == "GET":
            number = self._store.count_download(task.link)
            if number <= script.downloads_cut:
                return await _send_half(request, path)
        return web.FileResponse(path, headers={"Content-Type": "video/mp4"})


async def _send_half(request: web.Request, path: Path) -> web.StreamResponse:
    """Promise the whole rest of the file, send nothing beyond its middle and drop the line."""
    size = path.stat().st_size
    asked = _FIRST_BYTE.match(request.headers.get("Range", ""))
    start = min(int(asked[1]), size - 1) if asked else 0
    headers = {"Content-Type": "video/mp4", "Content-Length": str(size - start)}
    if asked:
        headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
    response = web.StreamResponse(status=206 if asked else 200, headers=headers)
    await response.prepare(request)
    body = path.read_bytes()[start : size // 2]
    for offset in range(0, len(body), _CHUNK):
        await response.write(body[offset : offset + _CHUNK])
    raise DropConnectionError
