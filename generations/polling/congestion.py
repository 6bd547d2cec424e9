"""How fast one provider key may be polled, by what the vendor says to it. Pure."""

from dataclasses import dataclass

MOST_AT_ONCE = 128
# Where slowing down begins, however many could be asked at once.
_USUAL_AT_ONCE = 16
_FIRST_REST, _LAST_REST = 1.0, 60.0  # seconds
# Fourteen answers after a rest make up for one more "too many requests".
_RECOVERY = 0.95


@dataclass(slots=True)
class CongestionWindow:
    """The requests at once, and the rest after the vendor's last "too many requests".

    Times are of one clock, in seconds. Additive increase, multiplicative decrease, as in TCP.
    """

    at_once: float = MOST_AT_ONCE
    rest: float = 0.0
    rests_until: float = 0.0

    @property
    def most(self) -> int:
        """Return how many requests may be in progress at once."""
        return int(self.at_once)

    @property
    def is_slowed(self) -> bool:
        """Return whether the last one still has an effect."""
        return self.at_once < MOST_AT_ONCE

    def rests(self, now: float) -> bool:
        """Return whether nothing may be asked yet."""
        return now < self.rests_until

    def throttled(self, *, asked_at: float, now: float) -> bool:
        """Rest, and ask more slowly after it. False for one of a burst that was seen before."""
        if asked_at < self.rests_until:
            return False
        self.at_once = max(1.0, min(self.at_once, _USUAL_AT_ONCE) / 2)
        self.rest = min(_LAST_REST, max(_FIRST_REST, self.rest * 2))
        self.rests_until = now + self.rest
        return True

    def answered(self) -> None:
        """Recover a little: the vendor answered."""
        if not self.is_slowed:
            return
        self.rest *= _RECOVERY
        self.at_once += 1 / self.at_once
        if self.at_once > 2 * _USUAL_AT_ONCE:
            self.at_once, self.rest = MOST_AT_ONCE, 0.0
