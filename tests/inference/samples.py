"""Small inputs that the tests of inference and of the commands share."""

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from PIL import Image

from thf_jax.interop.shapes import variable_shapes
from thf_jax.models.animator import Animator

SIZE = 32
_KEYPOINTS = {
    "detector": {"count": 4, "width": 4, "depth": 2, "most": 16, "scale": 0.5},
    "dense_motion": {"width": 4, "depth": 2, "most": 16, "scale": 0.5},
}
_GENERATOR = {"width": 4, "most": 8, "down_blocks": 1, "residual_blocks": 1}
SETTINGS = {**_KEYPOINTS, "generator": _GENERATOR}
OF_SYSTEM = {
    "fomm": SETTINGS,
    "monkey_net": {
        **_KEYPOINTS,
        "generator": {"width": 4, "depth": 2, "most": 8, "refinement_blocks": 1, "scale": 0.5},
    },
    "mraa": {
        **_KEYPOINTS,
        "generator": _GENERATOR,
        "background": {"width": 4, "depth": 2, "most": 8},
        "avd": {"identity": 4, "pose": 4},
    },
}
HEAD_SETTINGS = {
    "detector": {"count": 5, "width": 2, "depth": 2, "most": 8, "volume_depth": 2, "scale": 0.5},
    "estimator": {"count": 5, "width": 4, "bins": 12},
    "appearance": {"width": 4, "most": 8, "down_blocks": 1, "channels": 4, "volume_depth": 2, "residual_blocks": 1},
    "dense_motion": {"width": 2, "depth": 2, "most": 8, "compressed": 2},
    "generator": {"width": 4, "up_blocks": 1, "middle_blocks": 1, "spade": False},
}
GAINS = {"heatmaps": 4, "unet": 2, "yaw": 3, "pitch": 3, "roll": 3}
"""Of layers whose output should vary, for keypoints, codes and heads that move."""


X2FACE_SIZE = 8
X2FACE_SETTINGS = {
    "embedding": {"width": 4, "depth": 3, "most": 8, "code": 8},
    "driving": {"width": 4, "depth": 3, "most": 8, "code": 6},
}


def tiny_animator(system: str = "fomm", seed: int = 0) -> Animator:
    """A model with 4 keypoints at 32 px, its random weights so large that every output depends on every input."""
    return drawn_animator(system, SIZE, OF_SYSTEM[system], seed)


def tiny_x2face(seed: int = 0) -> Animator:
    """X2Face with codes of 6 numbers at 8 px, drawn likewise."""
    return drawn_animator("x2face", X2FACE_SIZE, X2FACE_SETTINGS, seed)


def tiny_head_animator(seed: int = 0) -> Animator:
    """Face vid2vid with 5 keypoints and the plain generator at 32 px, drawn likewise."""
    return drawn_animator("face_vid2vid", SIZE, HEAD_SETTINGS, seed)


def drawn_animator(system: str, size: int, settings: dict, seed: int = 0) -> Animator:
    """A system of these settings whose variables are random."""
    return Animator(system, size, settings, drawn(variable_shapes(system, settings, size), seed))


def drawn(shapes: Any, seed: int = 0) -> Any:
    """Random variables of these shapes, a nested dictionary.

    Drawn with NumPy, since compiling the initialisation takes longer than everything that is then done with it.
    """
    random = np.random.default_rng(seed)
    flat = flatten_dict(shapes, sep="/")
    return unflatten_dict(
        {name: _draw(random, name, shape.shape).astype(np.float32) for name, shape in flat.items()}, sep="/"
    )


def _draw(random: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    noise = random.standard_normal(shape)
    if name.endswith("kernel"):
        gain = next((gain for layer, gain in GAINS.items() if layer in name), 1)
        return gain * noise / math.sqrt(math.prod(shape[:-1]))
    if name.endswith("background/entries/kernel"):
        return 0.1 * noise / math.sqrt(shape[0])  # a background that moves, but not out of sight
    if name.endswith("background/entries/bias"):
        return np.array([1, 0, 0, 0, 1, 0]) + 0.1 * noise
    if name == "params/detector/jacobians/bias":
        return np.tile([1, 0, 0, 1], shape[0] // 4)
    return 0.1 * noise + (1 if name.endswith(("scale", "var")) else 0)


def pictures(count: int, *, height: int = SIZE, width: int = SIZE, seed: int = 0) -> np.ndarray:
    """uint8 [count h w 3]: a bright disc that wanders over a dark slope."""
    random = np.random.default_rng(seed)
    phase = random.uniform(0, 2 * math.pi)
    y, x = np.mgrid[:height, :width] / (np.array([height, width]).reshape(2, 1, 1) - 1)
    frames = []
    for index in range(count):
        angle = phase + 0.5 * index
        disc = np.hypot(x - 0.5 - 0.25 * math.cos(angle), y - 0.5 - 0.25 * math.sin(angle)) < 0.2
        frames.append(np.stack([np.where(disc, 230, 40 * x), np.where(disc, 180, 60 * y), 90 * x * y], axis=-1))
    return np.asarray(frames).astype(np.uint8)


def write_clip(
    path: Path,
    *,
    count: int = 10,
    height: int = 72,
    width: int = 128,
    rate: Fraction = Fraction(25),
    video: str = "libx264",
    sound: str | None = None,
    sampling: int = 44_100,
    begin: int = 0,
    seed: int = 0,
) -> Path:
    """A clip of `pictures` from second `begin` on, with a 440 Hz tone in stereo where a sound codec is named."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(video, rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        audio = container.add_stream(sound, rate=sampling, layout="stereo") if sound else None
        for index, picture in enumerate(pictures(count, height=height, width=width, seed=seed)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(begin * rate) + index, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None:
            times = np.arange(int(count / rate * sampling)) / sampling
            tone = np.tile((0.5 * np.sin(2 * np.pi * 440 * times)).astype(np.float32), (2, 1))
            frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = sampling, begin * sampling, Fraction(1, sampling)
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path


def sound_packets(path: Path) -> tuple[str, list[tuple[int, bytes]]] | None:
    """The codec of the file's sound and its packets, each with its time; None where there is no sound."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        packets = [(packet.pts, bytes(packet)) for packet in container.demux(stream) if packet.dts is not None]
        return stream.codec_context.name, packets


def video_properties(path: Path) -> tuple[Fraction, int, tuple[int, int]]:
    """The rate, the number of decoded frames, and their height and width."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        rate = stream.average_rate
        shapes = [frame.to_ndarray(format="rgb24").shape[:2] for frame in container.decode(stream)]
    assert len(set(shapes)) == 1
    return rate, len(shapes), shapes[0]


def read_picture(path: Path) -> np.ndarray:
    """The pixels of a picture file."""
    with Image.open(path) as image:
        return np.asarray(image)


def read_pictures(folder: Path) -> np.ndarray:
    """The pixels of all pictures in a folder, by name."""
    return np.stack([read_picture(path) for path in sorted(folder.iterdir())])
