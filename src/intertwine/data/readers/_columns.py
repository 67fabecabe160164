"""Named columns of points or faces: labels, colors and normals among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from intertwine.data._sampling import Floats, Integers

Columns = Mapping[str, npt.NDArray[Any]]
"""Lower-case name -> one value a row."""

LABEL_NAMES = ("label", "labels", "class", "scalar_label", "scalar_class", "part")
COLOR = 1 << 40
"""Labels from here on are colors: COLOR + 65536 red + 256 green + blue."""

_COLOR_NAMES = (("red", "green", "blue"), ("r", "g", "b"))


def columns_to_labels(columns: Columns) -> Integers | None:
    """The column of labels, else the colors as numbers; None when there are neither."""
    for name in LABEL_NAMES:
        if name in columns:
            return integer_labels(columns[name])
    for names in _COLOR_NAMES:
        if all(name in columns for name in names):
            return color_labels(*(columns[name] for name in names))
    return None


def color_labels(red: npt.NDArray[Any], green: npt.NDArray[Any], blue: npt.NDArray[Any]) -> Integers:
    """Colors as labels; those of floating point run from 0 to 1."""
    channels = [np.asarray(channel) for channel in (red, green, blue)]
    if channels[0].dtype.kind == "f":
        channels = [np.rint(255 * np.nan_to_num(channel).clip(0, 1)) for channel in channels]
    red, green, blue = (channel.astype(np.int64) for channel in channels)
    return COLOR + (red << 16) + (green << 8) + blue


def integer_labels(values: npt.NDArray[Any]) -> Integers | None:
    """Labels as int64, or None when they are not all whole numbers: an intensity, say."""
    if values.dtype.kind != "f":
        return values.astype(np.int64)
    whole = bool((np.isfinite(values) & (np.rint(values) == values) & (np.abs(values) < COLOR)).all())
    return values.astype(np.int64) if whole else None


def columns_to_normals(columns: Columns) -> Floats | None:
    """The columns nx, ny, nz with length 1; None when there are none."""
    for names in (("nx", "ny", "nz"), ("normal_x", "normal_y", "normal_z")):
        if all(name in columns for name in names):
            return unit_normals(np.column_stack([columns[name] for name in names]).astype(np.float64))
    return None


def unit_normals(values: Floats) -> Floats | None:
    """The normals with length 1, or None when these three columns are something else: colors, say."""
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.sqrt((values**2).sum(axis=1, keepdims=True))
        return values / lengths if bool((np.abs(lengths - 1) < 1e-2).all()) else None
