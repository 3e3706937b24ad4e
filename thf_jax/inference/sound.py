"""The sound of a clip: carried into another one, or as numbers."""

import contextlib
import itertools
import os
import sys
from collections.abc import Collection, Iterator
from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import ArgumentError, FFmpegError, InvalidDataError
from av.packet import Packet
from jaxtyping import Float

from data_pipelines.video import open_media
from thf_jax.errors import InputError


class Sound:
    """A clip's sound in packets for another file, handed out in step with its pictures."""

    def __init__(self, packets: Iterator[Packet]):
        self.packets = packets
        self.waiting = next(packets, None)

    def until(self, seconds: Fraction) -> Iterator[Packet]:
        """The packets that begin before this time and are not handed out yet. What is never asked for is left out."""
        while self.waiting is not None and (self.waiting.pts or 0) * self.waiting.time_base < seconds:
            yield self.waiting
            self.waiting = next(self.packets, None)


def carry_sound(
    clip: str | os.PathLike[str],
    container: OutputContainer,
    *,
    copied: Collection[str],
    codec: str,
    closing: contextlib.ExitStack,
) -> Sound | None:
    """The clip's first sound, bound for a stream that is added to `container`; None where the clip has no sound.

    Files of a kind that holds none, such as gifs, and sound that nothing here decodes count as none. What is damaged in
    sound that is encoded anew becomes a gap, of which a line on stderr tells.

    Args:
        clip: a file.
        container: open for writing, without a packet in it yet.
        copied: the names of the codecs whose packets are copied as they are.
        codec: the encoder for every other sound.
        closing: closes the clip when the container is closed.
    """
    try:
        source = closing.enter_context(open_media(clip))
    except ArgumentError:
        return None
    stream = _first_sound(source)
    if stream is None:
        return None
    begin = _beginning(source)
    # The name of the codec, not that of its decoder: mp3 is decoded by mp3float.
    if stream.codec_context.codec.canonical_name in copied:
        packets = _copied(source, stream, container.add_stream_from_template(stream), begin)
    else:
        # Encoders know certain rates only, of which 48 kHz is the one that all of them have.
        known = av.Codec(codec, "w").audio_rates
        rate = stream.rate if known is None or stream.rate in known else 48_000
        layout = "mono" if stream.channels == 1 else "stereo"
        target = cast(AudioStream, container.add_stream(codec, rate=rate, layout=layout))
        packets = _encoded(source, stream, target, begin)
    return Sound(packets)


def _first_sound(source: InputContainer) -> AudioStream | None:
    """The first sound for which there is a decoder."""
    return next((stream for stream in source.streams.audio if stream.codec_context is not None), None)


def _beginning(source: InputContainer) -> Fraction:
    """When the first picture is shown, in seconds: the new clip's time 0."""
    video = source.streams.video[0] if source.streams.video else None
    if video is None or video.start_time is None or video.time_base is None:
        return Fraction(0)
    return video.start_time * video.time_base


def _copied(source: InputContainer, stream: AudioStream, target: AudioStream, begin: Fraction) -> Iterator[Packet]:
    for packet in source.demux(stream):
        if packet.pts is None or packet.dts is None:  # the empty packet at the end
            continue
        shift = round(begin / packet.time_base)
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        packet.stream = target
        yield packet


def _encoded(source: InputContainer, stream: AudioStream, target: AudioStream, begin: Fraction) -> Iterator[Packet]:
    for frame in _undamaged(source, stream):
        if frame.pts is not None and frame.time_base is not None:
            frame.pts -= round(begin / frame.time_base)
        yield from target.encode(frame)
    yield from target.encode(None)


def _undamaged(source: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """The decoded sound without what cannot be decoded: the pictures beside it are worth more than a gap in it."""
    damaged = 0
    for packet in source.demux(stream):
        try:
            yield from packet.decode()
        except InvalidDataError:
            damaged += 1
    if damaged:
        name, count = source.name.removeprefix("file:"), f"{damaged} packet{'s' * (damaged != 1)}"
        print(f"{name}: damaged sound is left out ({count})", file=sys.stderr)


def read_sound(path: str | os.PathLike[str], rate: int) -> Float[np.ndarray, " n"]:
    """The first sound of a file in mono, `rate` numbers a second in [-1, 1], from the first picture on if it has any.

    Raises:
        InputError: there is no such file, no sound in it, or it is damaged.
    """
    pieces, missing = [], None
    try:
        with open_media(path) as source:
            stream = _first_sound(source)
            if stream is None:
                raise InputError(f"{os.fspath(path)} has no sound")
            begin = _beginning(source)
            resampler = AudioResampler(format="flt", layout="mono", rate=rate)
            for frame in itertools.chain(source.decode(stream), [None]):
                if missing is None and frame is not None:
                    start = 0 if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base
                    missing = round((start - begin) * rate)
                pieces += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
    except FFmpegError as error:
        raise InputError(f"{os.fspath(path)} cannot be read as sound ({error.strerror})") from error
    sound = np.concatenate([np.zeros(max(missing or 0, 0), np.float32), *pieces])
    return sound[max(-(missing or 0), 0) :]
