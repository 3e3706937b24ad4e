"""Pictures in rows and columns, with words in the margins."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

MARGIN = 14
"""Pixels of a line of words."""


def grid(
    pictures: UInt8[np.ndarray, "rows columns h w 3"], rows: Sequence[str], columns: Sequence[str] = ()
) -> Image.Image:
    """All in one picture, the names of the rows on its left, as wide as they need, and of the columns at its top."""
    count, across, height, width = pictures.shape[:4]
    font = ImageFont.load_default()
    longest = max(font.getlength(line) for name in rows for line in [*name.splitlines(), ""])
    left, top = math.ceil(longest) + MARGIN, MARGIN if columns else 0
    sheet = Image.new("RGB", (left + across * width, top + count * height), "white")
    sheet.paste(Image.fromarray(np.concatenate([np.concatenate(row, axis=1) for row in pictures])), (left, top))
    draw = ImageDraw.Draw(sheet)
    for column, name in enumerate(columns):
        draw.text((left + (column + 0.5) * width, top / 2), name, "black", anchor="mm", font=font)
    for row, name in enumerate(rows):
        middle = left / 2, top + (row + 0.5) * height
        draw.text(middle, name, "black", anchor="mm", align="center", font=font)
    return sheet
