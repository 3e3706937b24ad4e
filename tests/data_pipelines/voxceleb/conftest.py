"""A miniature of VoxCeleb made from drawn heads: videos, tracks of both collections, and a metadata file."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from data_pipelines.moving_heads import clip_frames

WIDTH, HEIGHT = 96, 72
HEAD = (12, 0, 84, 72)  # the drawn square within the picture
COLUMNS = "video_id,start,end,bbox,fps,width,height,partition,person_id"

# Where the head stands in pixels of the picture: enlarged by 0.1 at each end it makes a crop of 60 at (18, 6).
FACE = (23, 11, 50, 50)


Boxes = list[tuple[int, float, float, float, float]]


def write_video(path: Path, frames: list[np.ndarray], *, rate: int = 25, keep: int | None = None) -> Path:
    """Writes frames as H.264; `keep` cuts the file off after that share of its bytes in percent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "10", "g": "6", "preset": "ultrafast"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    if keep is not None:
        path.write_bytes(path.read_bytes()[: path.stat().st_size * keep // 100])
    return path


def head_frames(index: int, count: int) -> list[np.ndarray]:
    """A drawn head in the middle of a grey picture of 96 x 72."""
    heads = clip_frames(0, index, size=HEIGHT, length=count)
    frames = np.full((count, HEIGHT, WIDTH, 3), 90, np.uint8)
    frames[:, :, HEAD[0] : HEAD[2]] = heads
    return list(frames)


def landscape_frames(count: int) -> list[np.ndarray]:
    """A sky above a meadow, along which the camera moves: nobody is in the picture."""
    y, x = np.mgrid[:HEIGHT, : WIDTH + count] / HEIGHT
    meadow = y > 0.5 + 0.1 * np.sin(4 * x)
    picture = np.where(meadow[..., None], (60, 140, 50), np.stack([90 + 80 * y, 140 + 60 * y, 230 + 0 * y], -1))
    return [picture[:, first : first + WIDTH].astype(np.uint8) for first in range(count)]


def write_track(path: Path, boxes: Boxes) -> Path:
    """A text file as the release has them: five lines of facts, an empty one, the columns, the frames."""
    path.parent.mkdir(parents=True, exist_ok=True)
    *_, identity, video, _ = path.parts
    facts = {
        "Identity  ": identity,
        "Reference ": video,
        "Offset    ": "-2",
        "FV Conf   ": "16.3\t(1)",
        "ASD Conf  ": "6.2",
    }
    lines = [f"{name}: \t{value}" for name, value in facts.items()] + ["", "FRAME \tX \tY \tW \tH \t"]
    lines += [f"{number:06d} \t{x} \t{y} \t{w} \t{h} \t" for number, x, y, w, h in boxes]
    path.write_text("\n".join(lines) + "\n")
    return path


def pixels_of_360(first: int, count: int, face: tuple[float, ...] = FACE) -> Boxes:
    """The boxes of a still face as VoxCeleb1 has them."""
    x, y, w, h = (360 / HEIGHT * value for value in face)
    return [(number, x, y, w, h) for number in range(first, first + count)]


def shares(first: int, count: int) -> Boxes:
    """The same as VoxCeleb2 has them."""
    x, y, w, h = FACE
    return [(number, x / WIDTH, y / HEIGHT, w / WIDTH, h / HEIGHT) for number in range(first, first + count)]


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whole videos by their ids: two good, one short, one without a face, one that breaks off, one that is none."""
    folder = tmp_path_factory.mktemp("whole") / "videos"
    for index, (video, count) in enumerate({"-good_one-A": 30, "good_two_BB": 24, "short_one_C": 5}.items()):
        write_video(folder / f"{video}.mp4", head_frames(2 * index, count))
    write_video(folder / "landscape_G.mp4", landscape_frames(24))
    write_video(folder / "breaks_offD.mp4", head_frames(6, 30), keep=70)
    (folder / "no_video_EE.mp4").write_text("<html>Video unavailable</html>")
    (folder / "unfinished.mp4.part").write_text("downloads leave such files")
    return folder


@pytest.fixture(scope="session")
def official(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source in the official layout, VoxCeleb1's."""
    root = tmp_path_factory.mktemp("official")
    (root / "videos").symlink_to(videos)
    train, test = root / "txt" / "id10001", root / "txt" / "id10270"
    write_track(train / "-good_one-A" / "00001.txt", pixels_of_360(2, 12))
    jump = pixels_of_360(14, 8) + pixels_of_360(22, 3, face=(70, 11, 20, 20))
    write_track(train / "-good_one-A" / "00002.txt", jump)
    write_track(train / "breaks_offD" / "00001.txt", pixels_of_360(0, 30))
    write_track(train / "no_video_EE" / "00001.txt", pixels_of_360(0, 10))
    write_track(train / "landscape_G" / "00001.txt", [])
    write_track(train / "gone_videoF" / "00001.txt", pixels_of_360(0, 10))
    write_track(train / "gone_videoF" / "00002.txt", pixels_of_360(20, 10))
    write_track(test / "good_two_BB" / "00001.txt", pixels_of_360(0, 24))
    write_track(test / "good_two_BB" / "00002.txt", pixels_of_360(0, 10, face=(0, 0, 0, 0)))
    write_track(test / "good_two_BB" / "00003.txt", pixels_of_360(0, 10, face=(500, 500, 50, 50)))
    write_track(test / "good_two_BB" / "00004.txt", pixels_of_360(0, 10, face=(40, 30, 9, 9)))
    write_track(test / "good_two_BB" / "00005.txt", []).write_text("<html>not found</html>")
    write_track(test / "short_one_C" / "00001.txt", pixels_of_360(0, 12))
    return root


@pytest.fixture(scope="session")
def tabled(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source with a metadata file for the same videos."""
    root = tmp_path_factory.mktemp("tabled")
    (root / "videos").symlink_to(videos)
    left, top, right, bottom = 18, 6, 78, 66
    box = f"{2 * left}-{2 * top}-{2 * right}-{2 * bottom}"  # in a picture twice as large as the video
    rows = [
        f"-good_one-A,2,14,{box},25,{2 * WIDTH},{2 * HEIGHT},train,id10001",
        f"-good_one-A,14,22,{box},25,{2 * WIDTH},{2 * HEIGHT},train,id10001",
        f"-good_one-A,14,22,{box},25,{2 * WIDTH},{2 * HEIGHT},train,id10001",
        f"-good_one-A,1,4,{box},25,{2 * WIDTH},{2 * HEIGHT},train,id10001",
        f"breaks_offD,0,30,{box},25,{2 * WIDTH},{2 * HEIGHT},train,id10001",
        f"no_video_EE,0,10,{box},25,{2 * WIDTH},{2 * HEIGHT},train,id10001",
        f"landscape_G,0,10,0-0-0-0,25,{2 * WIDTH},{2 * HEIGHT},train,id10001",
        f"gone_videoF,0,10,{box},25,{2 * WIDTH},{2 * HEIGHT},train,id10001",
        f"good_two_BB,0,24,{box},25,{2 * WIDTH},{2 * HEIGHT},test,id10270",
        f"good_two_BB,0,10,500-500-600-600,25,{2 * WIDTH},{2 * HEIGHT},test,id10270",
        f"good_two_BB,1,10,30-30-30-30,25,{2 * WIDTH},{2 * HEIGHT},test,id10270",
        f"short_one_C,0,12,{box},25,{2 * WIDTH},{2 * HEIGHT},test,id10270",
        f"good_two_BB,0,ten,{box},25,{2 * WIDTH},{2 * HEIGHT},test,id10270",
    ]
    (root / "vox-metadata.csv").write_text("\n".join([COLUMNS, *rows]) + "\n")
    return root


@pytest.fixture(scope="session")
def build() -> Callable[..., Path]:
    """Builds a source at 64 with small clips allowed; the folder of the dataset."""
    from data_pipelines.build import main

    def run(source: Path, data_dir: Path, *words: str) -> Path:
        place = ["--source", str(source), "--data_dir", str(data_dir), "--resolution", "64"]
        small = ["--min_frames", "8", "--min_side", "16"]
        assert main(["voxceleb", *place, *small, *words]) == 0
        return data_dir / "voxceleb" / "vox1_64" / "1.0.0"

    return run


@pytest.fixture(scope="session")
def official_built(official: Path, tmp_path_factory: pytest.TempPathFactory, build: Callable[..., Path]) -> Path:
    """The dataset that was built from `official` by one process."""
    return build(official, tmp_path_factory.mktemp("built"), "--workers", "1")


def words_for(source: Path, data_dir: Path) -> list[str]:
    place = ["--source", str(source), "--data_dir", str(data_dir), "--resolution", "64"]
    return [*place, "--min_frames", "8", "--min_side", "16"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
