"""What a clip costs as motion and as video, and how it looks then: the comparison of Wang et al. 2021, section 4.3."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import av
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from thf_jax.evaluation.metrics import METRICS
from thf_jax.inference.animate import animate
from thf_jax.inference.bit_stream import Steps, pack, unpacked
from thf_jax.inference.motion_files import MotionFile
from thf_jax.inference.video import to_uint8
from thf_jax.models.animator import Animator

Frames = UInt8[np.ndarray, "t h w 3"]
PICTURE_QUALITY = 95
"""Of the JPEG in which the one picture of a call travels."""


@dataclasses.dataclass(frozen=True)
class Cost:
    """Of one clip, sent one way."""

    frames: int
    bits: int
    """Of all frames together."""
    once: int
    """What is sent before the first frame, in bits."""
    scores: Mapping[str, float]
    """By the names of `METRICS`, each a mean over the frames."""


def as_motion(animator: Animator, frames: Frames, steps: Steps, *, rate: Fraction = Fraction(25)) -> Cost:
    """The clip as its first frame, a JPEG picture, and the motion of every frame as a stream of bits.

    Args:
        frames: of the model's own size.
        steps: what the motion is rounded to.
    """
    buffer = io.BytesIO()
    Image.fromarray(frames[0]).save(buffer, "JPEG", quality=PICTURE_QUALITY, subsampling=0)
    with Image.open(buffer) as picture:
        source = np.asarray(picture)
    rows = jax.device_get([animator.motion(frame) for frame in frames])
    motion = jax.tree.map(lambda *values: np.stack(values), *rows)
    content = pack(MotionFile(animator.system, None, rate, animator.size, motion), steps)
    arrived = unpacked(content, "the stream")
    images = [rendering.image for rendering in animate(animator, source, arrived, relative=False)]
    return Cost(len(frames), 8 * len(content), 8 * buffer.tell(), scores(images, frames))


def as_h264(frames: Frames, crf: int, *, rate: Fraction = Fraction(25)) -> Cost:
    """The clip as H.264 by x264 at a constant rate factor, its packets alone, without a container.

    Args:
        crf: 0 (no loss) to 51 (the worst).
    """
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width = frames.shape[1:3]
    encoder.pix_fmt, encoder.time_base, encoder.framerate = "yuv420p", 1 / rate, rate
    encoder.options = {"crf": str(crf), "preset": "slow"}
    packets = []
    for index, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
        picture.pts = index
        packets += encoder.encode(picture)
    packets += encoder.encode(None)
    decoder: Any = av.CodecContext.create("h264", "r")
    pictures = [picture for packet in [*packets, None] for picture in decoder.decode(packet)]
    images = [jnp.asarray(picture.to_ndarray(format="rgb24"), jnp.float32) / 255 for picture in pictures]
    return Cost(len(frames), 8 * sum(packet.size for packet in packets), 0, scores(images, frames))


def scores(images: Sequence[Any], frames: Frames) -> dict[str, float]:
    """Each metric's mean over the pictures, as bytes, against the frames."""
    rows = jax.device_get([_scores(to_uint8(np.asarray(a)), b) for a, b in zip(images, frames, strict=True)])
    return {name: float(np.mean([row[name] for row in rows])) for name in METRICS}


@jax.jit
def _scores(image: jax.Array, target: jax.Array) -> dict[str, jax.Array]:
    first, second = (pixels.astype(jnp.float32) / 255 for pixels in (image, target))
    return {name: metric(first, second) for name, metric in METRICS.items()}


def together(costs: Sequence[Cost]) -> Cost:
    """The sums over several clips, their scores weighted by their frames."""
    weights = [cost.frames for cost in costs]
    means = {name: float(np.average([cost.scores[name] for cost in costs], weights=weights)) for name in METRICS}
    return Cost(sum(weights), sum(cost.bits for cost in costs), sum(cost.once for cost in costs), means)


def bits_at_equal(metric: str, score: float, curve: Sequence[Cost]) -> float | None:
    """The bits a frame at which a curve of costs reaches a score, between its points in proportion, bits as logarithms.

    None where the score lies outside the curve.
    """
    points = sorted((cost.scores[metric], np.log2(cost.bits / cost.frames)) for cost in curve)
    values, bits = (np.array(column) for column in zip(*points, strict=True))
    return float(2 ** np.interp(score, values, bits)) if values[0] <= score <= values[-1] else None
