"""Whether this process can serve: its database answers, and there is room for what is written."""

import os
import shutil
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponseNotAllowed, JsonResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from platform_site.clusters.queues import QUEUES
from platform_site.clusters.registry import live_clusters

# Less is as good as full: a film, or the database's next page, would not fit.
LEAST_FREE_BYTES = 64 * 1024 * 1024
RETRY_SECONDS = "5"


@csrf_exempt
def healthz(request: HttpRequest) -> HttpResponseBase:
    """Answer what works, part by part: 200 when requests can be served, else 503.

    Queues without a worker do not keep the web from serving: they make the answer `degraded`.
    """
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    queues = _queues(timezone.now())
    parts = {"database": "ok" if queues else "unavailable", "disk": disk_state(settings.DATA_DIR)}
    serves = set(parts.values()) == {"ok"}
    works = serves and set(queues.values()) == {"ok"}
    status = "ok" if works else "degraded" if serves else "unavailable"
    response = JsonResponse(
        {"status": status, **parts, "queues": queues}, status=200 if serves else 503
    )
    if not serves:
        response["Retry-After"] = RETRY_SECONDS
    return response


def disk_state(folder: Path, *, least: int = LEAST_FREE_BYTES) -> str:
    """Return "ok", "full" for fewer than `least` bytes left, or "unwritable"."""
    try:
        if not os.access(folder, os.W_OK):
            return "unwritable"
        return "ok" if shutil.disk_usage(folder).free >= least else "full"
    except OSError:
        return "unwritable"


def _queues(now: datetime) -> dict[str, str]:
    """Return for each queue whether a cluster serves it; nothing if the database does not say."""
    try:
        return {
            queue: "ok" if live_clusters(queue, now=now).exists() else "silent" for queue in QUEUES
        }
    except Error:
        return {}
