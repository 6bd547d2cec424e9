"""Serve films, posters and uploads behind unguessable links, with Range for seeking."""

from django.core.files.storage import Storage
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from generations.models import Film
from generations.selectors import film_by_token, live_upload
from generations.services.keeping import film_storage
from generations.services.library import note_download
from generations.services.uploads import upload_storage
from platform_site.ranges import ranged_file_response


@require_safe
def film(request: HttpRequest, token: str) -> HttpResponseBase:
    """Play or, with `?download`, save a kept film."""
    kept = _kept(token)
    download = "download" in request.GET
    if download and request.method == "GET":
        note_download(kept, now=timezone.now())
    return _serve(
        request,
        film_storage(),
        kept.file_name,
        etag=kept.sha256,
        content_type="video/mp4",
        download_as=f"dailies-{str(kept.pk)[:8]}.mp4" if download else None,
    )


@require_safe
def poster(request: HttpRequest, token: str) -> HttpResponseBase:
    """Show a film's poster."""
    kept = _kept(token)
    return _serve(
        request, film_storage(), kept.poster_name, etag=f"p{kept.sha256}", content_type="image/jpeg"
    )


@require_safe
def last_frame(request: HttpRequest, token: str) -> HttpResponseBase:
    """Show a film's last frame."""
    kept = _kept(token)
    return _serve(
        request,
        film_storage(),
        kept.last_frame_name,
        etag=f"l{kept.sha256}",
        content_type="image/jpeg",
    )


@require_safe
def upload(request: HttpRequest, token: str, ending: str) -> HttpResponseBase:
    """Show an uploaded image until its link expires."""
    live = live_upload(token, now=timezone.now()) if token.isprintable() else None
    if live is None or not live.file_name.endswith(f".{ending}"):
        raise Http404
    return _serve(
        request, upload_storage(), live.file_name, etag=token, content_type=live.content_type
    )


def _kept(token: str) -> Film:
    # PostgreSQL takes no NUL, which a path may hold.
    kept = film_by_token(token) if token.isprintable() else None
    if kept is None:
        raise Http404
    return kept


def _serve(
    request: HttpRequest,
    storage: Storage,
    name: str,
    *,
    etag: str,
    content_type: str,
    download_as: str | None = None,
) -> HttpResponseBase:
    try:
        file = storage.open(name)
    except FileNotFoundError:
        raise Http404 from None
    return ranged_file_response(
        request,
        file,
        size=file.size,
        content_type=content_type,
        etag=etag,
        filename=download_as,
        as_attachment=download_as is not None,
    )
