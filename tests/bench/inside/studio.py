"""The studio with films and what is in progress; its queries, and those of a poll of its feed."""

from typing import Any

from django.test import Client

from generations.lifecycle import State
from tests.bench.inside import product
from tests.bench.inside.statements import counted
from tests.factories import make_generation
from tests.support.working import CHEAP

FILMS, IN_PROGRESS = 24, 3
_FEED = f"/feed/?view=studio&page=/&rows={IN_PROGRESS}"


def main() -> dict[str, Any]:
    """Make the films, and return the page's size and how many queries both take."""
    member = product.demo_owner()
    states = [State.COMPLETED] * FILMS + [State.PROCESSING] * IN_PROGRESS
    for number, state in enumerate(states):
        named: dict[str, Any] = {"prompt": f"A lighthouse, take {number}", **CHEAP}
        made = make_generation(member, state, upstream_id=f"studio-{number}", **named)
        type(made).objects.filter(pk=made.pk).update(next_poll_at=None)
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(member.user)
    client.get("/")
    with counted() as of_page:
        page = client.get("/")
    assert page.status_code == 200
    etag = client.get(_FEED).headers["ETag"]
    client.get(_FEED, headers={"If-None-Match": etag})
    with counted() as of_poll:
        poll = client.get(_FEED, headers={"If-None-Match": etag})
    assert poll.status_code == 304, poll.status_code
    return {
        "bytes": len(page.content),
        "page": len(of_page.all),
        "poll": len(of_poll.all),
    }
