"""Scenes drawn at random: the same numbers always give the same person before the same wall."""

import numpy as np

from data_pipelines.moving_heads.scene import Background, Ellipsoid, Face, Hair, Looks, Part, Scene

# From light to dark, so that hair and eyes can be drawn to suit the skin.
SKINS = (
    (0.98, 0.83, 0.72),
    (0.94, 0.74, 0.60),
    (0.86, 0.63, 0.47),
    (0.72, 0.49, 0.34),
    (0.52, 0.34, 0.24),
    (0.37, 0.24, 0.18),
)
HAIRS = (
    (0.62, 0.61, 0.62),
    (0.09, 0.07, 0.07),
    (0.17, 0.10, 0.07),
    (0.30, 0.18, 0.10),
    (0.56, 0.36, 0.17),
    (0.85, 0.66, 0.36),
    (0.62, 0.24, 0.12),
)
IRISES = ((0.30, 0.18, 0.10), (0.42, 0.28, 0.13), (0.25, 0.45, 0.30), (0.22, 0.42, 0.62), (0.40, 0.47, 0.52))
LIPS = ((0.78, 0.32, 0.33), (0.70, 0.22, 0.28), (0.72, 0.36, 0.32))


def draw_scene(seed: int, identity: int) -> Scene:
    """The scene of identity number `identity` of the collection `seed`."""
    rng = np.random.default_rng([seed, identity, 0])
    width, height = rng.uniform(0.90, 1.08), rng.uniform(0.95, 1.06)
    return Scene(
        solids=_draw_solids(rng, width, height),
        face=_draw_face(rng, width),
        hair=_draw_hair(rng, width),
        looks=_draw_looks(rng),
        background=_draw_background(rng),
    )


def _draw_solids(rng: np.random.Generator, width: float, height: float) -> dict[Part, Ellipsoid]:
    chin = rng.uniform(0.94, 1.05)
    jaw_width = rng.uniform(0.74, 0.90)
    nose = rng.uniform(0.85, 1.2, size=3)
    head_width = 0.43 * width
    skin_and_clothes = {
        Part.CRANIUM: _ellipsoid((0, -0.11, 0), (head_width, 0.48 * height, 0.47)),
        Part.JAW: _ellipsoid((0, 0.15, 0.06), (head_width * jaw_width, 0.39 * chin, 0.36)),
        Part.NOSE: _ellipsoid((0, 0.115, 0.45), (0.068 * nose[0], 0.062 * nose[1], 0.085 * nose[2])),
        Part.BRIDGE: _ellipsoid((0, 0.02, 0.435), (0.042 * nose[0], 0.15, 0.05 * nose[2])),
        Part.EAR_LEFT: _ellipsoid((-head_width, 0.01, -0.04), (0.055, 0.11, 0.075)),
        Part.EAR_RIGHT: _ellipsoid((head_width, 0.01, -0.04), (0.055, 0.11, 0.075)),
        Part.NECK: _ellipsoid((0, 0.62, -0.14), (0.46 * head_width, 0.52, 0.20)),
        Part.TORSO: _ellipsoid((0, 1.28, -0.20), (rng.uniform(0.78, 0.95), rng.uniform(0.60, 0.68), 0.40)),
    }
    return skin_and_clothes | _draw_hair_solids(rng, head_width, height)


def _draw_hair_solids(rng: np.random.Generator, head_width: float, height: float) -> dict[Part, Ellipsoid]:
    solids = {}
    style = rng.choice(["bald", "short", "short", "short", "round", "long", "long", "bob", "bun"])
    volume = rng.uniform(1.03, 1.16) + (0.14 if style == "round" else 0)
    if style != "bald":
        radii = (head_width * (volume + 0.03), 0.50 * height * volume, 0.50 * volume)
        solids[Part.CAP] = _ellipsoid((0, -0.13, -0.03), radii)
    if style == "long":
        radii = (head_width * rng.uniform(1.05, 1.2), rng.uniform(0.62, 0.80), 0.22)
        solids[Part.LOCKS] = _ellipsoid((0, 0.22, -0.25), radii)
    if style == "bob":
        radii = (head_width * rng.uniform(1.15, 1.28), rng.uniform(0.40, 0.48), 0.26)
        solids[Part.LOCKS] = _ellipsoid((0, 0.10, -0.22), radii)
    if style == "bun":
        side = rng.uniform(0.14, 0.20)
        solids[Part.LOCKS] = _ellipsoid((0, -0.60, -0.16), (side, side * 0.9, side))
    return solids


