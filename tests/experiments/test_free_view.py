"""The picture of many views, and the table of what a call costs, with a small model."""

import jax
import numpy as np
import pytest
from PIL import Image

from experiments import bit_stream, free_view, grid
from tests.inference.samples import SIZE, pictures, tiny_animator, tiny_head_animator, write_clip
from thf_jax.evaluation.bit_rate import Cost, as_h264, as_motion, bits_at_equal, scores, together
from thf_jax.inference.bit_stream import Steps
from thf_jax.interop.model_directory import save_model
from thf_jax.ops.rotation import angles_of

PORTRAIT = pictures(1, seed=1)[0]


@pytest.fixture(autouse=True)
def standard_promotion():
    """dm_pix divides floats by integers, which strict promotion forbids."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("models") / "heads", tiny_head_animator(), "A card.")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "portrait.png"
    Image.fromarray(PORTRAIT).save(path)
    return path


def test_the_grid_has_a_view_for_every_pair_of_angles(heads, source, tmp_path, capsys):
    output = tmp_path / "grid.png"
    words = ["--model", heads, "--source", source, "--output", output, "--yaw", "-30", "0", "--pitch", "0", "9", "18"]
    assert free_view.main([str(word) for word in words]) == 0
    assert str(output) in capsys.readouterr().out
    with Image.open(output) as image:
        sheet = np.asarray(image)
    top, left = sheet.shape[0] - 3 * SIZE, sheet.shape[1] - 2 * SIZE
    assert top == grid.MARGIN < left
    animator = tiny_head_animator()
    expected = free_view.views(animator, PORTRAIT, [-30, 0], [0, 9, 18])
    for row, column in np.ndindex(3, 2):
        cell = sheet[top + row * SIZE : top + (row + 1) * SIZE, left + column * SIZE : left + (column + 1) * SIZE]
        np.testing.assert_array_equal(cell, expected[row, column])
    own = animator.motion(PORTRAIT)
    yaw, pitch, _ = (float(angle) for angle in angles_of(own.rotation, pi=3.14))
    at_rest = free_view.views(animator, PORTRAIT, [yaw], [pitch])[0, 0]
    image = np.asarray(animator.render(animator.encode(PORTRAIT), own).image)
    np.testing.assert_allclose(at_rest / 255, image, atol=0.01)


def test_a_model_without_heads_and_a_wrong_output_are_one_sentence(source, tmp_path, capsys):
    model = save_model(tmp_path / "tiny", tiny_animator(), "A card.")
    words = ["--model", str(model), "--source", str(source), "--output"]
    assert free_view.main([*words, str(tmp_path / "grid.png")]) == 2
    assert "a model of fomm has no angles to set" in capsys.readouterr().err
    assert free_view.main([*words, str(tmp_path / "grid.pgn")]) == 2
    assert free_view.main([*words, str(tmp_path / "grid.png"), "--side", "0"]) == 2
    assert not (tmp_path / "grid.png").exists()


def test_the_views_can_be_enlarged(heads, source, tmp_path):
    output = tmp_path / "grid.jpg"
    words = [
        "--model",
        heads,
        "--source",
        source,
        "--output",
        output,
        "--yaw",
        "0",
        "--pitch",
        "0",
        "9",
        "--side",
        "48",
    ]
    assert free_view.main([str(word) for word in words]) == 0
    with Image.open(output) as image:
        assert image.format == "JPEG" and image.height == grid.MARGIN + 2 * 48


def test_the_table_of_a_call(heads, tmp_path, capsys):
    folder = tmp_path / "clips" / "eval"
    folder.mkdir(parents=True)
    write_clip(folder / "one.mp4", count=6, height=64, width=64)
    output = tmp_path / "table.md"
    assert bit_stream.main(["--model", str(heads), "--data", str(folder.parent), "--output", str(output)]) == 0
    text = output.read_text()
    assert capsys.readouterr().out == text
    lines = text.splitlines()
    assert lines[0].startswith("1 clips, 6 frames of 32 px, face_vid2vid")
    assert len(lines) == 4 + len(bit_stream.STEPS) + len(bit_stream.RATE_FACTORS)
    fine, _, _, coarse = (float(line.split("|")[2]) for line in lines[4:8])
    assert coarse < fine
    best, *_, worst = (line.split("|") for line in lines[8:])
    assert float(best[2]) > float(worst[2]) and float(best[5]) > float(worst[5])


def test_costs_are_those_of_the_streams():
    frames = pictures(5, height=32, width=32, seed=4)
    video = as_h264(frames, 10)
    assert video.frames == 5 and video.bits > 8 * 200 and video.scores["psnr"] > 25
    motion = as_motion(tiny_head_animator(), frames, Steps())
    assert motion.once > 8 * 300
    assert scores([frame / np.float32(255) for frame in frames], frames) == pytest.approx(
        {"l1": 0, "psnr": 100, "ssim": 1}, abs=1e-6
    )


def test_equal_quality_lies_between_the_points_of_the_curve():
    curve = [Cost(10, 1000, 0, {"psnr": 20.0}), Cost(10, 4000, 0, {"psnr": 30.0})]
    assert bits_at_equal("psnr", 25.0, curve) == pytest.approx(200)
    assert bits_at_equal("psnr", 31.0, curve) is None and bits_at_equal("psnr", 19.0, curve) is None
    every = {"l1": 0.1, "psnr": 20.0, "ssim": 0.5}
    sum_of = together([Cost(10, 1000, 50, every), Cost(30, 500, 50, {**every, "psnr": 40.0})])
    assert (sum_of.frames, sum_of.bits, sum_of.once, sum_of.scores["psnr"]) == (40, 1500, 100, 35)
