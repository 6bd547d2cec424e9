"""A delivery worker killed -9 between the receiver's answer and its own note of it."""

import time

from tests.support.site import Site
from tests.support.vendor import CREATE, Vendor, refuse
from tests.support.waiting import until

HOOK = "/hooks/killed"


def test_p22_a_webhook_that_was_answered_and_not_noted_comes_twice_under_one_id(
    parts: Site, wire: Vendor
) -> None:
    gate = wire.gate()
    wire.next(HOOK, gate.before(lambda exchange: exchange.send(204, b"")))
    wire.next(CREATE, refuse(400, "invalid_request"))
    parts.start("worker")
    parts.submit("killed", callback_url=f"{wire.url}{HOOK}")
    gate.wait()
    with parts.writes_blocked():
        gate.open()
        time.sleep(0.5)  # The answer is read, and waits to be written.
        parts.kill("worker")
    [row] = parts.sql("SELECT * FROM accounts_webhookdelivery")
    assert (row["state"], row["attempts"]) == ("pending", 1)

    parts.make_everything_due()
    parts.start("worker")
    until(lambda: len(wire.calls_to(HOOK)) == 2)
    until(
        lambda: parts.sql("SELECT state FROM accounts_webhookdelivery") == [{"state": "delivered"}]
    )
    first, second = wire.calls_to(HOOK)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    attempts = parts.sql("SELECT number, status FROM accounts_webhookattempt ORDER BY number")
    assert attempts == [{"number": 1, "status": None}, {"number": 2, "status": 204}]
    parts.kill("worker")
