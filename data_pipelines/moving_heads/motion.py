"""Smooth random motion: how a head turns, talks, looks and blinks over time."""

import numpy as np

from data_pipelines.moving_heads.state import MotionTrack

FRAME_RATE = 25.0  # frames a second
YAW_LIMIT, PITCH_LIMIT, ROLL_LIMIT = 35.0, 20.0, 15.0  # degrees
X_RANGE, Y_RANGE = (-0.14, 0.14), (-0.04, 0.12)  # in a picture that reaches from -1 to 1
SCALE_RANGE = (1.0, 1.26)
SMILE_RANGE = (-0.5, 1.0)
BLINK_SECONDS = 0.28
OCCLUDER_REACH = 1.2  # how far to each side an occluder passes: out of the picture
OCCLUDER_Y_RANGE = (0.0, 0.5)
OCCLUDER_TURN = 25.0  # degrees


def draw_motion(seed: int, clip: int, *, length: int) -> MotionTrack:
    """The motion of clip number `clip` of the collection `seed` over `length` frames.

    Every value stays within the limits above, or within the range that HeadState names. A clip starts the same
    whatever its length.
    """
    rng = np.random.default_rng([seed, clip, 1])
    seconds = np.arange(length) / FRAME_RATE
    pose = (
        YAW_LIMIT * rng.uniform(0.45, 1.0) * _wander(rng, seconds, (0.12, 0.55)),
        PITCH_LIMIT * rng.uniform(0.3, 1.0) * _wander(rng, seconds, (0.15, 0.8)),
        ROLL_LIMIT * rng.uniform(0.3, 1.0) * _wander(rng, seconds, (0.12, 0.6)),
        _between(X_RANGE, _wander(rng, seconds, (0.08, 0.4))),
        _between(Y_RANGE, _wander(rng, seconds, (0.08, 0.4))),
        _between(SCALE_RANGE, _wander(rng, seconds, (0.05, 0.25))),
    )
    blink = _blinks(rng, seconds)
    wink = _blinks(rng, seconds) if rng.random() < 0.25 else np.zeros(length)
    expression = (
        _speech(rng, seconds),
        _between(SMILE_RANGE, _wander(rng, seconds, (0.1, 0.5))),
        np.maximum(blink, wink),
        blink,
        _wander(rng, seconds, (0.2, 0.9)),  # brow
        _wander(rng, seconds, (0.2, 1.2)),  # gaze, x
        _wander(rng, seconds, (0.2, 1.2)),  # gaze, y
    )
    occluder = _passes(np.random.default_rng([seed, clip, 2]), seconds)
    return MotionTrack(np.stack(pose, axis=1), np.stack(expression, axis=1), occluder)


def _wander(rng: np.random.Generator, seconds: np.ndarray, hertz: tuple[float, float]) -> np.ndarray:
    """A sum of three sinusoids with frequencies from `hertz`, within [-1, 1]."""
    weights = rng.uniform(0.3, 1.0, size=3)
    frequencies = rng.uniform(*hertz, size=3)
    phases = rng.uniform(0, 2 * np.pi, size=3)
    waves = np.sin(2 * np.pi * frequencies[:, None] * seconds + phases[:, None])
    return np.tanh(1.8 * weights @ waves / weights.sum()) / np.tanh(1.8)


def _between(limits: tuple[float, float], signal: np.ndarray) -> np.ndarray:
    """A signal within [-1, 1] moved onto the range `limits`."""
    low, high = limits
    return (low + high) / 2 + (high - low) / 2 * signal


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


def _passes(rng: np.random.Generator, seconds: np.ndarray) -> np.ndarray:
    """Where an occluder is: it passes to and fro, the lower half of the face at its middle."""
    x = np.sin(2 * np.pi * (rng.uniform(0.1, 0.35) * seconds + rng.random()))
    y = _between(OCCLUDER_Y_RANGE, _wander(rng, seconds, (0.1, 0.4)))
    turn = OCCLUDER_TURN * _wander(rng, seconds, (0.1, 0.5))
    return np.stack([OCCLUDER_REACH * x, y, turn], axis=1)
