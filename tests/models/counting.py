"""The parameters of the published architectures, counted by hand from a configuration's settings."""

import itertools
from typing import Any


def convolution(size: int, inputs: int, outputs: int) -> int:
    return size**2 * inputs * outputs + outputs


def encoder(width: int, depth: int, most: int, channels: int) -> int:
    """Convolution and batch norm (two numbers a channel) of every block."""
    sizes = [channels, *(min(most, width * 2 ** (i + 1)) for i in range(depth))]
    return sum(convolution(3, inputs, outputs) + 2 * outputs for inputs, outputs in itertools.pairwise(sizes))


def decoder(width: int, depth: int, most: int, beside: int = 0) -> int:
    """The same; `beside` channels stand beside every map that the encoder hands over."""
    sizes = [min(most, width * 2 ** (i + 1)) for i in range(depth)]
    inputs = [(sizes[i] if i == depth - 1 else 2 * sizes[i]) + beside for i in range(depth)]
    return sum(convolution(3, inputs[i], out) + 2 * out for i, out in enumerate([width, *sizes[:-1]]))


def hourglass(part: Any, channels: int) -> int:
    shape = part["width"], part["depth"], part["most"]
    return encoder(*shape, channels) + decoder(*shape)


def detector(part: Any) -> int:
    jacobians = {None: 0, "principal_axes": 0, "each": 4 * part["count"], "shared": 4}[part["jacobians"]]
    features = part["width"] + 3
    heads = convolution(part["head"], features, part["count"])
    return hourglass(part, 3) + heads + (convolution(part["head"], features, jacobians) if jacobians else 0)


def dense_motion(part: Any, keypoints: int) -> int:
    motions = keypoints + 1
    features = part["width"] + 4 * motions
    groups = part["group_blocks"] * (4 * 4 * motions + 4 * motions + 2 * 4 * motions)
    masks = convolution(part["head"], features, motions + 2 * part["correction"])
    visibility = part["visibility"] * convolution(part["head"], features, 1)
    return hourglass(part, 4 * motions) + groups + masks + visibility


def residual_blocks(count: int, channels: int) -> int:
    return count * 2 * (convolution(3, channels, channels) + 2 * channels)


def generator(part: Any) -> int:
    """FOMM's and MRAA's."""
    sizes = [min(part["most"], part["width"] * 2**i) for i in range(part["down_blocks"] + 1)]
    steps = list(itertools.pairwise(sizes))
    blocks = sum(convolution(3, a, b) + 2 * b + convolution(3, b, a) + 2 * a for a, b in steps)
    ends = convolution(7, 3, sizes[0]) + 2 * sizes[0] + convolution(7, sizes[0], 3)
    return blocks + residual_blocks(part["residual_blocks"], sizes[-1]) + ends


def deforming_generator(part: Any, keypoints: int) -> int:
    """Monkey-Net's."""
    shape = part["width"], part["depth"], part["most"]
    channels = part["width"] + 3 + keypoints
    refinement = residual_blocks(part["refinement_blocks"], channels) + convolution(1, channels, 3)
    return encoder(*shape, 3) + decoder(*shape, beside=keypoints) + refinement


def perceptron(*sizes: int) -> int:
    layers = sum(inputs * outputs + outputs for inputs, outputs in itertools.pairwise(sizes))
    return layers + sum(2 * width for width in sizes[1:-1])


def avd(part: Any, keypoints: int) -> int:
    encoders = (perceptron(6 * keypoints, 256, 512, 1024, part[name]) for name in ("identity", "pose"))
    return sum(encoders) + perceptron(part["identity"] + part["pose"], 1024, 512, 256, 6 * keypoints)


def background(part: Any) -> int:
    smallest = min(part["most"], part["width"] * 2 ** part["depth"])
    entries = {"shift": 2, "affine": 6, "perspective": 8}[part["kind"]]
    return encoder(part["width"], part["depth"], part["most"], 6) + smallest * entries + entries


def by_hand(system: str, model: Any) -> dict[str, int]:
    """The parameters of each part."""
    keypoints = model["detector"]["count"]
    count = {
        "detector": detector(model["detector"]),
        "dense_motion": dense_motion(model["dense_motion"], keypoints),
        "generator": deforming_generator(model["generator"], keypoints)
        if system == "monkey_net"
        else generator(model["generator"]),
    }
    if system == "mraa" and model["background"] is not None:
        count["background"] = background(model["background"])
    if system == "mraa" and model["avd"] is not None:
        count["avd"] = avd(model["avd"], keypoints)
    return count
