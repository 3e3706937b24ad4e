"""MRAA's published networks, all names and shapes of them, as variables of this library."""

import jax
import numpy as np
import pytest

from tests.interop.samples import full_size
from thf_jax.errors import InputError
from thf_jax.interop.mraa import mraa_variables
from thf_jax.interop.shapes import variable_shapes

NETWORKS = ("region_predictor", "bg_predictor", "generator", "avd_network")


@pytest.fixture
def networks(reference) -> dict[str, dict[str, np.ndarray]]:
    return full_size(reference, "mraa", NETWORKS)


def test_the_published_networks_convert_with_nothing_left_over(networks):
    variables = mraa_variables(networks, {})
    assert jax.tree.map(np.shape, variables) == jax.tree.map(np.shape, variable_shapes("mraa", {}, 256))


def test_parts_that_the_settings_switch_off_are_left_out(networks):
    settings = {"background": None, "avd": None}
    assert set(mraa_variables(networks, settings)["params"]) == {"detector", "dense_motion", "generator"}
    # Published files of the first stage have no AVD network.
    del networks["avd_network"]
    assert set(mraa_variables(networks, {"avd": None})["params"]) == {
        "detector",
        "dense_motion",
        "generator",
        "background",
    }
    with pytest.raises(InputError, match=r"no MRAA checkpoint: it needs .*avd_network"):
        mraa_variables(networks, {})


def test_dense_layers_are_transposed_and_numbered_as_torch_numbers_them(networks):
    """A layer, its batch norm and its ReLU stand in one list: the second layer is its number 3."""
    weight = np.arange(512 * 256, dtype=np.float32).reshape(512, 256)
    networks["avd_network"]["id_encoder.3.weight"] = weight
    networks["avd_network"]["id_encoder.4.running_mean"] = weight[:, 0]
    variables = mraa_variables(networks, {})
    np.testing.assert_array_equal(variables["params"]["avd"]["identity_encoder"]["layer1"]["kernel"], weight.T)
    mean = variables["batch_stats"]["avd"]["identity_encoder"]["norm1"]["mean"]
    np.testing.assert_array_equal(mean, weight[:, 0])


def test_networks_of_another_name_or_shape_are_refused(networks):
    with pytest.raises(InputError, match=r"bg_predictor\.fc\.weight is 6x1024, not 2x1024"):
        mraa_variables(networks, {"background": {"kind": "shift"}})
    with pytest.raises(InputError, match=r"region_predictor\.regions\.weight is 10x35x7x7, not 10x35x5x5"):
        mraa_variables(networks, {"detector": {"head": 5}})
    networks["region_predictor"]["region.weight"] = networks["region_predictor"].pop("regions.weight")
    with pytest.raises(InputError, match=r"lacks region_predictor\.regions\.weight 10x35x7x7; it has .*region\.weight"):
        mraa_variables(networks, {})


def test_another_antialias_filter_is_refused(networks):
    networks["region_predictor"]["down.weight"] = np.full((3, 1, 13, 13), 1 / 169, np.float32)
    with pytest.raises(InputError, match=r"region_predictor\.down\.weight"):
        mraa_variables(networks, {})
