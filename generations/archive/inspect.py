"""The parent's side of the inspector: start it, wait for it, believe only a clean exit."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from platform_site.untrusted import clean_number

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
    printed = run_decoder(
        "generations.decoders.inspector", film, poster, last_frame, seconds=TIMEOUT_SECONDS
    )
    try:
        return FilmFacts(**json.loads(printed))
    except (ValueError, TypeError) as error:
        raise UnplayableFilm("The decoder said nothing sensible.") from error


def run_decoder(module: str, *paths: Path, seconds: float) -> bytes:
    """Run one of our modules that decode films in a child, and return what it printed.

    Raises `UnplayableFilm` unless it ends well within `seconds`.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", module, *map(str, paths)],
            cwd=settings.BASE_DIR,
            # No secrets: the child sees a path to its interpreter and nothing else.
            env={"PATH": os.defpath},
            capture_output=True,
            timeout=seconds,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise UnplayableFilm("It did not decode in time.") from error
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode("utf-8", "replace").strip().splitlines()
        raise UnplayableFilm(lines[-1][:200] if lines else "The decoder died.") from error
    return done.stdout
