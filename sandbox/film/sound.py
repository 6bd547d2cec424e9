"""A gentle bed of sound: slow chords in one key, over a breath of air."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sandbox.film.brief import Brief

SAMPLE_RATE: Final = 48_000
_MODES: Final = ((0, 2, 4, 7, 9), (0, 3, 5, 7, 10), (0, 2, 5, 7, 9))
_CHORD_SECONDS: Final = 3.0
_FADE_SECONDS: Final = 0.6
_PEAK: Final = 0.35

Samples = NDArray[np.float32]


def sound_of(brief: Brief) -> Samples:
    """Return the whole track, mono, exactly as long as the film."""
    dice = brief.random("sound")
    count = brief.duration * SAMPLE_RATE
    time: Samples = np.arange(count, dtype=np.float32) / np.float32(SAMPLE_RATE)
    root = 110.0 * 2 ** (dice.randrange(-3, 5) / 12)
    mode = dice.choice(_MODES)
    bed = _voice(time, root / 2, 0.5, dice.random())
    start = 0.0
    while start < brief.duration:
        for degree in dice.sample(mode, 3):
            frequency = root * 2 ** (degree / 12) * dice.choice((1, 2))
            bed += _swell(time, start, _CHORD_SECONDS * 1.8) * _voice(
                time, frequency, 0.22, dice.random()
            )
        bed += _bell(time, start + dice.uniform(0.4, 2.2), root * 4 * 2 ** (dice.choice(mode) / 12))
        start += _CHORD_SECONDS
    bed += _air(count, brief.seed)
    fade = np.clip(np.minimum(time, brief.duration - time) / _FADE_SECONDS, 0, 1)
    bed *= fade
    peak = float(np.max(np.abs(bed))) or 1.0
    return (bed * (_PEAK / peak)).astype(np.float32)


def _voice(time: Samples, frequency: float, loudness: float, phase: float) -> Samples:
    """Return a soft tone: two slightly detuned sines and a quiet octave."""
    turn = 2 * np.pi * frequency
    tone: Samples = np.sin(turn * time + 6.28 * phase) + np.sin(turn * 1.003 * time)
    tone += 0.25 * np.sin(2 * turn * time)
    return np.float32(loudness / 2.25) * tone


def _swell(time: Samples, start: float, seconds: float) -> Samples:
    """Return a slow rise and fall over `seconds`, nothing outside."""
    position = np.clip((time - start) / seconds, 0, 1)
    swell: Samples = np.sin(np.pi * position) ** 2
    return swell


def _bell(time: Samples, start: float, frequency: float) -> Samples:
    """Return one struck note that dies away."""
    since = np.maximum(time - start, 0)
    strike = np.minimum(since * 60, 1) * np.exp(-2.2 * since)
    bell: Samples = 0.12 * strike * np.sin(2 * np.pi * frequency * since)
    return bell


def _air(count: int, seed: int) -> Samples:
    """Return quiet noise without its highs."""
    noise = np.random.default_rng(seed).standard_normal(count // 32 + 2)
    positions = np.arange(count) / 32
    return (0.02 * np.interp(positions, np.arange(len(noise)), noise)).astype(np.float32)
