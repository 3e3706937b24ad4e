"""What a source is taken for, who is in it, and what is wrong with it."""

import numpy as np
import pytest

from data_pipelines.build import main
from data_pipelines.errors import InputError
from data_pipelines.voxceleb import inputs, lists, plan
from data_pipelines.voxceleb.boxes import Box
from data_pipelines.voxceleb.metadata import read_metadata
from data_pipelines.voxceleb.recipe import Recipe
from data_pipelines.voxceleb.tracks import SHARES, read_track, track_cuts

from .conftest import COLUMNS, pixels_of_360, shares, write_track

BOX = "10-10-60-60,25,96,72"


def test_official_lists():
    assert sum(lists.official_split(f"id{number:05}") == "test" for number in range(10001, 11252)) == 40
    assert sum(lists.official_split(f"id{number:05}") == "test" for number in range(12, 9273)) == 118
    assert lists.official_split("anna") == "train"
    assert [lists.collection_of(name) for name in ("id10001", "id09272", "anna")] == ["vox1", "vox2", None]


def test_three_kinds_of_source(source, official, tabled, videos, tmp_path):
    assert inputs.find_input(source) == inputs.ReadyCrops(source)
    assert inputs.find_input(official) == inputs.OfficialTracks(official, official / "videos")
    table = tabled / "vox-metadata.csv"
    assert inputs.find_input(tabled) == inputs.Metadata(table, tabled / "videos")
    assert inputs.find_input(tmp_path, metadata=table, videos=videos) == inputs.Metadata(table, videos)
    assert inputs.find_collection(inputs.find_input(source)) is None
    assert inputs.find_collection(inputs.find_input(official)) == "vox1"
    assert inputs.find_collection(inputs.find_input(tabled)) == "vox1"


def test_tracks_of_both_collections(tmp_path):
    for index, (boxes, picture) in enumerate([(pixels_of_360(3, 9), (None, 360)), (shares(3, 9), SHARES)]):
        path = write_track(tmp_path / "id00012" / "video" / f"{index}.txt", boxes)
        track = inputs.find_tracks(tmp_path)[index]
        assert (track.identity, track.video, track.name, track.path) == ("id00012", "video", str(index), path)
        (cut,) = track_cuts(track, Recipe(min_frames=8), size=64, left_out=[])
        assert (cut.first, cut.stop, cut.picture, cut.min_side) == (3, 12, picture, 64)
        np.testing.assert_allclose(cut.box, boxes[0][1:3] + tuple(np.add(boxes[0][1:3], boxes[0][3:])))


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("12 \t1 \t2 \t3", "no frame and box in line 8: '12 \\\\t1 \\\\t2 \\\\t3'"),
        ("twelve \t1 \t2 \t3 \t4", "no frame and box in line 8"),
        ("-1 \t1 \t2 \t3 \t4", "a frame of a negative number"),
    ],
)
def test_damaged_track(tmp_path, line, sentence):
    path = write_track(tmp_path / "id10001" / "video" / "00001.txt", [])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(InputError, match=sentence):
        read_track(path)


def test_metadata_of_the_older_form(tmp_path):
    """Without a column for the person and one for the partition, at another rate, in another order."""
    path = tmp_path / "a.csv"
    path.write_text("start,end,video_id,bbox,width,height,fps\n30,90,abc#id10270,1-2-30-40,96,72,30\n")
    (row,) = read_metadata(path, [])
    assert (row.identity, row.video, row.split, row.box) == ("id10270", "abc", "test", Box(1, 2, 30, 40))
    left_out = []
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "abc.webm").touch()
    found = plan.make_plan(inputs.Metadata(path, tmp_path / "videos"), Recipe(min_frames=50), size=64)
    (task,) = found.tasks["test"]
    assert task.name == "id10270#abc#000030#000090"
    assert task.cut is not None and (task.cut.first, task.cut.stop) == (25, 75)
    assert left_out == found.left_out == []


def table(folder, *rows):
    (folder / "videos").mkdir()
    for video in ("a", "b"):
        (folder / "videos" / f"{video}.mp4").touch()
    (folder / "clips.csv").write_text("\n".join([COLUMNS, *rows]) + "\n")
    return folder


def test_identity_in_two_splits_is_refused(tmp_path, capsys):
    rows = [f"a,0,99,{BOX},train,id10001", f"b,0,99,{BOX},test,id10001", f"b,0,99,{BOX},test,id10002"]
    words = ["--source", str(table(tmp_path, *rows)), "--data_dir", str(tmp_path / "data")]
    assert main(["voxceleb", *words]) == 2
    message = "build: the identity id10001 stands in the splits test and train: keep each identity in one\n"
    assert capsys.readouterr().err == message


def test_identity_in_two_splits_of_ready_crops_is_a_warning(tmp_path, save_frames, plain, capsys):
    for split in ("train", "eval"):
        save_frames(tmp_path / "clips" / split / "anna_1", plain(3))
    words = ["--source", str(tmp_path / "clips"), "--data_dir", str(tmp_path / "data"), "--resolution", "64"]
    assert main(["voxceleb", *words, "--workers", "1"]) == 0
    assert "warning: the identity anna stands in the splits eval and train\n" in capsys.readouterr().out


def test_identities_decide_the_configuration(tmp_path):
    table(tmp_path, f"a,0,99,{BOX},train,id10001", f"b,0,99,{BOX},train,anna")
    assert inputs.find_collection(inputs.find_input(tmp_path)) is None
    with pytest.raises(InputError, match="id10001, who is in VoxCeleb1, and id00012, who is in VoxCeleb2"):
        inputs.single_collection(["id10001", "anna", "id00012"])


def test_wrong_sources_are_one_sentence(official, tabled, videos, tmp_path, capsys):
    empty, both = tmp_path / "empty", tmp_path / "both"
    (empty / "videos").mkdir(parents=True)
    (both / "videos").mkdir(parents=True)
    (both / "a.csv").touch()
    (both / "b.csv").touch()
    bad = tmp_path / "bad.csv"
    bad.write_text("video_id,start\nx,1\n")
    place = ["--data_dir", str(tmp_path / "data")]
    wrong = {
        "--source wants": ["--source", tmp_path / "nothing"],
        "holds neither a csv file nor": ["--source", empty],
        "holds a.csv and b.csv: name": ["--source", both],
        "there is no folder": ["--source", official, "--videos", tmp_path / "nothing"],
        "--metadata wants a csv file": ["--source", tabled, "--metadata", tmp_path / "nothing.csv"],
        "has no column end, only video_id, start": ["--source", tabled, "--metadata", bad],
        "--min_frames is 1: give at least 2": ["--source", tabled, "--min_frames", "1"],
        "--max_frames is 9: give at least 64": ["--source", tabled, "--max_frames", "9"],
        "--least_overlap is 2.0: give 0 to 1": ["--source", tabled, "--least_overlap", "2"],
        "--workers is 0: give at least 1": ["--source", tabled, "--workers", "0"],
        "nothing can be cut out of the videos": ["--source", official],  # all tracks are shorter than 64 frames
    }
    for message, words in wrong.items():
        assert main(["voxceleb", *map(str, words), *place]) == 2, message
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_split_that_ends_up_absent_is_a_warning(tmp_path):
    source = inputs.find_input(table(tmp_path, f"a,0,99,{BOX},train,id10001", f"b,0,9,{BOX},test,id10270"))
    found = plan.make_plan(source, Recipe(), size=64)
    assert [*found.tasks] == ["train"]
    assert found.warnings == ["the split test is absent: nothing can be cut out for it"]
