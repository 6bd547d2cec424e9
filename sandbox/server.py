"""Put the parts together and serve until told to stop."""

import asyncio
import logging
import signal
import sys
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from sandbox.callbacks import CallbackSender
from sandbox.config import Settings
from sandbox.drop import DropConnectionError
from sandbox.files import FileHandlers
from sandbox.handlers import ApiHandlers, BareServerError
from sandbox.renderers import RendererPool
from sandbox.store import Store
from sandbox.studio import Studio
from sandbox.wire import ApiError

MOST_BODY_BYTES: Final = 4 * 1024 * 1024
_SHUTDOWN_SECONDS: Final = 2.0

_log = logging.getLogger(__name__)


def make_middleware(latency: float) -> Middleware:
    """Return the middleware that turns refusals into envelopes and adds `latency` seconds."""

    @web.middleware
    async def envelope(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except DropConnectionError:
            return _cut(request)
        except BareServerError as bare:
            response = web.Response(status=500, text=bare.page, content_type="text/html")
        except ApiError as refusal:
            response = _refusal(refusal)
        except web.HTTPException as error:
            response = _refusal(_api_error_of(error))
        except Exception:
            _log.exception("%s %s failed", request.method, request.path)
            response = _refusal(ApiError("internal_error"))
        if latency and request.path.startswith("/v1/"):
            await asyncio.sleep(latency)
        return response

    return envelope


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _refusal(refusal: ApiError) -> web.Response:
    return web.json_response(refusal.body(), status=refusal.status)


def _api_error_of(error: web.HTTPException) -> ApiError:
    """Speak the envelope for what the router refuses; the page has no codes of its own for it."""
    messages = {
        404: "Unknown path.",
        405: "This method is not allowed here.",
        413: "The request body is too large.",
    }
    message = messages.get(error.status, "The request could not be read.")
    status = error.status if error.status in (404, 405) else 400
    return ApiError("invalid_request", message, status=status)


def make_app(api: ApiHandlers, files: FileHandlers, latency: float) -> web.Application:
    """Return the application: routes and the envelope around them."""
    app = web.Application(middlewares=[make_middleware(latency)], client_max_size=MOST_BODY_BYTES)
    app.router.add_post("/v1/videos/generations", api.create)
    app.router.add_get("/v1/tasks/{id}", api.task)
    app.router.add_get("/v1/credits", api.credits)
    app.router.add_get("/files/{link}.mp4", files.film)
    app.router.add_get("/sandbox/books", api.books)
    app.router.add_get("/healthz", api.health)
    return app


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; print one line with the address once ready."""
    store = Store(settings.data_dir)
    sender = CallbackSender(settings, store)
    studio = Studio(settings, store, RendererPool(settings.renderers), sender)
    api = ApiHandlers(settings, store, studio)
    files = FileHandlers(store, studio.films, settings.link_life)
    app = make_app(api, files, settings.latency)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    try:
        await runner.setup()
        site = web.TCPSite(runner, settings.host, settings.port, backlog=1024)
        await site.start()
        studio.resume()
        sender.resume()
        port = runner.addresses[0][1]
        sys.stdout.write(f"sandbox listening on http://{settings.host}:{port}\n")
        sys.stdout.flush()
        await _told_to_stop()
    finally:
        await runner.cleanup()
        await studio.close()
        await sender.close()
        store.close()


async def _told_to_stop() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    await stop.wait()
