"""The step as a program: lowered for what is not here, and what is read from its text."""

import importlib

import jax
import pytest

from tests.training.samples import tiny
from thf_jax.training.programs import COLLECTIVES, abstract_mesh, collective_bytes, collective_shapes, traced_step

PUBLISHED = [
    *(("fomm", ""), ("fomm", "adversarial"), ("monkey_net", ""), ("mraa", ""), ("mraa", "avd"), ("face_vid2vid", "")),
    *(("x2face", ""), ("x2face", "identity")),
]
TEXT = """
%all-reduce.1 = (f32[3,3,4]{2,1,0}, f32[], /*index=2*/bf16[8]{0}) all-reduce(%a, %b, %c), to_apply=%add
%all-reduce-start = f32[5]{0} all-reduce-start(%d), to_apply=%add
%all-reduce-done = f32[5]{0} all-reduce-done(%all-reduce-start)
ROOT %all-gather.2 = u8[16,2]{1,0} all-gather(%e), dimensions={0}
%fusion = f32[7]{0} fusion(%all-reduce.1), kind=kLoop, calls=%all-reduce_computation
"""


def test_collectives_are_counted_in_a_programs_text():
    shapes = collective_shapes(TEXT)
    assert shapes["all-reduce"] == [("f32", (3, 3, 4)), ("f32", ()), ("bf16", (8,)), ("f32", (5,))]
    assert shapes["all-gather"] == [("u8", (16, 2))]
    expected = dict.fromkeys(COLLECTIVES, 0) | {"all-reduce": 4 * 36 + 4 + 2 * 8 + 4 * 5, "all-gather": 32}
    assert collective_bytes(TEXT) == expected


def partitions(text):
    """For how many devices a lowered program is, and whether its batch is split among them."""
    head = next(line for line in text.splitlines() if line.startswith("module @"))
    return int(head.partition("mhlo.num_partitions = ")[2].partition(" ")[0]), '[{"data"}' in text


@pytest.fixture(scope="module")
def traced():
    with jax.numpy_dtype_promotion("standard"):
        return traced_step(tiny("fomm"), abstract_mesh(8))


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_the_step_of_fomm_is_lowered_for_platforms_that_are_not_here(traced, platform):
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    assert partitions(text) == (8, True)
    assert "stablehlo.convolution" in text


@pytest.mark.thorough
@pytest.mark.parametrize("devices", [8, 256])
@pytest.mark.parametrize(("system", "variant"), PUBLISHED)
def test_published_steps_are_lowered_for_pods(system, variant, devices):
    config = importlib.import_module(f"configs.{system}").get_config(variant)
    config.train.batch_size = devices
    traced = traced_step(config, abstract_mesh(devices))
    for platform in ("cuda", "tpu"):
        assert partitions(traced.lower(lowering_platforms=(platform,)).as_text()) == (devices, True)
