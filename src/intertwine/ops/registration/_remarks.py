"""What a user should know about a registration."""

from __future__ import annotations

import numpy as np

from intertwine.ops.registration._motions import Motions
from intertwine.ops.registration._sampling import Floats

_UNITS = 10.0
_FLAT = 1e-6
_UNSURE = 0.5


def shape_remarks(clouds: tuple[Floats, Floats]) -> list[str]:
    """Clouds that leave a part of the motion open: one point, points on a line."""
    remarks = []
    for name, cloud in zip(("first", "second"), clouds, strict=True):
        spread = np.linalg.svd(cloud - cloud.mean(axis=0), compute_uv=False) if len(cloud) > 1 else np.zeros(3)
        if not spread[0] > 0:
            remarks.append(f"the points of the {name} cloud are one place: any rotation fits")
        elif len(spread) < 2 or spread[1] < _FLAT * spread[0]:
            remarks.append(f"the points of the {name} cloud are on a line: any rotation about it fits")
    return remarks


def unit_remarks(clouds: tuple[Floats, Floats]) -> list[str]:
    """Extents so different that the units may be."""
    sizes = [float(np.median(np.linalg.norm(c - np.median(c, axis=0), axis=1))) for c in clouds]
    if min(sizes) <= 0 or max(sizes) < _UNITS * min(sizes):
        return []
    small, large = ("first", "second") if sizes[0] < sizes[1] else ("second", "first")
    ratio = max(sizes) / min(sizes)
    return [f"the {large} cloud is {ratio:,.0f} times as large as the {small} one: are their units the same?"]


def answer_remarks(answers: Motions, shares: tuple[float, float], confidence: float) -> list[str]:
    """Symmetry, and a motion that should not be relied on."""
    remarks = []
    if len(answers.rotations) > 1:
        remarks.append(f"{len(answers.rotations)} motions fit equally well: the shape is symmetric or plain")
    if confidence < _UNSURE:
        percent = 100 * max(shares)
        remarks.append(f"low confidence: few features agree, overlap {percent:.0f} %: the clouds may show other things")
    return remarks
