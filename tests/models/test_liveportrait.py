"""LivePortrait's verbs, and what its correctors do to keypoints."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.models.samples import pictures, random_variables
from thf_jax.errors import InputError
from thf_jax.models import build, published
from thf_jax.models.corrector import Corrector
from thf_jax.types import EncodedVolume, HeadMotion, Keypoints

SMALL = {
    "extractor": {"count": 4, "depths": (1, 1), "widths": (4, 6)},
    "appearance": {"width": 4, "most": 8, "channels": 4, "volume_depth": 2, "residual_blocks": 1},
    "dense_motion": {"width": 4, "most": 8, "depth": 2, "compressed": 2},
    "generator": {"width": 2, "middle_blocks": 1, "modulation_width": 4},
    "corrector": {"count": 4, "stitching": (8,), "eyes": (8,), "lips": (8,)},
}
CORRECTOR = Corrector(count=4, stitching=(8,), eyes=(8,), lips=(8,))


def keypoints(seed: int, batch: int = 2) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).uniform(-1, 1, (batch, 4, 3)), jnp.float32)


def shapes(settings: dict, count: int, size: int):
    """Of what each verb gives for this many pictures, without a number computed."""
    module, images = build("liveportrait", settings), jax.ShapeDtypeStruct((count, size, size, 3), jnp.float32)
    variables = jax.eval_shape(lambda x: module.init(jax.random.key(0), x, x), images)

    def verb(method: str, *arguments):
        return jax.eval_shape(lambda v, *x: module.apply(v, *x, method=method), variables, *arguments)

    encoded, motion = verb("encode", images), verb("motion", images)
    return encoded, motion, verb("render", encoded, motion)


def test_the_shapes_of_the_verbs():
    encoded, motion, rendering = shapes(SMALL, 2, 16)
    assert isinstance(encoded, EncodedVolume) and isinstance(motion, HeadMotion)
    assert encoded.volume.shape == (2, 2, 4, 4, 4) and encoded.canonical.shape == (2, 4, 3)
    assert (motion.rotation.shape, motion.scale.shape, motion.openness) == ((2, 3, 3), (2, 1), None)
    assert rendering.image.shape == (2, 32, 32, 3) and rendering.warp.grid.shape == (2, 2, 4, 4, 3)


def test_the_published_shapes():
    """A picture of 256 pixels goes in, one of 512 comes out."""
    encoded, motion, rendering = shapes(published("liveportrait"), 1, 256)
    assert encoded.volume.shape == (1, 16, 64, 64, 32) and motion.expression.shape == (1, 21, 3)
    assert rendering.image.shape == (1, 512, 512, 3) and rendering.warp.masks.shape == (1, 16, 64, 64, 22)


@pytest.fixture(scope="module")
def verbs():
    """The variables, the encoded pictures and their motion."""
    module, images = build("liveportrait", SMALL), pictures(2, 16)
    variables = random_variables(module.init, images, images)
    run = jax.jit(lambda v, x: tuple(module.apply(v, x, method=verb) for verb in ("encode", "motion")))
    return module, variables, *run(variables, images)


def test_a_motion_of_keypoints_or_of_a_head(verbs):
    module, variables, encoded, motion = verbs
    posed = motion.pose(encoded.canonical)
    run = jax.jit(lambda variables, *arguments: module.apply(variables, *arguments, method="render").image)
    first, second, third = (
        run(variables, encoded, driving) for driving in (motion, posed, Keypoints(posed.position + 0.3))
    )
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-4)  # two programs, which round differently
    assert np.abs(third - first).max() > 1e-2
    with pytest.raises(InputError, match="3 keypoints does not go with 4"):
        module.apply(variables, encoded, Keypoints(posed.position[:, :3]), method="render")


def test_the_head_motion_is_a_rotation_without_a_depth(verbs):
    *_, motion = verbs
    identity = np.broadcast_to(np.eye(3), (2, 3, 3))
    np.testing.assert_allclose(motion.rotation @ motion.rotation.mT, identity, atol=1e-6)
    assert (motion.translation[:, 2] == 0).all() and (motion.translation[:, :2] != 0).all()


def test_stitching_moves_points_and_then_all_together_in_the_plane():
    source, driven = keypoints(0), keypoints(1)
    variables = random_variables(CORRECTOR.init, source, driven)
    layers = variables["params"]["stitch_network"]
    layers = {"layer0": layers["layer0"], "layer1": jax.tree.map(jnp.zeros_like, layers["layer1"])}
    change = np.random.default_rng(2).uniform(-1, 1, 14).astype(np.float32)
    layers["layer1"]["bias"] = jnp.asarray(change)  # whatever goes in, this comes out
    stitched = CORRECTOR.apply({"params": {"stitch_network": layers}}, source, driven, method="stitch")
    expected = driven + change[:12].reshape(4, 3) + np.array([*change[12:], 0])
    np.testing.assert_allclose(stitched, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("method", "numbers"), [("open_eyes", 3), ("open_lips", 2)])
def test_retargeting_depends_on_source_and_openness(method, numbers):
    source = keypoints(0)
    variables = random_variables(CORRECTOR.init, source, source)

    def opened(source, openness):
        return CORRECTOR.apply(variables, source, jnp.full((2, numbers), openness, jnp.float32), method=method)

    assert opened(source, 0.2).shape == (2, 4, 3)
    assert np.abs(opened(source, 0.2) - opened(source, 0.4)).max() > 1e-4
    assert np.abs(opened(source, 0.2) - opened(keypoints(3), 0.2)).max() > 1e-4
