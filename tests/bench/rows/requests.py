"""The requests that callers send to a site."""

import json
from typing import Any

from tests.bench.load import Request
from tests.bench.sites.installation import RunningSite

CHEAP: dict[str, Any] = {"duration": 4, "resolution": "480p", "generate_audio": False}
MODEL = "doubao-seedance-1.5-pro"
GENERATIONS = "/v1/videos/generations"


def headers_of(site: RunningSite) -> dict[str, str]:
    """Return the headers of a call with the demo key."""
    return {"Authorization": f"Bearer {site.api_key}", "Content-Type": "application/json"}


def submission(site: RunningSite, **inputs: Any) -> Request:
    """Return a submission of the cheapest film, whose prompt no other has."""
    prompt = "A lighthouse in the evening, take {n}"
    body = {"model": MODEL, "input": {"prompt": prompt, **CHEAP, **inputs}}
    return Request("POST", GENERATIONS, headers_of(site), json.dumps(body))
