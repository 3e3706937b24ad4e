"""Systems and their settings by name."""

import jax
import jax.numpy as jnp
import pytest

from thf_jax.errors import InputError
from thf_jax.models import SYSTEMS, build, published


def test_the_published_settings_of_fomm():
    assert published("fomm") == {
        "detector": {
            "count": 10,
            "width": 32,
            "depth": 5,
            "most": 1024,
            "scale": 0.25,
            "temperature": 0.1,
            "jacobians": "each",
            "padding": 0,
        },
        "dense_motion": {
            "width": 64,
            "depth": 5,
            "most": 1024,
            "scale": 0.25,
            "variance": 0.01,
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
        ({"detector": {"jacobians": "every"}}, "'each', 'shared' or None, not 'every'"),
        ({"detector": {"scale": 0.3}}, "is 1, 1/2, 1/3, ..., not 0.3"),
    ],
)
def test_a_value_that_makes_no_model_is_explained(settings, sentence):
    module, image = build("fomm", settings), jax.ShapeDtypeStruct((1, 256, 256, 3), jnp.float32)
    with pytest.raises(InputError, match=sentence):
        jax.eval_shape(lambda x: module.init(jax.random.key(0), x, x), image)
