"""What the sound is like around each picture: 256 numbers that a code can be regressed on.

X2Face's authors took the features of a network that was trained on lips and sound, which is not available. These take
its place, in number and in sign: four windows of 50 ms, 0.2 s in all around the middle of the picture's time, and of
each the power in 64 bands, equally wide on the mel scale m = 2595 log10(1 + f / 700 Hz) from 80 to 7,600 Hz, as
log(1 + GAIN power). Silence is all zeros.
"""

import functools
from fractions import Fraction

import numpy as np
from jaxtyping import Float

NAME = "mel 4 x 64"
"""Of these features, in files of maps that take them."""
SAMPLING = 16_000
"""Numbers a second of the sound that `audio_features` takes."""
WINDOWS, WINDOW, BANDS = 4, 800, 64
LOWEST, HIGHEST = 80.0, 7_600.0
TRANSFORM = 1_024
GAIN = 1e6
FEATURES = WINDOWS * BANDS


def audio_features(
    sound: Float[np.ndarray, " n"], rate: Fraction | float, count: int | None = None
) -> Float[np.ndarray, "t 256"]:
    """The feature of each picture, by window and then by band.

    Args:
        sound: mono, `SAMPLING` numbers a second in [-1, 1], which begins with the first picture.
        rate: pictures a second.
        count: how many pictures; by default as many as the sound lasts. What lies outside the sound is silent.
    """
    count = int(len(sound) * rate / SAMPLING) if count is None else count
    middle = np.rint((np.arange(count) + 0.5) * float(SAMPLING / rate)).astype(int)
    reach = WINDOWS * WINDOW // 2
    padded = np.pad(sound.astype(np.float64), (reach, reach + max(0, int(middle.max(initial=0)) - len(sound))))
    pieces = padded[middle[:, None] + np.arange(2 * reach)].reshape(count, WINDOWS, WINDOW)
    shape = np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(pieces * shape, TRANSFORM) / shape.sum()) ** 2
    return np.log1p(GAIN * power @ _bands().T).reshape(count, FEATURES).astype(np.float32)


@functools.cache
def _bands() -> Float[np.ndarray, "band frequency"]:
    """The share of each frequency of the transform in each band: triangles that reach to their neighbours' middles."""
    lowest, highest = (2595 * np.log10(1 + frequency / 700) for frequency in (LOWEST, HIGHEST))
    corners = 700 * (10 ** (np.linspace(lowest, highest, BANDS + 2) / 2595) - 1)
    frequencies = np.fft.rfftfreq(TRANSFORM, 1 / SAMPLING)
    rising = (frequencies - corners[:-2, None]) / np.diff(corners)[:-1, None]
    falling = (corners[2:, None] - frequencies) / np.diff(corners)[1:, None]
    return np.maximum(0, np.minimum(rising, falling))
