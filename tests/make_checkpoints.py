"""Writes the checkpoint fixtures: random weights under FOMM's names, in both of torch's file layouts.

Run once, with torch: `python tests/make_checkpoints.py`. The tests themselves need no torch. What the files should be
read as is kept beside them in an .npz. The numbers come from a seeded generator: a second run changes nothing but the
legacy file's storage keys, which are memory addresses.
"""

from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch

FOLDER = Path(__file__).parent / "fixtures"
KEYPOINTS, WIDTH, MOST, BLOCKS = 3, 4, 8, 2
CONFIGURATION = f"""\
dataset_params:
  root_dir: data/tiny
  frame_shape: [64, 64, 3]
model_params:
  common_params: {{num_kp: {KEYPOINTS}, num_channels: 3, estimate_jacobian: True}}
  kp_detector_params:
    temperature: 0.1
    block_expansion: {WIDTH}
    max_features: {MOST}
    scale_factor: 0.25
    num_blocks: {BLOCKS}
  generator_params:
    block_expansion: {WIDTH}
    max_features: {MOST}
    num_down_blocks: 1
    num_bottleneck_blocks: 1
    estimate_occlusion_map: True
    dense_motion_params: {{block_expansion: {WIDTH}, max_features: {MOST}, num_blocks: {BLOCKS}, scale_factor: 0.25}}
  discriminator_params: {{scales: [1], block_expansion: {WIDTH}, max_features: {MOST}, num_blocks: {BLOCKS}, sn: True}}
train_params:
  num_epochs: 100
"""

random = np.random.default_rng(20190911)


def normal(*shape: int, scale: float = 1.0) -> torch.Tensor:
    return torch.from_numpy((scale * random.standard_normal(shape)).astype(np.float32))


def conv(name: str, inputs: int, outputs: int, size: int) -> OrderedDict:
    weight = normal(outputs, inputs, size, size, scale=(inputs * size**2) ** -0.5)
    return OrderedDict({f"{name}.weight": weight, f"{name}.bias": normal(outputs, scale=0.1)})


def norm(name: str, channels: int) -> OrderedDict:
    return OrderedDict(
        {
            f"{name}.weight": 1 + normal(channels, scale=0.1),
            f"{name}.bias": normal(channels, scale=0.1),
            f"{name}.running_mean": normal(channels, scale=0.1),
            f"{name}.running_var": 1 + normal(channels, scale=0.1) ** 2,
            f"{name}.num_batches_tracked": torch.tensor(7),
        }
    )


def block(name: str, inputs: int, outputs: int, size: int = 3) -> OrderedDict:
    return conv(f"{name}.conv", inputs, outputs, size) | norm(f"{name}.norm", outputs)


def widths(count: int) -> list[int]:
    return [min(MOST, WIDTH * 2**index) for index in range(count + 1)]


def hourglass(name: str, inputs: int) -> OrderedDict:
    sizes, tensors = widths(BLOCKS), OrderedDict()
    for index in range(BLOCKS):
        tensors |= block(f"{name}.encoder.down_blocks.{index}", sizes[index] if index else inputs, sizes[index + 1])
    for index in range(BLOCKS):
        depth = BLOCKS - index
        doubled = 1 if index == 0 else 2
        tensors |= block(f"{name}.decoder.up_blocks.{index}", doubled * sizes[depth], sizes[depth - 1])
    return tensors


def antialias(name: str) -> OrderedDict:
    """The filter of scale 0.25: a Gaussian of deviation 1.5 on 13 x 13 pixels."""
    distance = torch.arange(13.0) - 6
    line = torch.exp(-(distance**2) / (2 * 1.5**2))
    square = torch.outer(line, line)
    return OrderedDict({f"{name}.weight": (square / square.sum()).expand(3, 1, 13, 13).contiguous()})


def detector() -> OrderedDict:
    features = WIDTH + 3
    heads = conv("kp", features, KEYPOINTS, 7) | conv("jacobian", features, 4 * KEYPOINTS, 7)
    return hourglass("predictor", 3) | heads | antialias("down")


def generator() -> OrderedDict:
    motion, smallest = "dense_motion_network", min(MOST, 2 * WIDTH)
    inputs, tensors = 4 * (KEYPOINTS + 1), OrderedDict()
    tensors |= hourglass(f"{motion}.hourglass", inputs)
    tensors |= conv(f"{motion}.mask", WIDTH + inputs, KEYPOINTS + 1, 7)
    tensors |= conv(f"{motion}.occlusion", WIDTH + inputs, 1, 7)
    tensors |= antialias(f"{motion}.down")
    tensors |= block("first", 3, WIDTH, 7) | block("down_blocks.0", WIDTH, smallest)
    tensors |= block("up_blocks.0", smallest, WIDTH)
    for index in ("1", "2"):
        tensors |= conv(f"bottleneck.r0.conv{index}", smallest, smallest, 3)
        tensors |= norm(f"bottleneck.r0.norm{index}", smallest)
    return tensors | conv("final", WIDTH, 3, 7)


