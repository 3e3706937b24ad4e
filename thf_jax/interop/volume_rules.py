"""How the parts that face vid2vid and LivePortrait share are named in their checkpoints.

`ours` is the path of the part, `theirs` torch's name of it with the dot that follows, or nothing where the part is a
checkpoint of its own.
"""

from thf_jax.interop.state_dict import Rules, hourglass_rules


def appearance_rules(ours: str, theirs: str) -> Rules:
    """Of an `AppearanceEncoder`."""
    return [
        (rf"{ours}/first/(conv|norm)", rf"{theirs}first.\1"),
        (rf"{ours}/down_(\d+)/(conv|norm)", rf"{theirs}down_blocks.\1.\2"),
        (rf"{ours}/lift", rf"{theirs}second"),
        (rf"{ours}/residual_(\d+)/(conv[12]|norm[12])", rf"{theirs}resblocks_3d.3dr\1.\2"),
    ]


def dense_motion_rules(ours: str, theirs: str) -> Rules:
    """Of a `DenseMotion3D`."""
    return [
        *hourglass_rules(f"{ours}/hourglass", f"{theirs}hourglass"),
        (rf"{ours}/last/(conv|norm)", rf"{theirs}hourglass.decoder.\1"),
        (rf"{ours}/masks", rf"{theirs}mask"),
        (rf"{ours}/visibility", rf"{theirs}occlusion"),
        (rf"{ours}/(compress|norm)", rf"{theirs}\1"),
    ]


def flattening_rules(ours: str, theirs: str) -> Rules:
    """Of the layers of a `VolumeGenerator` that make a map of the warped volume."""
    return [
        (rf"{ours}/flatten", rf"{theirs}third.conv"),
        (rf"{ours}/flatten_norm", rf"{theirs}third.norm"),
        (rf"{ours}/mix", rf"{theirs}fourth"),
    ]


def spade_rules(ours: str, theirs: str, *, last: str = "conv_img") -> Rules:
    """Of the other layers of a `VolumeGenerator` with SPADE; `last` is torch's name of the last one."""
    block = rf"{ours}/(middle|up)_(\d+)"
    rules = [
        (rf"{block}/conv([01])", rf"{theirs}\1_\2.conv_\3"),
        (rf"{block}/norm([01])/shared", rf"{theirs}\1_\2.norm_\3.mlp_shared.0"),
        (rf"{block}/norm([01])/(gamma|beta)", rf"{theirs}\1_\2.norm_\3.mlp_\4"),
        (rf"{block}/shortcut", rf"{theirs}\1_\2.conv_s"),
        (rf"{block}/shortcut_norm/shared", rf"{theirs}\1_\2.norm_s.mlp_shared.0"),
        (rf"{block}/shortcut_norm/(gamma|beta)", rf"{theirs}\1_\2.norm_s.mlp_\3"),
    ]
    named = [
        (pattern.replace("(middle|up)", f"({kind})"), template.replace(r"\1", name))
        for kind, name in (("middle", "G_middle"), ("up", "up"))
        for pattern, template in rules
    ]
    return [*named, (f"{ours}/first", f"{theirs}fc"), (f"{ours}/final", f"{theirs}{last}")]
