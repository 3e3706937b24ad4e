"""The published maps from and to head pose and sound, and the files that keep such maps."""

import pickle
import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from thf_jax.errors import InputError
from thf_jax.interop.code_files import read_codes, write_codes
from thf_jax.interop.x2face_codes import published_audio_codes, published_pose_codes
from thf_jax.models.x2face_codes import AudioCodes, PoseCodes

RANDOM = np.random.default_rng(0)
POSE_LAYERS = {
    "posefrombottle.weight": RANDOM.standard_normal((3, 6)).astype(np.float32),
    "posefrombottle.bias": RANDOM.standard_normal(3).astype(np.float32),
}
CODE_LAYERS = {
    "0.weight": RANDOM.standard_normal((6, 3)).astype(np.float32),
    **{f"1.{name}": RANDOM.uniform(0.2, 2, 6).astype(np.float32) for name in ("weight", "bias")},
    **{f"1.running_{name}": RANDOM.uniform(0.2, 2, 6).astype(np.float32) for name in ("mean", "var")},
}
COEFFICIENTS, INTERCEPT = RANDOM.standard_normal((6, 4)), RANDOM.standard_normal(6)


def saved(folder, name: str, tensors: dict[str, np.ndarray]):
    safetensors.numpy.save_file(tensors, folder / name)
    return folder / name


def check_pose(codes: PoseCodes) -> None:
    """The difference of two poses' codes is that of the published layers."""
    pose, other = RANDOM.standard_normal((2, 3))

    def published(pose):
        linear = CODE_LAYERS["0.weight"] @ pose
        normalized = (linear - CODE_LAYERS["1.running_mean"]) / np.sqrt(CODE_LAYERS["1.running_var"] + 1e-5)
        return normalized * CODE_LAYERS["1.weight"] + CODE_LAYERS["1.bias"]

    np.testing.assert_allclose(codes.code_from_pose @ (pose - other), published(pose) - published(other), atol=1e-5)
    np.testing.assert_array_equal(codes.pose_from_code, POSE_LAYERS["posefrombottle.weight"])
    np.testing.assert_array_equal(codes.pose_offset, POSE_LAYERS["posefrombottle.bias"])


def test_the_two_files_of_pose_layers(tmp_path):
    files = saved(tmp_path, "posereg.pth", POSE_LAYERS), saved(tmp_path, "posetobottle.pth", CODE_LAYERS)
    check_pose(published_pose_codes(files))


def test_the_pose_model_has_them_too(tmp_path):
    prefix = "pix2pixSampler.netG.model" + ".submodule" * 7
    layers = {f"{prefix}.{name}": x for name, x in POSE_LAYERS.items()}
    layers |= {f"{prefix}.bottlefrompose.{name}": x for name, x in CODE_LAYERS.items()}
    layers["pix2pixSampler.netG.model.down.0.weight"] = np.zeros((64, 3, 4, 4), np.float32)
    check_pose(published_pose_codes([saved(tmp_path, "pose_model.pth", layers)]))


def test_a_layer_that_is_missing_or_does_not_fit_is_named(tmp_path):
    with pytest.raises(InputError, match=r"\(code_from_pose, scale, var\): give posereg\.pth together with"):
        published_pose_codes([saved(tmp_path, "posereg.pth", POSE_LAYERS)])
    wrong = {**CODE_LAYERS, "0.weight": np.zeros((5, 3), np.float32)}
    infinite = {**CODE_LAYERS, "1.weight": np.full(6, np.nan, np.float32)}
    with pytest.raises(InputError, match="scale has numbers that are not finite"):
        published_pose_codes([saved(tmp_path, "a.pth", POSE_LAYERS), saved(tmp_path, "b.pth", infinite)])
    with pytest.raises(InputError, match=r"code_from_pose has the shape \(5, 3\), not \(6, 3\)"):
        published_pose_codes([saved(tmp_path, "a.pth", POSE_LAYERS), saved(tmp_path, "b.pth", wrong)])


