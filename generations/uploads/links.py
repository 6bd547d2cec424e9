"""The links of uploads: made here, and recognised here."""

from urllib.parse import urlsplit

from django.conf import settings

from generations.models import Upload
from platform_site.http.addresses import UrlProblem, url_origin

UPLOAD_PATH = "/uploads/"


def upload_url(upload: Upload) -> str:
    """Return an upload's link; the ending tells the vendor what it is."""
    ending = upload.file_name.rpartition(".")[2]
    return f"{settings.PUBLIC_URL}{UPLOAD_PATH}{upload.token}.{ending}"


def uploaded_token(url: str) -> str | None:
    """Return the upload token in a URL of ours, "" for any other URL of ours, else None."""
    try:
        # However it is written: upper case and default ports name the same origin.
        theirs = url_origin(url, max_length=len(url))
        ours = url_origin(settings.PUBLIC_URL)
    except UrlProblem:
        return None
    if theirs[:3] != ours[:3]:
        return None
    parts = urlsplit(url)
    base = urlsplit(settings.PUBLIC_URL).path.rstrip("/") + UPLOAD_PATH
    token, _, ending = parts.path.removeprefix(base).partition(".")
    is_upload = parts.path.startswith(base) and ending.isalnum()
    return token if is_upload and not parts.query and not parts.fragment else ""
