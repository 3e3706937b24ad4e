"""Maps read as volumes and back: channels are split into depth and what is left of them."""

from jaxtyping import Array, Float

from thf_jax.errors import InputError


def to_volume(x: Float[Array, "b h w n"], depth: int) -> Float[Array, "b depth h w n//depth"]:
    """The map's channels as a volume, depth varying fastest: volume[z, ..., c] = map[..., c depth + z].

    Raises:
        InputError: the channels cannot be divided so.
    """
    b, h, w, n = x.shape
    if n % depth:
        raise InputError(f"{n} channels make no volume of a depth of {depth}; take a multiple of it")
    return x.reshape(b, h, w, n // depth, depth).transpose(0, 4, 1, 2, 3)


def to_map(volume: Float[Array, "b z h w c"]) -> Float[Array, "b h w c*z"]:
    """The volume's channels and depth as the channels of a map; the inverse of `to_volume`."""
    b, z, h, w, c = volume.shape
    return volume.transpose(0, 2, 3, 4, 1).reshape(b, h, w, c * z)