@pytest.fixture
def regression(monkeypatch):
    """Something that pickles as scikit-learn's regression does; the module is there for writing alone."""
    module = types.ModuleType("sklearn.linear_model.base")
    kind = type("LinearRegression", (), {"__module__": module.__name__})
    module.LinearRegression = kind  # pyright: ignore[reportAttributeAccessIssue]
    with monkeypatch.context() as patched:
        for name in ("sklearn", "sklearn.linear_model"):
            patched.setitem(sys.modules, name, types.ModuleType(name))
        patched.setitem(sys.modules, module.__name__, module)
        value = kind()
        vars(value).update(fit_intercept=True, n_jobs=1, coef_=COEFFICIENTS, intercept_=INTERCEPT, rank_=np.int64(4))
        yield lambda protocol: pickle.dumps(value, protocol)


@pytest.mark.parametrize("protocol", [0, 1])
def test_a_pickle_of_the_authors_time_is_read_without_being_run(tmp_path, regression, protocol):
    path = tmp_path / "linearregression.pkl"
    path.write_bytes(regression(protocol))
    np.testing.assert_allclose(published_audio_codes(path).code_from_feature, COEFFICIENTS, rtol=1e-6)


def test_a_newer_pickle_and_a_harmful_one_are_refused_with_the_way_out(tmp_path, regression):
    class Harmful:
        def __reduce__(self):
            return print, ("harm",)

    for content in (regression(2), pickle.dumps(Harmful()), b"\x80\x02", b"nothing", pickle.dumps({"a": 1}, 0)):
        path = tmp_path / "linearregression.pkl"
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"numpy\.savez\('codes\.npz', coef=model\.coef_"):
            published_audio_codes(path)


def test_the_numbers_alone_do_as_well(tmp_path):
    np.savez(tmp_path / "codes.npz", coef=COEFFICIENTS, intercept=INTERCEPT)
    np.testing.assert_allclose(published_audio_codes(tmp_path / "codes.npz").code_from_feature, COEFFICIENTS, rtol=1e-6)
    np.savez(tmp_path / "other.npz", weights=COEFFICIENTS)
    with pytest.raises(InputError, match="no archive with the arrays coef and intercept"):
        published_audio_codes(tmp_path / "other.npz")
    np.savez(tmp_path / "flat.npz", coef=INTERCEPT)
    with pytest.raises(InputError, match="no matrix of coefficients"):
        published_audio_codes(tmp_path / "flat.npz")
    np.savez(tmp_path / "infinite.npz", coef=np.full((6, 4), np.inf))
    with pytest.raises(InputError, match="coefficients that are not finite"):
        published_audio_codes(tmp_path / "infinite.npz")
    (tmp_path / "damaged.npz").write_bytes((tmp_path / "codes.npz").read_bytes()[:-30])
    with pytest.raises(InputError, match="no archive with the arrays coef and intercept"):
        published_audio_codes(tmp_path / "damaged.npz")
    with pytest.raises(InputError, match="cannot read the regression"):
        published_audio_codes(tmp_path / "missing.pkl")


POSE = PoseCodes(*(jnp.asarray(RANDOM.standard_normal(shape), jnp.float32) for shape in ((3, 6), (3,), (6, 3))))
AUDIO = AudioCodes(jnp.asarray(COEFFICIENTS, jnp.float32))


@pytest.mark.parametrize(("codes", "feature"), [(POSE, None), (AUDIO, "mel 4 x 64")])
def test_what_was_written_is_read_to_the_last_bit(tmp_path, codes, feature):
    found = read_codes(write_codes(tmp_path / "codes.npz", codes, feature=feature))
    assert type(found.codes) is type(codes) and found.feature == feature
    jax.tree.map(np.testing.assert_array_equal, found.codes, codes)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="there is no file of codes"):
        read_codes(tmp_path / "missing.npz")
    (tmp_path / "text.npz").write_text("codes")
    np.savez(tmp_path / "other.npz", coef=COEFFICIENTS)
    wrong = POSE._replace(code_from_pose=POSE.pose_from_code)
    infinite = AudioCodes(AUDIO.code_from_feature.at[0, 0].set(jnp.inf))
    for name, codes in {"wrong": wrong, "infinite": infinite}.items():
        write_codes(tmp_path / f"{name}.npz", codes)
    for name in ("text", "other", "wrong", "infinite"):
        with pytest.raises(InputError, match="is no file of codes"):
            read_codes(tmp_path / f"{name}.npz")
