import errno
import json
import os

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from safetensors import SafetensorError

from thf_jax.cli.exit_status import exit_status
from thf_jax.errors import InputError
from thf_jax.interop.model_directory import CARD, CONFIG, VARIABLES, load_model, save_model
from thf_jax.interop.shapes import complete, variable_shapes
from thf_jax.models import published
from thf_jax.models.animator import Animator

SETTINGS = {
    "detector": {"count": 3, "width": 4, "depth": 2, "most": 8},
    "dense_motion": {"width": 4, "depth": 2, "most": 8},
    "generator": {"width": 4, "most": 8, "down_blocks": 1, "residual_blocks": 1},
}


@pytest.fixture(scope="module")
def animator() -> Animator:
    random = np.random.default_rng(5)
    shapes = variable_shapes("fomm", SETTINGS, 64)
    # Values whose last bits matter, and one that has no finite twin in half precision.
    values = jax.tree.map(lambda x: jnp.asarray(random.standard_normal(x.shape) * 1e5, jnp.float32), shapes)
    return Animator("fomm", 64, SETTINGS, values)


@pytest.fixture
def saved(animator, tmp_path):
    return save_model(tmp_path / "model", animator, "# A card\n")


def test_what_is_saved_is_loaded_to_the_last_bit(animator, saved):
    loaded = load_model(saved)
    assert (loaded.system, loaded.size) == ("fomm", 64)
    jax.tree.map(np.testing.assert_array_equal, loaded.variables, animator.variables)
    assert all(isinstance(x, jax.Array) and x.dtype == jnp.float32 for x in jax.tree.leaves(loaded.variables))


def test_the_directory_holds_three_plain_files(animator, saved):
    assert sorted(path.name for path in saved.iterdir()) == sorted([CARD, CONFIG, VARIABLES])
    config = json.loads((saved / CONFIG).read_text())
    assert config == {"format": 1, "system": "fomm", "size": 64, "model": complete("fomm", SETTINGS)}
    assert config["model"]["detector"]["temperature"] == published("fomm")["detector"]["temperature"]
    numbers = sum(x.nbytes for x in jax.tree.leaves(animator.variables))
    assert (saved / VARIABLES).stat().st_size < numbers + 20_000
    names = set(safetensors.numpy.load_file(saved / VARIABLES))
    assert "params/detector/heatmaps/kernel" in names
    assert "batch_stats/generator/first/norm/mean" in names


def test_transposed_views_are_saved_as_they_read(animator, tmp_path):
    """The converter hands over transposed views of a file; their memory order is another one."""
    views = jax.tree.map(lambda x: np.asarray(x).T.copy().T, animator.variables)
    loaded = load_model(save_model(tmp_path / "views", Animator("fomm", 64, SETTINGS, views), ""))
    jax.tree.map(np.testing.assert_array_equal, loaded.variables, animator.variables)


def test_half_precision_is_loaded_as_the_models_own(saved):
    arrays = {name: x.astype(np.float16) for name, x in small(saved).items()}
    safetensors.numpy.save_file(arrays, saved / VARIABLES)
    loaded = load_model(saved)
    assert {x.dtype for x in jax.tree.leaves(loaded.variables)} == {jnp.dtype(jnp.float32)}


def small(saved) -> dict[str, np.ndarray]:
    return {name: np.ones_like(x) for name, x in safetensors.numpy.load_file(saved / VARIABLES).items()}


def test_a_model_is_replaced_and_nothing_stays_behind(animator, saved):
    save_model(saved, animator, "# Another card\n")
    assert (saved / CARD).read_text() == "# Another card\n"
    assert [path.name for path in saved.parent.iterdir()] == ["model"]
    load_model(saved)


def test_an_empty_folder_is_filled_and_its_mask_holds(animator, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    save_model(folder, animator, "")
    modes = {(folder / name).stat().st_mode for name in (CARD, CONFIG, VARIABLES)}
    assert len(modes) == 1


def test_an_error_leaves_what_was_there(animator, saved, monkeypatch):
    before = (saved / VARIABLES).read_bytes()

    def full(arrays, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(safetensors.numpy, "save_file", full)
    with pytest.raises(OSError, match="No space left"):
        save_model(saved, animator, "new")
    assert (saved / VARIABLES).read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


def test_a_failed_exchange_brings_the_former_model_back(animator, saved, monkeypatch):
    before, rename = (saved / CARD).read_text(), os.rename

    def fails_for_the_new_one(self, target):
        if self.name.endswith(".partial"):
            raise OSError(5, "Input/output error")
        rename(self, target)
        return type(self)(target)

    monkeypatch.setattr(type(saved), "rename", fails_for_the_new_one)
    with pytest.raises(OSError, match="Input/output error"):
        save_model(saved, animator, "new")
    assert (saved / CARD).read_text() == before
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 1),
        (SafetensorError("Error while serializing: No space left on device (os error 28)"), 1),
        (PermissionError(errno.EACCES, "Permission denied"), 2),
    ],
)
def test_a_full_disk_is_not_the_fault_of_the_input(animator, saved, monkeypatch, capsys, error, status):
    """What `thf convert` and `thf export` end with."""

    def fails(arrays, path):
        raise error

    monkeypatch.setattr(safetensors.numpy, "save_file", fails)
    assert exit_status("thf", lambda words: save_model(saved, animator, ""), []) == status
    assert capsys.readouterr().err.count("\n") == 1
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


