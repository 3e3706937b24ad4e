"""Systems and their settings by name."""

import jax
import jax.numpy as jnp
import pytest

from thf_jax.errors import InputError
from thf_jax.models import SYSTEMS, build, optional_parts, published


def test_the_published_settings_of_fomm():
    assert published("fomm") == {
        "detector": {
            "count": 10,
            "width": 32,
            "depth": 5,
            "most": 1024,
            "scale": 0.25,
            "antialias": True,
            "temperature": 0.1,
            "floor": 0.0,
            "jacobians": "each",
            "covariance": None,
            "smallest_variance": 0.0,
            "head": 7,
            "padding": 0,
        },
        "dense_motion": {
            "width": 64,
            "depth": 5,
            "most": 1024,
            "scale": 0.25,
            "antialias": True,
            "variance": 0.01,
            "heatmap_gain": 1.0,
            "group_blocks": 0,
            "head": 7,
            "background_bias": None,
            "correction": False,
            "axis_swap": False,
            "visibility": True,
            "align_corners": True,
        },
        "generator": {
            "width": 64,
            "most": 512,
            "down_blocks": 2,
            "residual_blocks": 6,
            "skips": False,
            "align_corners": True,
        },
    }


def test_the_published_settings_of_monkey_net():
    assert published("monkey_net") == {
        "detector": {
            "count": 10,
            "width": 32,
            "depth": 5,
            "most": 1024,
            "scale": 0.25,
            "antialias": False,
            "temperature": 0.1,
            "floor": 1e-7,
            "jacobians": None,
            "covariance": "heatmap",
            "smallest_variance": 1e-3,
            "head": 3,
            "padding": 1,
        },
        "dense_motion": {
            "width": 32,
            "depth": 5,
            "most": 1024,
            "scale": 0.25,
            "antialias": False,
            "variance": 0.01,
            "heatmap_gain": 0.01,
            "group_blocks": 2,
            "head": 3,
            "background_bias": 2.0,
            "correction": True,
            "axis_swap": False,
            "visibility": False,
            "align_corners": True,
        },
        "generator": {
            "width": 32,
            "depth": 7,
            "most": 1024,
            "refinement_blocks": 4,
            "scale": 0.25,
            "variance": 0.01,
            "heatmap_gain": 0.01,
            "interpolation": "linear",
            "align_corners": True,
        },
    }


def test_the_published_settings_of_mraa():
    """As FOMM's but for the way to Jacobians, the reading of the grid and the parts that FOMM does not have."""
    fomm, mraa = published("fomm"), published("mraa")
    changed = {part: {name: value for name, value in mraa[part].items() if fomm[part][name] != value} for part in fomm}
    assert changed == {
        "detector": {"jacobians": "principal_axes", "covariance": "heatmap", "padding": 3},
        "dense_motion": {"axis_swap": True, "align_corners": False},
        "generator": {"skips": True, "align_corners": False},
    }
    assert {part: values for part, values in mraa.items() if part not in fomm} == {
        "background": {"width": 32, "depth": 5, "most": 1024, "kind": "affine"},
        "avd": {"identity": 64, "pose": 64, "axis_swap": True},
    }


def test_a_part_that_a_system_can_do_without_may_be_none():
    assert {system: optional_parts(system) for system in ("fomm", "monkey_net", "mraa")} == {
        "fomm": set(),
        "monkey_net": set(),
        "mraa": {"background", "avd"},
    }
    module = build("mraa", {"background": None, "avd": None})
    assert module.background is None and module.avd is None
    with pytest.raises(InputError, match="mraa cannot do without its detector: give its settings in place of None"):
        build("mraa", {"detector": None})
    with pytest.raises(InputError, match="fomm has no part named 'background'"):
        build("fomm", {"background": None})


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_has_the_three_verbs(system):
    module = build(system, {})
    assert all(callable(getattr(module, verb)) for verb in ("encode", "motion", "render"))
    assert build(system, published(system)) == module


@pytest.mark.parametrize("system", SYSTEMS)
def test_changing_the_settings_that_came_changes_no_default(system):
    settings = published(system)
    for part in settings.values():
        part.clear()
    assert all(published(system).values())


def test_what_the_settings_leave_out_is_as_published():
    module = build("fomm", {"detector": {"count": 5}, "generator": {}})
    assert module.detector.count == 5
    assert module.detector.width == 32
    assert module.generator.residual_blocks == 6


@pytest.mark.parametrize(
    ("system", "settings", "sentence"),
    [
        ("fom", {}, "no system named 'fom'; the nearest is 'fomm'"),
        ("stylegan", {}, "no system named 'stylegan'; choose one of .*fomm"),
        ("fomm", {"detecter": {}}, "fomm has no part named 'detecter'; the nearest is 'detector'"),
        ("fomm", {"generator": {"width": 8, "skip": True}}, "fomm's generator has no setting named 'skip'; .* 'skips'"),
        ("fomm", {"detector": {"name": "x"}}, "fomm's detector has no setting named 'name'"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(system, settings, sentence):
    with pytest.raises(InputError, match=sentence):
        build(system, settings)
    if not settings:
        with pytest.raises(InputError, match=sentence):
            published(system)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"detector": {"jacobians": "every"}}, "choose one of each, principal_axes, shared, or None"),
        ({"detector": {"covariance": "matrix"}}, "choose one of heatmap, isotropic, jacobian, or None"),
        ({"detector": {"jacobians": None, "covariance": "jacobian"}}, "without jacobians has no covariance of theirs"),
        ({"detector": {"scale": 0.3}}, "is 1, 1/2, 1/3, ..., not 0.3"),
    ],
)
def test_a_value_that_makes_no_model_is_explained(settings, sentence):
    module, image = build("fomm", settings), jax.ShapeDtypeStruct((1, 256, 256, 3), jnp.float32)
    with pytest.raises(InputError, match=sentence):
        jax.eval_shape(lambda x: module.init(jax.random.key(0), x, x), image)
