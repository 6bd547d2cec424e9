"""Admissions alone, one after the other in one process, by the service that all doors use."""

import time
from typing import Any

from django.db import connection
from django.utils import timezone

from tests.bench.inside import product
from tests.bench.inside.statements import counted
from tests.bench.measure.processes import used_by

WARM_UP = 30
CHEAP = {"duration": 4, "resolution": "480p", "generate_audio": False}
MODEL = "doubao-seedance-1.5-pro"


class Submissions:
    """Makes submissions of the demo team and admits them."""

    def __init__(self) -> None:
        """Find the demo team's owner and key."""
        self._member = product.demo_owner()
        self._key = product.demo_key()

    def made(self, count: int) -> list[Any]:
        """Return submissions that were read and checked."""
        now = timezone.now()
        submissions = []
        for number in range(count):
            body = {"model": MODEL, "input": {"prompt": f"A lighthouse, take {number}", **CHEAP}}
            request = product.request_of(self._member.team, body, now)
            submissions.append(product.submission_of(request, api_key=self._key))
        return submissions

    def admit(self, submissions: list[Any]) -> None:
        """Admit all of them or none."""
        product.submit(submissions, self._member, timezone.now())


def main(count: str, server: str) -> dict[str, Any]:
    """Return CPU milliseconds for each admission, and the statements of one."""
    submissions = Submissions()
    for one in submissions.made(WARM_UP):
        submissions.admit([one])
    made = submissions.made(int(count))
    own, servers = time.process_time(), used_by(int(server))
    for one in made:
        submissions.admit([one])
    cpu = time.process_time() - own + (used_by(int(server)) - servers).cpu
    with counted() as statements:
        submissions.admit(submissions.made(1))
    assert connection.vendor == "postgresql"
    return {
        "cpu": 1000 * cpu / len(made),
        "statements": len(statements.all),
        "inside": len(statements.inside),
    }