def test_programs_of_others_are_not_taken_for_the_models(animator, tmp_path, saved):
    """Those of the model are replaced with it; others, and a folder of such a name, are not."""
    (saved / "render.onnx").write_bytes(b"an older one")
    assert not (save_model(saved, animator, "") / "render.onnx").exists()
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "render.onnx").write_bytes(b"mine")
    (saved / "motion.onnx").mkdir()
    for target in (tmp_path / "programs", saved):
        with pytest.raises(InputError, match="holds other files"):
            save_model(target, animator, "")
    assert (tmp_path / "programs" / "render.onnx").read_bytes() == b"mine"
    (saved / "motion.onnx").rmdir()
    (saved / "yolo.onnx").touch()
    with pytest.raises(InputError, match="holds other files"):
        save_model(saved, animator, "")


def test_other_folders_and_files_are_not_written_to(animator, tmp_path, saved):
    (saved / "notes.txt").write_text("mine")
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for target, sentence in {
        saved: "holds other files",
        tmp_path / "file": "a file or link",
        tmp_path / "link": "a file or link",
        tmp_path / "missing" / "model": "no folder",
    }.items():
        with pytest.raises(InputError, match=sentence):
            save_model(target, animator, "")
    assert (saved / "notes.txt").read_text() == "mine"


def rewrite(saved, **changes) -> None:
    config = {**json.loads((saved / CONFIG).read_text()), **changes}
    (saved / CONFIG).write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"format": 2}, "format 2, and this version reads format 1"),
        ({"format": None}, "format None"),
        ({"system": "fom"}, "'fom'; the nearest is 'fomm'"),
        ({"system": 7}, "needs a 'system' of type str"),
        ({"size": "large"}, "needs a 'size' of type int"),
        ({"size": -64}, "-64"),
        ({"size": True}, "needs a 'size'"),
        ({"model": {"detector": {"counts": 3}}}, "'counts'; the nearest is 'count'"),
        ({"model": {"detectors": {}}}, "'detectors'; the nearest is 'detector'"),
        ({"model": {"detector": 3}}, "object of settings for 'detector'"),
        ({"model": {**SETTINGS, "detector": {"width": "wide"}}}, "make no fomm model"),
        ({"model": {**SETTINGS, "detector": {**SETTINGS["detector"], "scale": 0.3}}}, "make no fomm model .*0.3"),
        ({"model": {**SETTINGS, "detector": {**SETTINGS["detector"], "count": 4}}}, "shape"),
        ({"comment": "mine"}, "unknown key 'comment'"),
    ],
)
def test_a_wrong_configuration_gets_one_sentence(saved, changes, sentence):
    rewrite(saved, **changes)
    with pytest.raises(InputError, match=sentence) as caught:
        load_model(saved)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 10**5])
def test_a_damaged_configuration(saved, content):
    (saved / CONFIG).write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        load_model(saved)


def test_missing_files(saved, tmp_path):
    with pytest.raises(InputError, match="no model directory"):
        load_model(tmp_path)
    (saved / VARIABLES).unlink()
    with pytest.raises(InputError, match=r"cannot read .*variables\.safetensors"):
        load_model(saved)


def test_variables_cut_short(saved):
    content = (saved / VARIABLES).read_bytes()
    for length in (0, 7, 8, 100, len(content) // 2, len(content) - 1):
        (saved / VARIABLES).write_bytes(content[:length])
        with pytest.raises(InputError, match="cut short"):
            load_model(saved)


def test_variables_of_another_model(saved):
    arrays = small(saved)
    name = "params/detector/heatmaps/kernel"
    renamed = {"params/detector/heatmap/kernel" if key == name else key: x for key, x in arrays.items()}
    for changed, sentence in [
        (renamed, rf"lacks the variable '{name}'.*heatmap/kernel"),
        ({**arrays, "params/extra": np.ones(1, np.float32)}, "'params/extra' that its settings do not"),
        ({**arrays, name: np.ones((1, 7, 7, 3), np.float32)}, rf"'{name}' of shape \(1, 7, 7, 3\)"),
        ({**arrays, name: arrays[name].astype(np.int32)}, f"'{name}' of type int32"),
        ({**arrays, name: arrays[name] * np.float32(np.nan)}, f"values in '{name}' that are not finite"),
        (
            {**arrays, name: (arrays[name] * np.inf).astype(ml_dtypes.bfloat16)},
            f"values in '{name}' that are not finite",
        ),
    ]:
        safetensors.numpy.save_file(changed, saved / VARIABLES)
        with pytest.raises(InputError, match=sentence):
            load_model(saved)


def test_a_part_that_a_model_lacks_is_null_and_stays_absent(tmp_path):
    settings = {**SETTINGS, "background": None, "avd": {"identity": 4, "pose": 4}}
    shapes = variable_shapes("mraa", settings, 64)
    values = jax.tree.map(lambda x: jnp.ones(x.shape, x.dtype), shapes)
    saved = save_model(tmp_path / "mraa", Animator("mraa", 64, settings, values), "")
    model = json.loads((saved / CONFIG).read_text())["model"]
    assert model["background"] is None and model["avd"]["axis_swap"] is True
    loaded = load_model(saved)
    assert set(loaded.variables["params"]) == {"detector", "dense_motion", "generator", "avd"}
    assert loaded.module.background is None and not loaded.measures_background
    jax.tree.map(np.testing.assert_array_equal, loaded.variables, values)
    with_all = json.loads((saved / CONFIG).read_text())
    with_all["model"]["detector"] = None
    (saved / CONFIG).write_text(json.dumps(with_all))
    with pytest.raises(InputError, match="mraa cannot do without its detector"):
        load_model(saved)
