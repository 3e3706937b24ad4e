"""Fitting the maps from and to head pose and sound."""

import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from data_pipelines.pose_labels import clip_pose
from experiments import fit_codes
from experiments.fit_codes import main
from tests.inference.samples import tiny_animator, tiny_x2face, write_clip
from thf_jax.inference.audio_features import FEATURES, NAME
from thf_jax.inference.code_fitting import explained, fit_audio_codes, fit_pose_codes
from thf_jax.interop.code_files import read_codes
from thf_jax.interop.model_directory import save_model
from thf_jax.models.x2face_codes import AudioCodes, PoseCodes
from thf_jax.types import DrivingCode

RANDOM = np.random.default_rng(0)


def test_maps_that_are_there_are_found():
    """Codes that are linear in pose, but for an offset of each person; and codes whose positive part follows sound."""
    matrix = RANDOM.standard_normal((5, 3))
    poses = [RANDOM.standard_normal((20, 3)) for _ in range(4)]
    codes = [pose @ matrix.T + 0.1 * RANDOM.standard_normal(5) for pose in poses]
    pose = fit_pose_codes(codes, poses, strength=0.0)
    np.testing.assert_allclose(pose.code_from_pose, matrix, atol=1e-5)
    turned = pose.turned(DrivingCode(jnp.asarray(codes[0][0], jnp.float32)), pose.pose(DrivingCode(jnp.zeros(5))))
    np.testing.assert_allclose(pose.pose(turned) - pose.pose(DrivingCode(jnp.zeros(5))), 0, atol=0.2)
    assert explained(poses, codes, lambda rows: rows @ np.asarray(pose.code_from_pose).T) > 0.999

    weights = RANDOM.uniform(0.1, 1, (5, 7))
    sounds = [RANDOM.uniform(0, 1, (30, 7)) for _ in range(2)]
    codes = [sound @ weights.T for sound in sounds]
    found = fit_audio_codes(codes, sounds, strength=0.0)
    np.testing.assert_allclose(found.code_from_feature, weights, atol=1e-5)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("models") / "x2face", tiny_x2face(), "A card.")


def test_head_pose_is_fitted_on_heads_that_know_it(model, tmp_path, capsys):
    out = tmp_path / "pose.npz"
    assert main(["--what", "pose", "--model", str(model), "--data", "moving_heads", "--output", str(out)]) == 0
    said = capsys.readouterr().out
    assert "256 frames of 16 clips" in said and "of how heads turn" in said and str(out) in said
    codes, feature = read_codes(out)
    assert isinstance(codes, PoseCodes) and feature is None and codes.code_from_pose.shape == (6, 3)
    assert np.abs(codes.pose_from_code).max() > 0


def test_frames_of_unknown_pose_are_passed_over(model, tmp_path, monkeypatch, capsys):
    known = np.arange(16) % 4 == 1

    def some_poses(dataset, clip):
        pose = clip_pose(dataset, clip)
        return np.where(known[:, None] & (clip.name != dataset.clips[0].name), pose, np.nan)

    monkeypatch.setattr(fit_codes, "clip_pose", some_poses)
    words = ["--what", "pose", "--model", str(model), "--data", "moving_heads", "--output", str(tmp_path / "pose.npz")]
    assert main(words) == 0
    assert "60 frames of 15 clips" in capsys.readouterr().out
    assert np.isfinite(read_codes(tmp_path / "pose.npz")[0].code_from_pose).all()
    known[:] = False
    assert main(words) == 2
    assert "the split train of moving_heads has no frame whose head pose is known" in capsys.readouterr().err


def test_sound_is_fitted_on_clips_that_have_it(model, tmp_path, capsys):
    (tmp_path / "train").mkdir()
    write_clip(tmp_path / "train" / "loud.mp4", count=10, sound="aac")
    write_clip(tmp_path / "train" / "silent.mp4", count=3)
    out = tmp_path / "audio.npz"
    assert main(["--what", "audio", "--model", str(model), "--data", str(tmp_path), "--output", str(out)]) == 0
    said = capsys.readouterr()
    assert "10 frames of 1 clips" in said.out and "silent.mp4 has no sound" in said.err
    codes, feature = read_codes(out)
    assert isinstance(codes, AudioCodes) and feature == NAME and codes.code_from_feature.shape == (6, FEATURES)


def test_published_maps_are_taken_over(tmp_path):
    layers = {
        "posefrombottle.weight": np.ones((3, 6), np.float32),
        "posefrombottle.bias": np.zeros(3, np.float32),
        "bottlefrompose.0.weight": np.ones((6, 3), np.float32),
        **{f"bottlefrompose.1.{name}": np.ones(6, np.float32) for name in ("weight", "running_var")},
    }
    safetensors.numpy.save_file(layers, tmp_path / "pose.pth")
    np.savez(tmp_path / "regression.npz", coef=np.ones((6, 256)), intercept=np.ones(6))
    for what, file, kind in (("pose", "pose.pth", PoseCodes), ("audio", "regression.npz", AudioCodes)):
        out = tmp_path / f"{what}_codes.npz"
        assert main(["--what", what, "--published", str(tmp_path / file), "--output", str(out)]) == 0
        codes, feature = read_codes(out)
        assert isinstance(codes, kind) and feature == (None if what == "pose" else "published")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--what", "pose", "--model", "MODEL"], "fitting takes --model and --data"),
        (["--what", "pose", "--model", "FOMM", "--data", "moving_heads"], "codes are x2face's, and the model"),
        (["--what", "pose", "--model", "MODEL", "--data", "FOLDER"], "has no head pose: give moving_heads"),
        (["--what", "audio", "--model", "MODEL", "--data", "FOLDER"], "has no clip with sound"),
        (["--what", "audio", "--published", "a.npz", "b.npz"], "is one file, not 2"),
        (["--what", "pose", "--model", "MODEL", "--data", "moving_heads", "--ridge", "-1"], "--ridge is 0 or more"),
        (["--what", "pose", "--published", "a.pth", "--model", "MODEL"], "--model is for fitting"),
        (["--what", "pose", "--published", "a.pth", "--data", "FOLDER"], "--data is for fitting"),
        (["--what", "pose", "--published", "a.pth", "--ridge", "0"], "--ridge is for fitting"),
        (["--what", "audio", "--published", "OUTPUT"], "would take the place of what it is made from"),
    ],
)
def test_wrong_input_is_answered_with_one_sentence(model, tmp_path, capsys, words, sentence):
    (tmp_path / "clips" / "train").mkdir(parents=True)
    write_clip(tmp_path / "clips" / "train" / "silent.mp4", count=3)
    names = {"MODEL": str(model), "FOLDER": str(tmp_path / "clips")}
    if "FOMM" in words:
        names["FOMM"] = str(save_model(tmp_path / "fomm", tiny_animator(), "A card."))
    out = tmp_path / "codes.npz"
    names["OUTPUT"] = str(out)
    assert main([names.get(word, word) for word in words] + ["--output", str(out)]) == 2
    assert sentence in capsys.readouterr().err.splitlines()[-1]
    assert not out.exists()
