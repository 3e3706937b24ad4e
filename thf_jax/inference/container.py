"""One video file while it is written: pictures, and the sound of another clip beside them."""

import contextlib
import dataclasses
import os
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream
from jaxtyping import UInt8
from PIL import Image

from thf_jax.inference.sound import carry_sound

GIF_CLOCK = 100
"""A gif counts time in hundredths of a second."""
_BT709 = 1  # FFmpeg's number of the matrix (AVCOL_SPC_BT709), of which PyAV has no name


@dataclasses.dataclass(frozen=True)
class Form:
    """How one kind of video file is written."""

    codec: str
    options: Mapping[str, str] = dataclasses.field(default_factory=dict)
    container: Mapping[str, str] = dataclasses.field(default_factory=dict)
    copied: tuple[str, ...] = ()
    """Sound codecs that go into this container as they are."""
    sound: str | None = None
    """What every other sound is encoded with; None where the container holds no sound."""


_X264 = {"crf": "18"}
_VP9 = {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4"}
_MP4 = Form("libx264", _X264, {"movflags": "+faststart"}, copied=("aac", "mp3", "ac3", "eac3", "alac"), sound="aac")
_WEBM = Form("libvpx-vp9", _VP9, copied=("opus", "vorbis"), sound="libopus")
FORMS = {".mp4": _MP4, ".m4v": _MP4, ".mov": _MP4, ".webm": _WEBM, ".gif": Form("gif")}


class VideoFile:
    """A file of one of the `FORMS`; what it holds open is closed by the exit stack.

    Args:
        path: where to write; the suffix chooses the form.
        rate: frames a second.
        sound_from: a clip whose sound is taken along as far as there are pictures, or None.
    """

    def __init__(
        self, path: Path, rate: Fraction, sound_from: str | os.PathLike[str] | None, closing: contextlib.ExitStack
    ):
        form = FORMS[path.suffix.lower()]
        self.gif = form.codec == "gif"
        self.rate, self.clock, self.count = rate, Fraction(1, GIF_CLOCK) if self.gif else 1 / rate, 0
        self.container = closing.enter_context(av.open(os.fspath(path), "w", options=dict(form.container)))
        self.stream = cast(VideoStream, self.container.add_stream(form.codec, rate=rate, options=dict(form.options)))
        self.stream.pix_fmt = "pal8" if self.gif else "yuv420p"
        self.stream.codec_context.time_base = self.clock
        if not self.gif:
            _name_colours(self.stream)
        self.sound = None
        if form.sound and sound_from is not None:
            self.sound = carry_sound(sound_from, self.container, copied=form.copied, codec=form.sound, closing=closing)

    def write(self, frame: UInt8[np.ndarray, "h w 3"]) -> None:
        """Append one frame; all frames are of the first one's size."""
        picture = _indexed(frame) if self.gif else _subsampled(_even(frame))
        if not self.count:
            self.stream.width, self.stream.height = picture.width, picture.height
        picture.time_base = self.clock
        picture.pts = self._time(self.count)
        picture.duration = self._time(self.count + 1) - picture.pts
        self.container.mux(self.stream.encode(picture))
        self.count += 1
        # In step with the pictures, so that a player finds both close together and nothing piles up in memory.
        if self.sound:
            self.container.mux(list(self.sound.until(self.count / self.rate)))

    def finish(self) -> None:
        """Write what the encoder still holds back."""
        if self.count:
            self.container.mux(self.stream.encode(None))

    def _time(self, frame: int) -> int:
        return round(frame / self.rate / self.clock)


def _name_colours(stream: VideoStream) -> None:
    """Say in the file what `_subsampled` makes of colours. Where nothing is said players guess, by the size."""
    codec = stream.codec_context
    codec.colorspace, codec.color_range = _BT709, ColorRange.MPEG
    codec.color_primaries, codec.color_trc = ColorPrimaries.BT709, ColorTrc.BT709


def _subsampled(frame: UInt8[np.ndarray, "h w 3"]) -> av.VideoFrame:
    """The frame in luma and chroma of BT.709, of limited range, with chroma at half the resolution."""
    picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
    return picture.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)


def _even(frame: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "y x 3"]:
    """The frame with even sides, as 4:2:0 chroma needs them: the last row or column is repeated."""
    height, width = frame.shape[:2]
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _indexed(frame: UInt8[np.ndarray, "h w 3"]) -> av.VideoFrame:
    """The frame in the 256 colours that suit it best."""
    indexed = Image.fromarray(frame).quantize(256)
    palette = np.full((256, 4), 255, np.uint8)  # alpha, red, green, blue
    colours = np.asarray(indexed.getpalette(), np.uint8).reshape(-1, 3)
    palette[: len(colours), 1:] = colours
    pair: Any = (np.asarray(indexed), palette)  # what PyAV takes for pal8, though its annotation does not say so
    return av.VideoFrame.from_ndarray(pair, format="pal8")
