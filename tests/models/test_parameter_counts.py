"""How many parameters every configuration has, at full size and without computing anything."""

import functools
import importlib
import json

import jax
import jax.numpy as jnp
import pytest

from tests.models.counting import by_hand
from thf_jax.models import build, published

CONFIGS = {system: importlib.import_module(f"configs.{system}") for system in ("fomm", "monkey_net", "mraa")}
NAMES = [(system, name) for system, module in CONFIGS.items() for name in ("", *module.variants(), *module.ablations())]

# Of the originals, by the names of their networks, and our parts that make up each.
PUBLISHED = {
    "fomm": {
        "kp_detector": (14_215_368, ["detector"]),
        "generator": (45_575_391, ["dense_motion", "generator"]),
    },
    "monkey_net": {
        "kp_detector": (14_132_728, ["detector"]),
        "generator": (80_629_691, ["dense_motion", "generator"]),
    },
    "mraa": {
        "region_predictor": (14_146_728, ["detector"]),
        "bg_predictor": (6_282_438, ["background"]),
        "generator": (45_575_391, ["dense_motion", "generator"]),
        "avd_network": (2_290_620, ["avd"]),
    },
}


@functools.cache
def counted(system: str, settings: str, size: int) -> dict[str, int]:
    """The parameters of each part; settings as JSON."""
    module, image = build(system, json.loads(settings)), jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    variables = jax.eval_shape(lambda x: module.init(jax.random.key(0), x, x), image)
    return {part: sum(x.size for x in jax.tree.leaves(tree)) for part, tree in variables["params"].items()}


@pytest.mark.parametrize("system", CONFIGS)
def test_the_published_counts(system):
    found = counted(system, json.dumps(published(system)), 256)
    for count, parts in PUBLISHED[system].values():
        assert sum(found.pop(part) for part in parts) == count
    assert not found


@pytest.mark.parametrize("system", CONFIGS)
def test_the_published_counts_are_those_of_the_original(reference, system):
    params = json.loads((reference / "state_dicts" / f"{system}_layers.json").read_text())["params"]
    for network, (count, _) in PUBLISHED[system].items():
        assert params[network] == count


@pytest.mark.parametrize(("system", "name"), NAMES)
def test_every_configuration_builds_with_the_parameters_that_it_should_have(system, name):
    config = CONFIGS[system].get_config(name)
    assert counted(system, json.dumps(config.model.to_dict()), config.size) == by_hand(system, config.model)


def test_monkey_net_at_other_sizes_counts_as_the_original(reference):
    params = json.loads((reference / "state_dicts" / "monkey_net_layers.json").read_text())["params"]
    for variant, prefix in {"full": "vox_full", "size64": "taichi"}.items():
        config = CONFIGS["monkey_net"].get_config(variant)
        found = counted("monkey_net", json.dumps(config.model.to_dict()), config.size)
        assert found["detector"] == params[f"{prefix}_kp_detector"]
        assert found["dense_motion"] + found["generator"] == params[f"{prefix}_generator"]


@pytest.mark.parametrize(
    ("system", "part", "change"),
    [
        ("fomm", "detector", {"jacobians": "shared"}),
        ("mraa", "background", {"kind": "shift"}),
        ("mraa", "background", {"kind": "perspective"}),
        ("mraa", "avd", {"identity": 16}),
    ],
)
def test_a_changed_part_has_the_parameters_that_it_should_have(system, part, change):
    settings = published(system)
    for name in ("detector", "dense_motion", "generator", *(["background"] if system == "mraa" else [])):
        settings[name] |= {"width": 4}
    settings[part] |= change
    assert counted(system, json.dumps(settings), 256) == by_hand(system, settings)
