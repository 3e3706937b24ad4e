"""Clips that the tests make themselves."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

MakeVideo = Callable[..., Path]


def _make_video(path: Path, frames: list[np.ndarray], *, rate: Fraction = Fraction(25), **options: str) -> Path:
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.height, stream.width = frames[0].shape[:2] if frames else (32, 32)
        stream.pix_fmt = "yuv444p"
        stream.options = {"crf": "4", "g": "4"}
        container.start_encoding()
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def make_video() -> MakeVideo:
    """Writes frames [h w 3] as an H.264 video at a path, 25 frames a second unless told otherwise."""
    return _make_video


def _make_timed_video(
    path: Path, frames: list[np.ndarray], times: list[int], *, codec: str = "libx264", stated: bool = True
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "4"} if codec == "libx264" else {"crf": "4", "b": "2M"}
        stream.codec_context.time_base = Fraction(1, 1000)
        for frame, time in zip(frames, times, strict=True):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    if not stated:
        content = path.read_bytes()
        place = content.index(b"\x23\xe3\x83\x84")  # Matroska's DefaultDuration, which becomes an element Void
        path.write_bytes(content[:place] + b"\xec\x86" + content[place + 2 :])
    return path


@pytest.fixture(scope="session")
def make_timed_video() -> MakeVideo:
    """Writes frames [h w 3] that are shown at given milliseconds; a webm not `stated` says no rate, as browsers'."""
    return _make_timed_video


def plain_frames(count: int, *, base: int = 0, side: int = 32, width: int | None = None) -> list[np.ndarray]:
    """Frames of one colour each: red says which clip (`base`), green which frame; the left half has more blue."""
    frames = np.zeros((count, side, width or side, 3), np.uint8)
    frames[..., 0] = base
    frames[..., 1] = 10 * np.arange(count)[:, None, None]
    frames[:, :, : (width or side) // 2, 2] = 200
    return list(frames)


@pytest.fixture(scope="session")
def plain() -> Callable[..., list[np.ndarray]]:
    """Frames that tell their clip, their number and their left side by colour."""
    return plain_frames


def _save_frames(folder: Path, frames: list[np.ndarray]) -> Path:
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def save_frames() -> Callable[[Path, list[np.ndarray]], Path]:
    """Writes frames as 0.png, 1.png, ... into a new folder."""
    return _save_frames


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of clips: train (every kind of clip, some unusable), eval, a folder of stills and a text file."""
    root = tmp_path_factory.mktemp("source")
    for name in ("train", "eval", "stills"):
        (root / name).mkdir()
    _make_video(root / "train" / "anna_1.mp4", plain_frames(5, base=40))
    _make_video(root / "train" / "anna_2.mp4", plain_frames(4, base=80, width=48))
    _save_frames(root / "train" / "bert#film#1.mp4", plain_frames(12, base=120, side=40))
    Image.fromarray(np.concatenate(plain_frames(3, base=160), axis=1)).save(root / "train" / "carl.png")
    (root / "train" / "dora_broken.mp4").write_text("no video")
    Image.fromarray(plain_frames(1)[0]).save(root / "train" / "emil_still.png")
    _make_video(root / "eval" / "fred.mp4", plain_frames(4, base=200))
    Image.fromarray(plain_frames(1)[0]).save(root / "stills" / "gina.png")
    (root / "notes.txt").write_text("not a folder")
    return root


@pytest.fixture(scope="session")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which voxceleb/64 was built from `source`."""
    from data_pipelines.build import main

    data_dir = tmp_path_factory.mktemp("built")
    assert main(["voxceleb", "--source", str(source), "--data_dir", str(data_dir), "--resolution", "64"]) == 0
    return data_dir
