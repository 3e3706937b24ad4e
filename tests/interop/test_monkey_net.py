"""Monkey-Net's published networks, all names and shapes of them, as variables of this library."""

import jax
import numpy as np
import pytest

from configs.monkey_net import get_config
from tests.interop.samples import full_size
from thf_jax.errors import InputError
from thf_jax.interop.monkey_net import discriminator_variables, monkey_net_variables
from thf_jax.interop.shapes import variable_shapes

NETWORKS = ("kp_detector", "generator", "discriminator")


@pytest.mark.parametrize(("variant", "prefix"), [("", ""), ("full", "vox_full_"), ("size64", "taichi_")])
def test_the_published_networks_convert_with_nothing_left_over(reference, variant, prefix):
    networks, config = full_size(reference, "monkey_net", NETWORKS, prefix), get_config(variant)
    settings = config.model.to_dict()
    variables = monkey_net_variables(networks, settings, size=config.size)
    shapes = variable_shapes("monkey_net", settings, config.size)
    assert jax.tree.map(np.shape, variables) == jax.tree.map(np.shape, shapes)
    fields = {name: config.discriminator[name] for name in ("width", "depth", "most", "spectral_norm", "pool_last")}
    judge = discriminator_variables(networks, fields, keypoints=config.model.detector.count)
    assert set(judge) == {"params"}
    assert sum(x.size for x in jax.tree.leaves(judge)) == 1_719_489


def test_the_prediction_network_is_left_out(reference):
    networks = full_size(reference, "monkey_net", (*NETWORKS, "prediction"))
    assert set(monkey_net_variables(networks, {})["params"]) == {"detector", "dense_motion", "generator"}


def test_networks_of_another_name_or_shape_are_refused(reference):
    networks = full_size(reference, "monkey_net", NETWORKS)
    with pytest.raises(InputError, match=r"kp_detector\.predictor\.decoder\.conv\.weight is 10x35x3x3, not 10x19x3x3"):
        monkey_net_variables(networks, {"detector": {"width": 16}})
    refinement = networks["generator"]
    refinement["refinement_module.conv_last.weight"] = refinement.pop("refinement_module.conv-last.weight")
    with pytest.raises(InputError, match=r"lacks .*conv-last\.weight 3x45x1x1; it has .*conv_last\.weight"):
        monkey_net_variables(networks, {})
    with pytest.raises(InputError, match=r"conv0?\.weight is 64x13x4x4, not 64x8x4x4"):
        discriminator_variables(networks, {"most": 256, "pool_last": True}, keypoints=5)
    del networks["discriminator"]
    with pytest.raises(InputError, match="no Monkey-Net checkpoint: it needs discriminator"):
        discriminator_variables(networks, {"most": 256, "pool_last": True}, keypoints=10)


def test_the_checkpoint_of_another_system_is_named(reference):
    with pytest.raises(InputError, match="it looks like a checkpoint of MRAA"):
        monkey_net_variables(full_size(reference, "mraa", ("region_predictor", "generator")), {})
