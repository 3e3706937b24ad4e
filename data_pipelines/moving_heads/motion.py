"""Smooth random motion: how a head turns, talks, looks and blinks over time."""

import numpy as np

from data_pipelines.moving_heads.state import HeadState

FRAME_RATE = 25.0  # frames a second
YAW_LIMIT, PITCH_LIMIT, ROLL_LIMIT = 35.0, 20.0, 15.0  # degrees
SHIFT_LIMIT = 0.12  # of x and y, where the picture reaches from -1 to 1
SCALE_RANGE = (0.84, 1.04)
BLINK_SECONDS = 0.28


def draw_motion(seed: int, clip: int, *, length: int) -> HeadState:
    """The states of clip number `clip` of the collection `seed`: each field float64 [length].

    Every field stays within the limits above, or within the range that HeadState names. A clip starts the same
    whatever its length.
    """
    rng = np.random.default_rng([seed, clip, 1])
    seconds = np.arange(length) / FRAME_RATE
    blink = _blinks(rng, seconds)
    wink = _blinks(rng, seconds) if rng.random() < 0.25 else np.zeros(length)
    middle, swing = np.mean(SCALE_RANGE), np.ptp(SCALE_RANGE) / 2
    return HeadState(
        yaw=YAW_LIMIT * rng.uniform(0.45, 1.0) * _wander(rng, seconds, (0.12, 0.55)),
        pitch=PITCH_LIMIT * rng.uniform(0.3, 1.0) * _wander(rng, seconds, (0.15, 0.8)),
        roll=ROLL_LIMIT * rng.uniform(0.3, 1.0) * _wander(rng, seconds, (0.12, 0.6)),
        x=SHIFT_LIMIT * _wander(rng, seconds, (0.08, 0.4)),
        y=SHIFT_LIMIT * _wander(rng, seconds, (0.08, 0.4)),
        scale=middle + swing * _wander(rng, seconds, (0.05, 0.25)),
        mouth=_speech(rng, seconds),
        smile=_wander(rng, seconds, (0.1, 0.5)),
        blink_left=np.maximum(blink, wink),
        blink_right=blink,
        brow=_wander(rng, seconds, (0.2, 0.9)),
        gaze_x=_wander(rng, seconds, (0.2, 1.2)),
        gaze_y=_wander(rng, seconds, (0.2, 1.2)),
    )


def _wander(rng: np.random.Generator, seconds: np.ndarray, hertz: tuple[float, float]) -> np.ndarray:
    """A sum of three sinusoids with frequencies from `hertz`, within [-1, 1]."""
    weights = rng.uniform(0.3, 1.0, size=3)
    frequencies = rng.uniform(*hertz, size=3)
    phases = rng.uniform(0, 2 * np.pi, size=3)
    waves = np.sin(2 * np.pi * frequencies[:, None] * seconds + phases[:, None])
    return weights @ waves / weights.sum()


def _speech(rng: np.random.Generator, seconds: np.ndarray) -> np.ndarray:
    """How open a talking mouth is, in [0, 1]: syllables inside phrases with pauses between."""
    phrases = np.clip(0.6 + 1.2 * _wander(rng, seconds, (0.15, 0.5)), 0, 1)
    syllables = np.clip(0.4 + 0.9 * _wander(rng, seconds, (1.5, 4.0)), 0, 1)
    return phrases * syllables


def _blinks(rng: np.random.Generator, seconds: np.ndarray) -> np.ndarray:
    """How closed an eye is, in [0, 1]: a smooth dip every one and a half to four seconds."""
    closed = np.zeros_like(seconds)
    begin = rng.uniform(0.0, 2.0)
    # Gaps come from a stream of their own: their number depends on the length, what is drawn afterwards must not.
    gaps = np.random.default_rng(rng.integers(2**32))
    while len(seconds) and begin < seconds[-1]:
        progress = np.clip((seconds - begin) / BLINK_SECONDS, 0, 1)
        closed = np.maximum(closed, np.sin(np.pi * progress) ** 2)
        begin += gaps.uniform(1.5, 4.0)
    return closed
