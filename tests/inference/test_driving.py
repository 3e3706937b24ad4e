"""What SOURCE and DRIVING may be."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from data_pipelines.errors import InputError as ClipError
from tests.inference.samples import pictures, write_clip
from thf_jax.errors import InputError
from thf_jax.inference import assets
from thf_jax.inference.driving import open_driving, read_source
from thf_jax.inference.motion_files import write_motion
from thf_jax.types import Keypoints


def write_nod(folder):
    motions = [Keypoints(np.full((4, 2), index / 10, np.float32)) for index in range(3)]
    write_motion(folder / "nod.motion", motions, system="fomm", rate=Fraction(30000, 1001), size=32)


def test_a_video_drives_with_its_pictures_rate_and_sound(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", count=6, rate=Fraction(30000, 1001))
    driving = open_driving(clip)
    assert (driving.rate, driving.length, driving.motion, driving.sound) == (Fraction(30000, 1001), 6, None, clip)
    first, second = list(driving.frames()), list(driving.frames())
    assert len(first) == len(second) == 6 and first[0].shape == (72, 128, 3)


def test_a_clip_of_uneven_times_keeps_step_with_its_sound(tmp_path):
    """Half a second of pictures, a second of pause, and half a second again: two seconds are shown."""
    images = [Image.fromarray(picture) for picture in pictures(20)]
    durations = [50] * 9 + [1050] + [50] * 10
    images[0].save(tmp_path / "clip.gif", save_all=True, append_images=images[1:], duration=durations)
    driving = open_driving(tmp_path / "clip.gif")
    frames = list(driving.frames())
    assert (driving.rate, driving.length, len(frames)) == (20, 40, 40)
    np.testing.assert_array_equal(frames[9:30], [frames[9]] * 21)
    assert (frames[30] != frames[29]).any()


def test_a_folder_of_frames_drives_at_25_frames_a_second(tmp_path):
    for index, picture in enumerate(pictures(3)):
        Image.fromarray(picture).save(tmp_path / f"{index}.png")
    driving = open_driving(tmp_path)
    assert (driving.rate, driving.length, driving.sound) == (25, 3, None)
    np.testing.assert_array_equal(np.stack(list(driving.frames())), pictures(3))


def test_a_motion_file_drives_with_its_motions(tmp_path):
    write_nod(tmp_path)
    driving = open_driving(tmp_path / "nod.motion")
    assert (driving.rate, driving.length, driving.sound) == (Fraction(30000, 1001), 3, None)
    assert driving.motion is not None and driving.motion.system == "fomm"
    assert [float(motion.position[0, 0]) for motion in driving.frames()] == pytest.approx([0, 0.1, 0.2])


def test_a_shipped_motion_drives_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "FOLDER", tmp_path)
    (tmp_path / "motions").mkdir()
    write_nod(tmp_path / "motions")
    assert open_driving("nod").length == 3
    with pytest.raises(InputError, match="there is no clip nodd; the nearest is 'nod'"):
        open_driving("nodd")


@pytest.mark.parametrize("name", ["missing.mp4", "missing.motion", "text.mp4", "text.motion", "text", "empty"])
def test_what_does_not_drive_is_refused_in_one_sentence(tmp_path, name):
    (tmp_path / "empty").mkdir()
    for file in ["text.mp4", "text.motion", "text"]:
        (tmp_path / file).write_text("hello\n")
    with pytest.raises((InputError, ClipError)) as error:
        open_driving(tmp_path / name)
    assert "\n" not in str(error.value)


def test_the_first_frame_of_a_video_is_a_source(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4")
    np.testing.assert_array_equal(read_source(clip), next(open_driving(clip).frames()))


def test_a_picture_is_a_source(tmp_path):
    picture = pictures(1, height=20, width=30)[0]
    Image.fromarray(picture).save(tmp_path / "photo.png")
    np.testing.assert_array_equal(read_source(tmp_path / "photo.png"), picture)


def test_a_source_that_is_too_small_is_refused(tmp_path):
    Image.fromarray(pictures(1, height=8, width=30)[0]).save(tmp_path / "photo.gif")
    with pytest.raises(InputError, match="is 30 x 8: each side must be at least 16 px"):
        read_source(tmp_path / "photo.gif")
