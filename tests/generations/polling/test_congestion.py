"""Pacing: the vendor's 429 slows a key's polling down, and its answers speed it up again."""

from generations.polling.congestion import MOST_AT_ONCE, CongestionWindow


def test_at_first_nothing_holds_it_back() -> None:
    window = CongestionWindow()
    assert (window.most, window.is_slowed, window.rests(0.0)) == (MOST_AT_ONCE, False, False)
    window.answered()
    assert window == CongestionWindow()


def test_p28_each_429_halves_it_and_doubles_its_rest() -> None:
    window, now, rests, most = CongestionWindow(), 1000.0, [], []
    for _ in range(9):
        assert window.throttled(asked_at=now, now=now)
        rests.append(window.rest)
        most.append(window.most)
        assert window.rests(now + window.rest - 0.01)
        now += window.rest
        assert not window.rests(now)
    assert rests == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert most == [8, 4, 2, 1, 1, 1, 1, 1, 1]


def test_p28_a_burst_of_429s_counts_once() -> None:
    window = CongestionWindow()
    assert window.throttled(asked_at=999.9, now=1000.0)
    assert not window.throttled(asked_at=999.95, now=1000.1)
    assert (window.most, window.rest) == (8, 1)


def test_answers_speed_it_up_until_it_is_as_before() -> None:
    window = CongestionWindow()
    for now in (0.0, 10.0, 20.0):
        window.throttled(asked_at=now, now=now)
    fastest = []
    for _ in range(1000):
        window.answered()
        fastest.append(window.most)
    assert fastest == sorted(fastest)
    assert (window.most, window.is_slowed, window.rest) == (MOST_AT_ONCE, False, 0.0)


def test_a_vendor_that_allows_few_is_asked_about_as_often_as_it_allows() -> None:
    """One a second, saved up for a minute at most; each question takes no time."""
    window, allowed, throttled, answered, now = CongestionWindow(), 10.0, 0, 0, 0.0
    while now < 3600:
        now += 0.05
        allowed = min(60.0, allowed + 0.05)
        for _ in range(window.most):
            if window.rests(now):
                break
            if allowed >= 1:
                allowed -= 1
                answered += 1
                window.answered()
            else:
                throttled += 1
                window.throttled(asked_at=now, now=now)
    assert answered > 0.7 * 3600
    assert throttled < 0.2 * answered
