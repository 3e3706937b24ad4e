"""X2Face's parts by hand: embedding several sources, the flows, and the warp that leads on to the first source."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.inference.samples import X2FACE_SIZE, pictures, tiny_x2face
from tests.ops import loops
from thf_jax.errors import InputError
from thf_jax.models.x2face import X2Face
from thf_jax.nn.unet import UNet
from thf_jax.ops.sampling import pixel_grid
from thf_jax.types import DrivingCode, EmbeddedFace

SIZE = X2FACE_SIZE
WIDTHS = {"width": 4, "depth": 3, "most": 8}
SOURCES = jnp.asarray(pictures(3, height=SIZE, width=SIZE) / np.float32(255))[None]
DRIVING = jnp.asarray(pictures(1, height=SIZE, width=SIZE, seed=1) / np.float32(255))
GRID = np.asarray(pixel_grid((SIZE, SIZE)))


@functools.partial(jax.jit, static_argnames=("module", "verb"))
def apply(variables, *values, module, verb):
    return module.apply(variables, *values, method=verb)


class Whole:
    """A system, its variables and its verbs, compiled."""

    def __init__(self, module, variables):
        self.module, self.variables = module, jax.tree.map(jnp.asarray, variables)
        self.encode, self.motion, self.render = (
            functools.partial(apply, self.variables, module=module, verb=verb)
            for verb in ("encode", "motion", "render")
        )


@pytest.fixture(scope="module")
def whole() -> Whole:
    animator = tiny_x2face()
    return Whole(animator.module, animator.variables)


@pytest.fixture(scope="module")
def plain(whole) -> Whole:
    driving = {collection: {"driving": tree["driving"]} for collection, tree in whole.variables.items()}
    return Whole(X2Face(whole.module.driving), driving)


@functools.partial(jax.jit, static_argnums=(1, 2))
def unet(variables, part: str, module: UNet, x: jax.Array) -> jax.Array:
    """The map of a part's network."""
    return module.apply({collection: tree[part]["unet"] for collection, tree in variables.items()}, x)


def driving_grid(variables) -> np.ndarray:
    flow = np.asarray(unet(variables, "driving", UNet(2, 6, False, **WIDTHS), DRIVING)[0])
    return GRID + np.tanh(np.tanh(flow))


def test_the_embedded_face_is_the_mean_of_laid_out_sources_by_confidence(whole):
    maps = np.asarray(unet(whole.variables, "embedding", UNet(3, 8, True, **WIDTHS), SOURCES[0]))
    grids = GRID + np.tanh(maps[..., :2])
    weights = np.exp(maps[..., 2:]) + 0.1
    laid_out = [loops.sample(np.asarray(source), grid) for source, grid in zip(SOURCES[0], grids, strict=True)]
    encoded = whole.encode(SOURCES)
    assert weights.std() > 1e-3
    np.testing.assert_allclose(encoded.image[0], np.sum(weights * laid_out, 0) / np.sum(weights, 0), atol=1e-5)
    np.testing.assert_allclose(encoded.unwrap[0], grids[0], atol=1e-5)
    np.testing.assert_array_equal(encoded.source, SOURCES[:, 0])
    np.testing.assert_allclose(encoded.motion.code, whole.motion(SOURCES[:, 0]).code, atol=1e-5)


def test_a_confidence_without_bounds_decides_alone(whole):
    """exp of it would be infinite, and the face not a number."""
    sure = jax.tree.map(lambda x: x, whole.variables)
    last = sure["params"]["embedding"]["unet"]["up_0"]["conv"]
    last["kernel"] = last["kernel"].at[..., 2].multiply(1e5)
    assert np.abs(unet(sure, "embedding", UNet(3, 8, True, **WIDTHS), SOURCES[0])[..., 2]).max() > 1000
    encoded = Whole(whole.module, sure).encode(SOURCES)
    assert np.isfinite(encoded.image).all()


def test_one_source_and_the_same_one_thrice_give_one_face(whole):
    one, thrice = whole.encode(SOURCES[:, 0]), whole.encode(jnp.stack([SOURCES[:, 0]] * 3, 1))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), one, thrice)


def test_rendering_samples_the_embedded_face_by_the_flow_that_is_squashed_twice(whole):
    encoded, motion = whole.encode(SOURCES), whole.motion(DRIVING)
    grid = driving_grid(whole.variables)
    assert np.abs(grid - GRID).max() > 0.1
    rendering = whole.render(encoded, motion)
    np.testing.assert_allclose(rendering.image[0], loops.sample(np.asarray(encoded.image[0]), grid), atol=1e-5)
    composed = loops.sample(np.asarray(encoded.unwrap[0]), grid, padding="edge")
    np.testing.assert_allclose(rendering.warp.grid[0], composed, atol=1e-5)
    by_grid = loops.sample(np.asarray(encoded.source[0]), np.asarray(rendering.warp.grid[0]))
    np.testing.assert_allclose(rendering.warp.deformed[0], by_grid, atol=1e-5)
    assert rendering.warp.masks is rendering.warp.candidates is rendering.warp.visibility is None


