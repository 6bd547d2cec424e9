"""Following what was sent until the vendor says how it ended."""

from generations.polling.claims import is_behind
from generations.polling.loop import Poller
from generations.polling.outcome import deadline_of
from generations.polling.render_times import (
    Expectation,
    FilmKind,
    expectations_of,
    expectations_of_site,
    film_kind_of,
)
from generations.polling.schedule import first_poll_at

__all__ = [
    "Expectation",
    "FilmKind",
    "Poller",
    "deadline_of",
    "expectations_of",
    "expectations_of_site",
    "film_kind_of",
    "first_poll_at",
    "is_behind",
]
