"""The price of an exact request."""

import pytest
from django.utils import timezone

from billing.pricing import quote
from tests.support.api import MODEL

pytestmark = pytest.mark.django_db

# FACTS.md, price vectors.
VECTORS = [
    ("720p", 5, True, 70),
    ("1080p", 8, False, 120),
    ("480p", 12, True, 84),
    ("480p", 4, False, 12),
    ("1080p", 12, True, 360),
]


@pytest.mark.parametrize(("resolution", "seconds", "audio", "credits"), VECTORS)
def test_the_vendors_price_vectors_hold(
    resolution: str, seconds: int, audio: bool, credits: int
) -> None:
    priced = quote(
        model=MODEL, resolution=resolution, audio=audio, seconds=seconds, at=timezone.now()
    )
    assert priced.credits == credits
