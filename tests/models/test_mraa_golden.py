"""MRAA against numbers of the original implementation."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.models import golden as recorded
from tests.models.golden import both_readings, image
from thf_jax.interop.mraa import mraa_variables
from thf_jax.models import build
from thf_jax.ops.keypoints import heatmaps_from_logits
from thf_jax.ops.linalg2 import principal_axes
from thf_jax.types import EncodedImage, Keypoints, Rendering

HOURGLASS = {"width": 8, "depth": 3, "most": 32}
PARTS = {"shift": "position", "affine": "jacobian", "covar": "covariance"}


class Run(NamedTuple):
    encoded: EncodedImage
    driving: Keypoints
    combined: Keypoints
    logits: dict[str, jax.Array]
    render: Any
    """(encoded, motion) -> the rendering, compiled."""


@pytest.fixture(scope="module")
def golden(reference) -> dict[str, np.ndarray]:
    return recorded.load(reference, "mraa")


@pytest.fixture(scope="module")
def run(golden):
    """What the networks make of the recorded pictures, by reading of the grid; each reading runs once."""

    @functools.cache
    def outputs(align_corners: bool) -> Run:
        settings = {
            "detector": {**HOURGLASS, "count": 4},
            "dense_motion": {**HOURGLASS, "align_corners": align_corners},
            "generator": {"width": 8, "most": 32, "residual_blocks": 2, "align_corners": align_corners},
            "background": HOURGLASS,
            "avd": {"identity": 8, "pose": 8},
        }
        variables = mraa_variables(recorded.state_dicts(golden), settings, size=128)
        module = build("mraa", settings)

        @jax.jit
        def verbs(source, driving):
            encoded = module.apply(variables, source, method="encode")
            motion = module.apply(variables, driving, source, method="motion")
            combined = module.apply(variables, encoded.motion, motion, method="combine")
            logits = {"source": _logits(module, variables, source), "driving": _logits(module, variables, driving)}
            return encoded, motion, combined, logits

        found = verbs(image(golden["in/source"]), image(golden["in/driving"]))
        return Run(*found, jax.jit(functools.partial(module.apply, variables, method="render")))

    return outputs


def _logits(module, variables, frame) -> jax.Array:
    """The detector's heat-maps before their softmax."""
    _, state = module.apply(
        variables, frame, method="motion", capture_intermediates=lambda layer, _: layer.name == "heatmaps"
    )
    return state["intermediates"]["detector"]["heatmaps"]["__call__"][0]


def regions(golden, name: str) -> Keypoints:
    """The recorded regions of this name."""
    return Keypoints(**{ours: jnp.asarray(golden[f"out/{name}/{theirs}"]) for theirs, ours in PARTS.items()})


def compare(golden, folder: str, rendering: Rendering, atol: float = 1e-4) -> None:
    warp = rendering.warp
    arrays = {"deformed": warp.deformed, "occlusion_map": warp.visibility, "prediction": rendering.image}
    for name, ours in arrays.items():
        np.testing.assert_allclose(ours, image(golden[f"{folder}/{name}"]), rtol=0, atol=atol, err_msg=name)


@pytest.mark.parametrize("name", ["source", "driving"])
def test_regions(golden, run, name):
    found = {"source": run(True).encoded.motion, "driving": run(True).driving}[name]
    for theirs, ours in PARTS.items():
        expected = golden[f"out/region_{name}/{theirs}"]
        np.testing.assert_allclose(getattr(found, ours), expected, rtol=0, atol=1e-5, err_msg=theirs)
    heatmaps = jax.vmap(lambda x: heatmaps_from_logits(x, temperature=0.1))(run(True).logits[name])
    np.testing.assert_allclose(heatmaps, image(golden[f"out/region_{name}/heatmap"]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["source", "driving"])
def test_principal_axes_are_those_of_the_originals_decomposition(golden, name):
    axes = principal_axes(jnp.asarray(golden[f"out/region_{name}/covar"])).reshape(-1, 2, 2)
    lengths = jnp.linalg.norm(axes, axis=1)
    np.testing.assert_allclose(lengths[..., None] * np.eye(2), golden[f"out/region_{name}/d"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(axes / lengths[:, None], golden[f"out/region_{name}/u"], rtol=0, atol=1e-5)


def test_background(golden, run):
    np.testing.assert_allclose(run(True).driving.background, golden["out/bg_params"], rtol=0, atol=1e-5)


@both_readings
def test_rendering(golden, run, align_corners):
    verbs, folder = run(align_corners), f"out_align{int(align_corners)}"
    compare(golden, f"{folder}/generator", verbs.render(verbs.encoded, verbs.driving))
    still = verbs.driving.replace(background=None)
    compare(golden, f"{folder}/generator_nobg", verbs.render(verbs.encoded, still))


def test_the_two_readings_can_be_told_apart(golden):
    first, second = (golden[f"out_align{reading}/generator/prediction"] for reading in (0, 1))
    assert np.abs(first - second).max() > 1e-2


def test_regions_put_together_by_avd(golden, run):
    for theirs, ours in PARTS.items():
        expected = golden[f"out/avd/{theirs}"]
        np.testing.assert_allclose(getattr(run(True).combined, ours), expected, rtol=0, atol=1e-5, err_msg=theirs)


@both_readings
def test_rendering_of_avds_regions(golden, run, align_corners):
    """From the recorded regions as closely as every picture, from our own as closely as those regions allow.

    The regions that a random network puts together are as large as the picture and fold it over many times, so that
    the picture shows a change of theirs enlarged, here measured. Our regions differ by what the order of float32 sums
    makes of the pictures: about 1e-6.
    """
    verbs, folder = run(align_corners), f"out_align{int(align_corners)}/generator_avd"
    encoded, avd = verbs.encoded.replace(motion=regions(golden, "region_source")), regions(golden, "avd")
    rendering = verbs.render(encoded, avd)
    compare(golden, folder, rendering)

    def shift(size: float, seed: int) -> float:
        """How far the moved picture goes where every number of the regions changes by this share, up or down."""
        random = np.random.default_rng(seed)
        changed = jax.tree.map(
            lambda x: x * (1 + size * jnp.asarray(random.choice([-1.0, 1.0], x.shape), x.dtype)), avd
        )
        return float(jnp.abs(verbs.render(encoded, changed).warp.deformed - rendering.warp.deformed).max())

    enlarged = max(shift(1e-5, seed) for seed in range(5)) / 1e-5
    assert enlarged > 100
    own = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), verbs.combined, avd)
    compare(golden, folder, verbs.render(verbs.encoded, verbs.combined), atol=enlarged * max(jax.tree.leaves(own)))


def test_nothing_recorded_is_left_out(golden):
    seen = {f"out/region_{name}/{part}" for name in ("source", "driving") for part in (*PARTS, "heatmap", "u", "d")}
    seen |= {"out/bg_params", *(f"out/avd/{part}" for part in PARTS)}
    for reading, kind in ((reading, kind) for reading in (0, 1) for kind in ("", "_nobg", "_avd")):
        names = ("deformed", "occlusion_map", "prediction")
        seen |= {f"out_align{reading}/generator{kind}/{name}" for name in names}
    assert recorded.outputs(golden) == seen
