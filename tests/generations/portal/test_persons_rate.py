"""How often one person may ask for pages and hand in images (F17)."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from accounts.authority import By
from accounts.errors import RateLimitExceeded
from accounts.models import Membership
from generations.portal.access import PERSONS_RATE
from generations.uploads import quota
from generations.uploads.service import store_upload
from platform_site.rates import Rate
from tests.factories import image_bytes
from tests.generations.portal.conftest import SignIn

pytestmark = pytest.mark.django_db


def fill(rate: Rate, who: object) -> None:
    """Fill this minute and, should it end meanwhile, leave the test to its second try."""
    now = timezone.now()
    while rate.take(who, now=now):
        pass


@pytest.mark.parametrize("path", ["/", "/keys/", "/approvals/", "/budgets/"])
def test_f17_a_session_that_hammers_is_told_to_wait(
    alice: Membership, bob: Membership, sign_in: SignIn, path: str
) -> None:
    client = sign_in(alice)
    for _ in range(2):  # a minute may end just then
        fill(PERSONS_RATE, alice.user_id)
        page = client.get(path)
        if page.status_code == 429:
            break
    assert page.status_code == 429
    assert 1 <= int(page["Retry-After"]) <= 60
    assert "Too many requests" in page.content.decode()
    assert sign_in(bob).get(path).status_code == 200


def test_f17_uploads_of_one_person_are_bounded_a_minute(alice: Membership, bob: Membership) -> None:
    noon = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
    picture = image_bytes("PNG")
    for _ in range(quota.PERSONS_RATE.most):
        assert quota.PERSONS_RATE.take(alice.user_id, now=noon)
    with pytest.raises(RateLimitExceeded) as caught:
        store_upload(ContentFile(picture), by=By.member(alice), now=noon)
    assert caught.value.details["limit"] == 60
    assert store_upload(ContentFile(picture), by=By.member(bob), now=noon)
    later = noon + timedelta(minutes=1)
    assert store_upload(ContentFile(picture), by=By.member(alice), now=later)
