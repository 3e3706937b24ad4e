"""What a viewing ray meets first: rays parallel to z against ellipsoids, in closed form."""

import numpy as np
from jaxtyping import Float, Int

from data_pipelines.moving_heads.scene import BODY, HEAD, OCCLUDERS, Ellipsoid, Hair, Part, Scene
from data_pipelines.moving_heads.state import HeadState, Placement, place_body, place_head, place_occluder

Points = Float[np.ndarray, "n 3"]
Positions = Float[np.ndarray, "n 2"]


def cast(scene: Scene, state: HeadState, xy: Positions) -> tuple[Int[np.ndarray, "n"], Points]:
    """The part seen at each position of the picture and the point met, in the frame of its body part.

    Where nothing is met the part is NOTHING and the point is (x, y, 0) of the picture.
    """
    groups = ((HEAD, place_head(state)), (BODY, place_body(state)), (OCCLUDERS, place_occluder(state)))
    placements = {kind: placement for parts, placement in groups for kind in parts}
    part = np.zeros(len(xy), np.int64)
    nearest = np.full(len(xy), -np.inf, xy.dtype)
    for kind, solid in scene.solids.items():
        placement = placements[kind]
        near = _within_reach(solid, placement, xy)
        for wall, depth in _walls(kind, solid, scene.hair, placement, xy[near]):
            won = depth > nearest[near]
            part[near[won]] = wall
            nearest[near[won]] = depth[won]
    points = np.concatenate([xy, nearest[:, None]], axis=1)
    points[part == Part.NOTHING, 2] = 0
    for parts, placement in groups:
        mine = (part >= parts[0]) & (part <= parts[-1])
        points[mine] = placement.backward(points[mine])
    return part, points


def lift(scene: Scene, xy: Positions) -> Points:
    """The points of the bare face (cranium and jaw, no nose) that lie at (x, y) of the head seen from the front."""
    upright = Placement(np.eye(3), np.zeros(3))
    depths = [roots(scene.solids[kind], upright, xy)[0] for kind in (Part.CRANIUM, Part.JAW)]
    z = np.maximum(*depths)
    return np.concatenate([xy, np.where(np.isfinite(z), z, 0)[:, None]], axis=1)


def roots(
    solid: Ellipsoid, placement: Placement, xy: Positions
) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """The nearer and the farther depth at which rays through `xy` meet a placed ellipsoid; -inf where they miss.

    With S the quadric's matrix about its centre, (d, dz) S (d, dz) = 1 is a quadratic in dz.
    """
    to_sphere = placement.inverse() / solid.radii[:, None]
    quadric = (to_sphere.T @ to_sphere).astype(xy.dtype)
    centre = (placement.matrix @ solid.centre + placement.offset).astype(xy.dtype)
    dx, dy = xy[:, 0] - centre[0], xy[:, 1] - centre[1]
    half = (quadric[0, 2] * dx + quadric[1, 2] * dy) / quadric[2, 2]
    rest = (quadric[0, 0] * dx * dx + 2 * quadric[0, 1] * dx * dy + quadric[1, 1] * dy * dy - 1) / quadric[2, 2]
    discriminant = half * half - rest
    met = discriminant > 0
    root = np.sqrt(np.where(met, discriminant, 0))
    near, far = centre[2] - half + root, centre[2] - half - root
    return np.where(met, near, -np.inf), np.where(met, far, -np.inf)


def _within_reach(solid: Ellipsoid, placement: Placement, xy: Positions) -> Int[np.ndarray, "m"]:
    """The rays inside the box about a placed ellipsoid: the others need no root."""
    reach = np.linalg.norm(placement.matrix * solid.radii, axis=1)[:2]
    middle = (placement.matrix @ solid.centre + placement.offset)[:2]
    low, high = (middle - reach).astype(xy.dtype), (middle + reach).astype(xy.dtype)
    return np.flatnonzero((xy[:, 0] > low[0]) & (xy[:, 0] < high[0]) & (xy[:, 1] > low[1]) & (xy[:, 1] < high[1]))


def _walls(
    kind: Part, solid: Ellipsoid, hair: Hair, placement: Placement, xy: Positions
) -> list[tuple[Part, Float[np.ndarray, "n"]]]:
    """The walls of a solid that can be seen, with their depths; through the cap's opening that is its lining, too."""
    near, far = roots(solid, placement, xy)
    if kind != Part.CAP:
        return [(kind, near)]
    for depth in (near, far):
        hit = np.flatnonzero(np.isfinite(depth))
        points = placement.backward(np.concatenate([xy[hit], depth[hit, None]], axis=1))
        depth[hit[is_open(hair, points)]] = -np.inf
    return [(Part.CAP, near), (Part.LINING, far)]


def is_open(hair: Hair, points: Points) -> np.ndarray:
    """Where the shell of hair is cut away: in front of the face, about the ears and below the nape."""
    x, y, z = points.T
    hairline = hair.hairline_y + hair.parting * x + hair.wave * np.sin(23 * x)
    above = np.minimum(y - (hairline + 0.22), 0) / 0.22
    face = (z > 0) & ((x / hair.opening) ** 2 + above**2 < 1)
    sideburn = (z > -0.12) & (y > hair.sideburn_y)
    return face | sideburn | (y > hair.nape_y + 0.25 * z)