def test_what_is_negative_in_a_code_counts_as_zero(whole):
    encoded = whole.encode(SOURCES)
    code = np.asarray(whole.motion(DRIVING).code)
    code = np.where(np.arange(6) % 2, np.abs(code) + 0.1, -np.abs(code) - 0.1).astype(np.float32)
    first, second = (whole.render(encoded, DrivingCode(jnp.asarray(x))) for x in (code, np.maximum(code, 0)))
    np.testing.assert_array_equal(first.image, second.image)
    other = whole.render(encoded, DrivingCode(jnp.asarray(np.abs(code))))
    assert np.abs(other.image - first.image).max() > 1e-4


def test_flows_stay_within_the_published_bounds():
    animator = tiny_x2face()
    large = Whole(animator.module, jax.tree.map(lambda x: 1e3 * np.abs(x), animator.variables))
    unwrap = large.encode(SOURCES).unwrap
    face = EmbeddedFace(SOURCES[:, 0], SOURCES[:, 0], None, None)
    grid = large.render(face, DrivingCode(jnp.full((1, 6), 1e3, jnp.float32))).warp.grid
    assert np.abs(grid - GRID).max() == pytest.approx(np.tanh(1), abs=1e-5)
    assert np.abs(unwrap - GRID).max() == pytest.approx(1, abs=1e-5)


def test_without_embedding_the_sources_own_mean_is_sampled(plain):
    names = jax.eval_shape(plain.module.init, jax.random.key(0), SOURCES, DRIVING)["params"]
    assert set(names) == {"driving"}
    encoded = plain.encode(SOURCES[:, :1])
    assert encoded.unwrap is None
    np.testing.assert_array_equal(encoded.image, SOURCES[:, 0])
    rendering = plain.render(encoded, encoded.motion)
    np.testing.assert_array_equal(rendering.image, rendering.warp.deformed)
    by_grid = loops.sample(np.asarray(SOURCES[0, 0]), np.asarray(rendering.warp.grid[0]))
    np.testing.assert_allclose(rendering.image[0], by_grid, atol=1e-5)
    several = plain.module.apply(plain.variables, SOURCES, train=True, method="encode")
    np.testing.assert_allclose(several.image, SOURCES.mean(1), atol=1e-6)


def test_what_is_painted_on_the_embedded_face_moves_with_it(whole):
    encoded, motion = whole.encode(SOURCES), whole.motion(DRIVING)
    patch = np.array(encoded.image)
    patch[:, 5:11, 4:12] = [1, 0, 0]
    painted = dataclasses.replace(encoded, image=jnp.asarray(patch))
    before, after = whole.render(encoded, motion), whole.render(painted, motion)
    grid = driving_grid(whole.variables)
    np.testing.assert_allclose(after.image[0], loops.sample(patch[0], grid), atol=1e-5)
    assert np.abs(after.image - before.image).max() > 0.1
    np.testing.assert_array_equal(after.warp.grid, before.warp.grid)


def test_in_training_the_driving_networks_statistics_are_of_driving_frames_alone(whole):
    @jax.jit
    def statistics(sources):
        run = whole.module.apply(whole.variables, sources, DRIVING, train=True, mutable="batch_stats")
        return run[1]["batch_stats"]

    first, second = statistics(SOURCES), statistics(SOURCES[:, ::-1] ** 2)
    jax.tree.map(np.testing.assert_array_equal, first["driving"], second["driving"])
    means = [found["embedding"]["unet"]["up_1"]["norm"]["mean"] for found in (first, second)]
    assert np.abs(means[0] - means[1]).max() > 1e-4
    encode = functools.partial(whole.module.apply, train=True, method="encode", mutable="batch_stats")
    assert jax.eval_shape(encode, whole.variables, SOURCES)[0].motion is None


def test_pictures_of_another_size_than_the_depth_asks_for_are_refused(whole):
    def shapes(source: int, driving: int):
        inputs = [jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32) for size in (source, driving)]
        return jax.eval_shape(whole.module.init, jax.random.key(0), *inputs)

    with pytest.raises(InputError, match="depth 3 takes pictures of 8 x 8, not 16 x 16"):
        shapes(16, 16)
    with pytest.raises(InputError, match="multiples of 8, not 12 x 12"):
        shapes(12, 8)
