"""The parent's side of a decoder: start it, wait for it, believe only a clean exit."""

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]


class DecoderFailed(Exception):
    """The child ended otherwise than well; the text is its last words."""


class DecoderTimedOut(DecoderFailed):
    """The child did not end in time, or used up what it may."""


def run_decoder(name: str, *arguments: object, seconds: float) -> bytes:
    """Run a module of this package in a child and return what it prints.

    The child gets no secrets: it sees a path to its interpreter and nothing else. Raises
    `DecoderFailed`, a crash included.
    """
    command = [sys.executable, "-m", f"generations.decoders.{name}", *map(str, arguments)]
    try:
        done = subprocess.run(
            command,
            cwd=_ROOT,
            env={"PATH": os.defpath},
            capture_output=True,
            timeout=seconds,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise DecoderTimedOut("It did not decode in time.") from error
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode("utf-8", "replace").strip().splitlines()
        raise DecoderFailed(lines[-1][:200] if lines else "The decoder died.") from error
    return done.stdout
