"""Have a film decoded by the inspector, a child process."""

import json
from dataclasses import dataclass
from pathlib import Path

from generations.decoders import DecoderFailed, run_decoder
from platform_site.text.untrusted import clean_number

TIMEOUT_SECONDS = 40  # a film of twelve seconds in 1080p takes two
_MOST_MS = 2**31 - 1


class UnplayableFilm(Exception):
    """The file is no film that decodes from its first to its last frame."""


@dataclass(frozen=True, slots=True)
class FilmFacts:
    """What a decoded film is. Sizes in pixels, length in seconds from first to last frame."""

    width: int
    height: int
    frames: int
    seconds: float
    has_audio: bool

    @property
    def duration_ms(self) -> int:
        """Return the length in milliseconds; 0 for one that no film has, as some files claim."""
        return round(clean_number(self.seconds * 1000, least=0, most=_MOST_MS) or 0)


def inspect_film(film: Path, *, poster: Path, last_frame: Path) -> FilmFacts:
    """Decode `film` in a child, which writes `poster` and `last_frame` if it can.

    Raises `UnplayableFilm` for everything that keeps it from decoding, a crash or 40 seconds
    included.
    """
    try:
        printed = run_decoder("inspector", film, poster, last_frame, seconds=TIMEOUT_SECONDS)
        return FilmFacts(**json.loads(printed))
    except DecoderFailed as error:
        raise UnplayableFilm(str(error)) from error
    except (ValueError, TypeError) as error:
        raise UnplayableFilm("The decoder gave no usable answer.") from error