def spectral(name: str, inputs: int, outputs: int, size: int) -> OrderedDict:
    tensors = conv(name, inputs, outputs, size)
    return OrderedDict(
        {
            f"{name}.bias": tensors[f"{name}.bias"],
            f"{name}.weight_orig": tensors[f"{name}.weight"],
            f"{name}.weight_u": torch.nn.functional.normalize(normal(outputs), dim=0),
            f"{name}.weight_v": torch.nn.functional.normalize(normal(inputs * size**2), dim=0),
        }
    )


def discriminator() -> OrderedDict:
    tensors, inputs = OrderedDict(), 3
    for index, outputs in enumerate(widths(BLOCKS)[1:]):
        tensors |= spectral(f"discs.1.down_blocks.{index}.conv", inputs, outputs, 4)
        if index:
            tensors[f"discs.1.down_blocks.{index}.norm.weight"] = 1 + normal(outputs, scale=0.1)
            tensors[f"discs.1.down_blocks.{index}.norm.bias"] = normal(outputs, scale=0.1)
        inputs = outputs
    return tensors | spectral("discs.1.conv", inputs, 1, 1)


def adam(tensors: OrderedDict, names: list[str], rate: object) -> dict:
    """An optimiser's state, of a few parameters only: the readers must pass over it, and the file stays small."""
    state = {
        index: {
            "step": torch.tensor(12.0),
            "exp_avg": normal(*tensors[name].shape),
            "exp_avg_sq": normal(*tensors[name].shape),
        }
        for index, name in enumerate(names)
    }
    group = {"lr": rate, "betas": (0.5, 0.999), "eps": 1e-8, "weight_decay": 0, "params": list(range(len(names)))}
    return {"state": state, "param_groups": [group]}


def make_awkward(tensors: OrderedDict) -> None:
    """Gives some tensors what real files have: other precisions, strides, offsets and storages in common."""
    for name in [name for name in tensors if "_blocks.0.conv.weight" in name]:
        tensors[name] = tensors[name].half()
    for name in [name for name in tensors if "_blocks.1.conv.weight" in name or name.endswith("mask.weight")]:
        tensors[name] = tensors[name].bfloat16()
    for name in [name for name in tensors if name.endswith("_blocks.0.norm.weight")]:
        tensors[name] = tensors[name].double()
    for name in ("kp.weight", "first.conv.weight"):
        if name in tensors:  # the same numbers, channels last in memory
            tensors[name] = tensors[name].contiguous(memory_format=torch.channels_last)
    if "final.weight" in tensors:  # every second one of a larger tensor, its axes exchanged, from an offset
        larger = torch.zeros(49, 4, 7)
        larger[:, :, 1::2] = tensors["final.weight"].reshape(3, 4, 49).permute(2, 1, 0)
        tensors["final.weight"] = larger[:, :, 1::2].permute(2, 1, 0).unflatten(2, (7, 7))
    biases = [name for name in tensors if name.endswith(".bias")]
    shared = torch.cat([tensors[name] for name in biases])
    for name, part in zip(biases, shared.split([len(tensors[name]) for name in biases]), strict=True):
        tensors[name] = part


def main() -> None:
    networks = {"generator": generator(), "discriminator": discriminator(), "kp_detector": detector()}
    make_awkward(networks["generator"])
    make_awkward(networks["kp_detector"])
    checkpoint: dict = dict(networks)
    checkpoint["optimizer_generator"] = adam(networks["generator"], ["first.conv.bias", "final.bias"], 2e-4)
    checkpoint["optimizer_kp_detector"] = adam(networks["kp_detector"], ["kp.bias"], np.float64(2e-4))
    checkpoint["epoch"] = 99
    # torch asks this function where a storage lives; the machines that train have other answers than this one.
    devices = ("cuda:0", "cpu", "cuda:3", "mps")
    torch.serialization.location_tag = lambda storage: devices[storage.nbytes() // 4 % 4]
    FOLDER.mkdir(exist_ok=True)
    torch.save(checkpoint, FOLDER / "fomm_zip.pth.tar")
    torch.save(checkpoint, FOLDER / "fomm_legacy.pth.tar", _use_new_zipfile_serialization=False)
    expected = {}
    for network, tensors in networks.items():
        for name, tensor in tensors.items():
            exact = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
            expected[f"{network}/{name}/{str(tensor.dtype).removeprefix('torch.')}"] = exact.numpy()
    np.savez_compressed(FOLDER / "fomm_expected.npz", **expected)
    (FOLDER / "fomm.yaml").write_text(CONFIGURATION)


if __name__ == "__main__":
    main()
