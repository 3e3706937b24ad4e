"""Sampling as its definition reads, one pixel and one neighbour at a time, in NumPy's float64."""

import itertools

import numpy as np


def to_pixels(coordinate: float, size: int, align_corners: bool) -> float:
    """Where -1 and 1 are the centres of the border pixels, or their outer edges."""
    return (coordinate + 1) / 2 * (size - 1) if align_corners else ((coordinate + 1) * size - 1) / 2


def to_coordinates(pixels: np.ndarray, size: int, align_corners: bool) -> np.ndarray:
    """The inverse of `to_pixels`."""
    return 2 * pixels / (size - 1) - 1 if align_corners else (2 * pixels + 1) / size - 1


def inside(position: float, size: int, padding: str, align_corners: bool) -> float:
    """The position in the image that stands for one outside; with `zeros` nothing does."""
    low, high = (0, size - 1) if align_corners else (-0.5, size - 0.5)
    while padding == "reflection" and not low <= position <= high:
        position = 2 * (low if position < low else high) - position
    return position if padding == "zeros" else min(max(position, 0), size - 1)


def sample(image: np.ndarray, grid: np.ndarray, *, padding: str = "zeros", align_corners: bool = True) -> np.ndarray:
    """[*shape c] read at [*out d], the last axis of which is ordered (x, y[, z])."""
    image, sizes = np.asarray(image, np.float64), image.shape[:-1]
    result = np.zeros((*grid.shape[:-1], image.shape[-1]))
    for place in np.ndindex(*grid.shape[:-1]):
        pixels = [to_pixels(x, n, align_corners) for x, n in zip(grid[place][::-1].astype(float), sizes, strict=True)]
        position = np.array([inside(p, n, padding, align_corners) for p, n in zip(pixels, sizes, strict=True)])
        for corner in itertools.product((0, 1), repeat=len(sizes)):
            tap = np.floor(position).astype(int) + corner
            if all(0 <= t < n for t, n in zip(tap, sizes, strict=True)):
                result[place] += np.prod(1 - np.abs(position - tap)) * image[tuple(tap)]
    return result
