"""How many POSTs a key has at once: few until they are accepted, and again after trouble."""

import pytest

from generations.dispatch.ramp import FIRST_POSTS, MOST_POSTS_OF_KEY, Ramp
from generations.vendors import (
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUnclear,
    RefusalKind,
)

KEY, OTHER = 1, 2


def refused(kind: RefusalKind) -> ProviderRefused:
    return ProviderRefused(status=400, code="x", message="No.", kind=kind)


def grown() -> Ramp:
    ramp = Ramp()
    for _ in range(100):
        ramp.note(KEY, None)
    return ramp


def test_each_that_is_accepted_lets_one_more_go_out_up_to_a_bound() -> None:
    ramp = Ramp()
    assert ramp.most_of(KEY) == FIRST_POSTS
    ramp.note(KEY, None)
    assert (ramp.most_of(KEY), ramp.most_of(OTHER)) == (FIRST_POSTS + 1, FIRST_POSTS)
    assert grown().most_of(KEY) == MOST_POSTS_OF_KEY


@pytest.mark.parametrize(
    ("error", "most"),
    [
        (ProviderUnclear("?"), FIRST_POSTS),
        (ProviderUnavailable("away"), FIRST_POSTS),
        (refused(RefusalKind.TOO_FAST), FIRST_POSTS),
        (refused(RefusalKind.CONTENT), MOST_POSTS_OF_KEY),
    ],
)
def test_what_says_something_about_the_vendor_begins_again(error: ProviderError, most: int) -> None:
    ramp = grown()
    ramp.note(KEY, error)
    assert ramp.most_of(KEY) == most
