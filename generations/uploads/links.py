"""The links of uploads: made here, and recognised here."""

import re
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
    """Return the upload token in a URL of ours, "" for any other URL of ours, else None.

    What surrounds the token does not matter: more slashes, an ending, a query or a fragment.
    """
    try:
        # However it is written: upper case and default ports name the same origin.
        theirs = url_origin(url, max_length=len(url))
        ours = url_origin(settings.PUBLIC_URL)
    except UrlProblem:
        return None
    if theirs[:3] != ours[:3]:
        return None
    base = urlsplit(settings.PUBLIC_URL).path.rstrip("/") + UPLOAD_PATH
    path = re.sub("/{2,}", "/", urlsplit(url).path)
    token = path.removeprefix(base).partition(".")[0]
    return token if path.startswith(base) else ""