def _ellipsoid(centre: tuple[float, ...], radii: tuple[float, ...]) -> Ellipsoid:
    return Ellipsoid(np.array(centre, np.float64), np.array(radii, np.float64))


def _draw_face(rng: np.random.Generator, width: float) -> Face:
    eye_y = rng.uniform(-0.06, -0.02)
    return Face(
        eye_x=0.172 * width,
        eye_y=eye_y,
        eye_width=rng.uniform(0.088, 0.102),
        eye_height=rng.uniform(0.058, 0.074),
        eye_slant=rng.uniform(-0.12, 0.18),
        iris=rng.uniform(0.047, 0.054),
        brow_y=eye_y - rng.uniform(0.130, 0.160),
        brow_length=rng.uniform(0.105, 0.120),
        brow_arch=rng.uniform(0.010, 0.035),
        brow_thickness=rng.uniform(0.012, 0.024),
        mouth_y=rng.uniform(0.275, 0.305),
        mouth_width=rng.uniform(0.135, 0.170),
        mouth_curve=rng.uniform(-0.010, 0.020),
        lip_upper=rng.uniform(0.022, 0.036),
        lip_lower=rng.uniform(0.032, 0.050),
    )


def _draw_hair(rng: np.random.Generator, width: float) -> Hair:
    return Hair(
        hairline_y=rng.uniform(-0.42, -0.28),
        opening=rng.uniform(0.335, 0.375) * width,
        parting=rng.uniform(-0.25, 0.25),
        wave=rng.uniform(0.01, 0.03) if rng.random() < 0.5 else 0.0,
        sideburn_y=rng.uniform(-0.16, 0.06),
        nape_y=rng.uniform(0.05, 0.22),
        strands=float(rng.integers(9, 20)),
    )


def _draw_looks(rng: np.random.Generator) -> Looks:
    tone = int(rng.integers(len(SKINS)))
    skin = np.array(SKINS[tone]) * rng.uniform(0.96, 1.03)
    hair = _blend_of(rng, HAIRS[: 4 if tone > 1 else 7]) * rng.uniform(0.9, 1.1)
    bearded = rng.random() < 0.3
    light = np.array([rng.uniform(-0.75, 0.75), rng.uniform(-0.75, -0.3), 0.8])
    return Looks(
        skin=skin,
        lips=skin * 0.45 + 0.55 * _blend_of(rng, LIPS) * (0.55 + 0.45 * skin.max()),
        iris=_blend_of(rng, IRISES[: 2 if tone > 2 else 5]),
        hair=hair,
        brow=0.75 * hair + 0.1 * skin,
        clothes=_vivid(rng),
        trim=_vivid(rng),
        beard=rng.uniform(0.35, 0.95) if bearded else 0.0,
        moustache=rng.uniform(0.3, 0.95) if bearded or rng.random() < 0.1 else 0.0,
        blush=rng.uniform(0.0, 0.5),
        freckles=rng.uniform(0.2, 0.6) if rng.random() < 0.2 else 0.0,
        neckline=rng.uniform(0.05, 0.25),
        stripes=rng.uniform(4, 9) if rng.random() < 0.4 else 0.0,
        light=light / np.linalg.norm(light),
    )


def _draw_background(rng: np.random.Generator) -> Background:
    base = _vivid(rng, saturation=(0.1, 0.5), value=(0.45, 0.9))
    return Background(
        top=np.clip(base * rng.uniform(0.95, 1.15), 0, 1),
        bottom=np.clip(base * rng.uniform(0.6, 0.95), 0, 1),
        pattern=str(rng.choice(["spots", "stripes", "waves", "plain"])),
        strength=rng.uniform(0.04, 0.14),
        frequency=rng.uniform(2.0, 5.0),
        angle=rng.uniform(0, np.pi),
        phase=(rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi)),
    )


def _blend_of(rng: np.random.Generator, palette: tuple[tuple[float, ...], ...]) -> np.ndarray:
    first, second = (np.array(palette[i]) for i in rng.integers(len(palette), size=2))
    share = rng.uniform(0, 0.5)
    return (1 - share) * first + share * second


def _vivid(rng: np.random.Generator, *, saturation: tuple = (0.35, 0.8), value: tuple = (0.3, 0.9)) -> np.ndarray:
    """A colour with a hue from the whole circle."""
    wheel = 0.5 + 0.5 * np.cos(2 * np.pi * (rng.random() + np.array([0, 1 / 3, 2 / 3])))
    return rng.uniform(*value) * (1 - rng.uniform(*saturation) * (1 - wheel))
