"""What is tried again waits longer each time, up to a bound."""

from datetime import timedelta

import pytest

from platform_site.backoff import JITTER, Backoff, jittered

BACKOFF = Backoff(first=timedelta(seconds=2), last=timedelta(minutes=1))


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 2), (1, 2), (2, 4), (3, 8), (5, 32), (6, 60), (10**9, 60)]
)
def test_each_failure_doubles_the_wait_up_to_the_longest(failures: int, seconds: int) -> None:
    assert BACKOFF.after(failures) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("jitter", "seconds"), [(0, 100), (0.5, 107.5), (1, 115)])
def test_jitter_stretches_a_wait_by_up_to_its_share(jitter: float, seconds: float) -> None:
    assert JITTER == 0.15
    assert jittered(timedelta(seconds=100), jitter) == timedelta(seconds=seconds)
