"""What decides about limits: the database, and nothing that was read or remembered before."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.cache import cache

from billing.errors import InsufficientCredits, SpendLimitExceeded
from billing.selectors import use_of
from generations.models import Generation
from tests.support.desk import Desk

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("balanced")]


def test_p06_limits_and_the_wallet_decide_while_every_cache_is_away(
    desk: Desk, settings: Any
) -> None:
    settings.CACHES = {"default": {"BACKEND": "tests.support.dead_cache.DeadCache"}}
    with pytest.raises(ConnectionError):
        cache.get("anything")
    desk.cap("team", 140)
    desk.submit()
    desk.submit()
    with pytest.raises(SpendLimitExceeded) as limited:
        desk.submit()
    assert limited.value.details["held"] == 140
    desk.cap("team", None)
    for _ in range(12):
        desk.submit()
    with pytest.raises(InsufficientCredits):
        desk.submit()
    assert Generation.objects.count() == 14


def test_p06_figures_that_were_read_earlier_decide_nothing(desk: Desk) -> None:
    limit = desk.cap("team", 100)
    assert limit is not None
    shown = use_of(limit, now=datetime.now(UTC))
    desk.submit()
    assert shown.left == 100
    with pytest.raises(SpendLimitExceeded) as caught:
        desk.submit()
    assert caught.value.details["held"] == 70
