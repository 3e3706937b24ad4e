"""What the sound is like around a picture: tones, silence, time, and one feature by hand."""

from fractions import Fraction

import av
import numpy as np
import pytest

from tests.inference.samples import write_clip
from thf_jax.errors import InputError
from thf_jax.inference.audio_features import BANDS, GAIN, SAMPLING, WINDOW, WINDOWS, audio_features
from thf_jax.inference.sound import read_sound


def tone(frequency: float, seconds: float) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * SAMPLING)) / SAMPLING)).astype(np.float32)


def mel(frequency: float) -> float:
    return 2595 * np.log10(1 + frequency / 700)


@pytest.mark.parametrize("frequency", [200.0, 440.0, 1000.0, 5000.0])
def test_a_tone_is_loudest_in_its_own_band(frequency):
    features = audio_features(tone(frequency, 1.0), 25.0).reshape(25, WINDOWS, BANDS)
    middles = np.linspace(mel(80), mel(7600), BANDS + 2)[1:-1]
    nearest = np.abs(middles - mel(frequency)).argmin()
    assert np.abs(features[10].argmax(axis=-1) - nearest).max() <= 1
    assert features[10].min() < 0.2 * features[10].max()


def test_silence_is_all_zeros_and_nothing_is_negative():
    assert (audio_features(np.zeros(SAMPLING, np.float32), 25.0) == 0).all()
    noise = np.random.default_rng(0).uniform(-1, 1, SAMPLING).astype(np.float32)
    features = audio_features(noise, 25.0)
    assert features.shape == (25, 256) and features.dtype == np.float32 and features.min() >= 0


def test_what_is_heard_stands_in_the_pictures_of_its_time():
    """A click just behind the middle of picture 5, at 0.556 s, lies in the third of the windows around it.

    It is in the first ones of picture 6 as well, which begin at 0.55 s, and nowhere else.
    """
    rate, sound = Fraction(10), np.zeros(SAMPLING, np.float32)
    sound[round(0.55 * SAMPLING) + 100] = 1
    heard = audio_features(sound, rate).reshape(10, WINDOWS, BANDS).sum(axis=-1) > 0
    assert np.argwhere(heard).tolist() == [[5, 2], [6, 0]]


def test_a_feature_by_hand():
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, SAMPLING).astype(np.float32)
    features = audio_features(noise, Fraction(30000, 1001))
    start = round(12.5 / (30000 / 1001) * SAMPLING) + WINDOW  # the last of four windows around the middle
    piece = noise[start : start + WINDOW].astype(np.float64) * np.hanning(WINDOW)
    times, corners = np.arange(WINDOW) / SAMPLING, np.linspace(mel(80), mel(7600), BANDS + 2)
    low, middle, high = 700 * (10 ** (corners[20:23] / 2595) - 1)
    total = 0.0
    for index in range(513):
        frequency = index * SAMPLING / 1024
        share = max(0, min((frequency - low) / (middle - low), (high - frequency) / (high - middle)))
        amplitude = (piece * np.exp(-2j * np.pi * frequency * times)).sum() / np.hanning(WINDOW).sum()
        total += share * abs(amplitude) ** 2
    np.testing.assert_allclose(features[12, 3 * BANDS + 20], np.log1p(GAIN * total), rtol=1e-4)


def test_as_many_as_there_are_pictures():
    sound = tone(440, 0.5)
    assert len(audio_features(sound, 25.0)) == 12
    longer = audio_features(sound, 25.0, 20)
    np.testing.assert_array_equal(longer[:10], audio_features(sound, 25.0)[:10])
    assert longer.shape == (20, 256) and (longer[15:] == 0).all()
    assert audio_features(sound, 25.0, 0).shape == (0, 256)


@pytest.mark.parametrize(("begin", "sampling"), [(0, 44_100), (2, 48_000)])
def test_the_sound_of_a_clip_begins_with_its_first_picture(tmp_path, begin, sampling):
    path = write_clip(tmp_path / "clip.mp4", count=25, sound="aac", sampling=sampling, begin=begin)
    sound = read_sound(path, SAMPLING)
    assert abs(len(sound) - SAMPLING) < 0.1 * SAMPLING
    spectrum = np.abs(np.fft.rfft(sound[4000:12000]))
    assert spectrum.argmax() * SAMPLING / 8000 == pytest.approx(440, abs=2)


def test_a_wav_is_read_to_the_sample(tmp_path):
    path, samples = tmp_path / "voice.wav", (tone(300, 0.2) * 32767).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=SAMPLING, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = SAMPLING
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    np.testing.assert_allclose(read_sound(path, SAMPLING), samples / 32768, atol=1e-4)


def test_what_has_no_sound_is_refused(tmp_path):
    with pytest.raises(InputError, match="has no sound"):
        read_sound(write_clip(tmp_path / "silent.mp4", count=2), SAMPLING)
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(InputError, match="cannot be read as sound"):
        read_sound(tmp_path / "text.wav", SAMPLING)
