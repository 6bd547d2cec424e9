"""How rows of the books read, in the admin and in findings."""

from datetime import UTC, datetime

import pytest

from billing.models import Account, HoldWindow, Rate, SpendAlert, SpendLimit, SpendWindow, Transfer
from billing.subjects import Subject
from tests.factories import make_hold, make_limit, make_team

pytestmark = pytest.mark.django_db

KEY = Subject("api_key", "7")


def test_money_reads_as_amounts_with_whose_and_what_for() -> None:
    team = make_team("Studio", credits=100)
    make_limit(KEY, 90, team=team, window="hour")
    at = datetime(2026, 5, 6, 12, 30, tzinfo=UTC)
    hold = make_hold(team, 70, subjects=(KEY,), now=at)
    window = SpendWindow.objects.get()
    alert = SpendAlert(window=window, threshold=50)
    link = HoldWindow.objects.get()
    assert [str(one) for one in Account.objects.filter(team=team)] == [
        f"{team} granted",
        f"{team} wallet",
        f"{team} held",
        f"{team} spent",
    ]
    assert [str(one) for one in Transfer.objects.order_by("pk")] == [
        f"Granted 100 ({team})",
        f"Held 70 ({team})",
    ]
    assert str(hold) == f"70 credits for test {hold.subject_id}"
    assert str(SpendLimit.objects.get()) == "90 credits per hour"
    assert str(window) == "90 credits per hour from 2026-05-06 12:00"
    assert str(alert) == f"50% of {window}"
    assert str(link) == f"{hold.pk} in {window.pk}"


@pytest.mark.parametrize(("audio", "sound"), [(True, "with audio"), (False, "silent")])
def test_a_rate_reads_as_its_price(audio: bool, sound: str) -> None:
    rate = Rate(model="m-1", resolution="720p", audio=audio, credits_per_second=14)
    assert str(rate) == f"m-1 720p {sound}: 14 credits/s"
