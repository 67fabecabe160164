"""Descriptions of orthogonal matrices in words: angle, axis, reflection."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_TOLERANCE = 1e-3
"""The angle, in degrees, that counts as none."""


def _angle(sine: float, cosine: float) -> float:
    return math.degrees(math.atan2(sine, cosine))


def describe_orthogonal_2d(g: Tensor) -> str:
    """A 2 x 2 orthogonal matrix: "rotation 35.2 deg" or "reflection in the line at 12.0 deg"."""
    (a, b), (c, d) = g.detach().to("cpu", torch.float64).tolist()
    angle = _angle(c, a)
    if a * d - b * c < 0:
        return f"reflection in the line at {angle / 2 % 180:.1f} deg"
    return "identity" if abs(angle) < _TOLERANCE else f"rotation {angle % 360:.1f} deg"


def axis_angle(rotation: Tensor) -> tuple[Tensor, float]:
    """The unit axis and the angle in degrees, 0 to 180, of a 3 x 3 rotation; accurate at both ends."""
    twice_sine = torch.stack(
        [rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]]
    )
    cosine = (rotation.trace() - 1) / 2
    angle = _angle(float(twice_sine.norm()) / 2, float(cosine))
    if angle < 90:
        return twice_sine / twice_sine.norm().clamp_min(1e-300), angle
    # The symmetric part has the axis at eigenvalue one; the antisymmetric part knows its sign, but for a half turn.
    axis = torch.linalg.eigh(rotation + rotation.T).eigenvectors[:, -1]
    sense = (axis * twice_sine).sum() if angle < 180 - _TOLERANCE else axis[axis.abs().argmax()]
    return (-axis if sense < 0 else axis), angle


def _triple(axis: Tensor) -> str:
    return "(" + ", ".join(f"{x + 0.0:.2f}" for x in axis.round(decimals=2).tolist()) + ")"


def describe_orthogonal_3d(g: Tensor) -> str:
    """A 3 x 3 orthogonal matrix: "rotation 171.2 deg about (0.11, -0.87, 0.48)", "inversion x rotation ..."."""
    g = g.detach().to("cpu", torch.float64)
    improper = bool(torch.linalg.det(g) < 0)
    axis, angle = axis_angle(-g if improper else g)
    if angle < _TOLERANCE:
        return "inversion" if improper else "identity"
    if improper and angle > 180 - _TOLERANCE:
        return f"reflection in the plane normal to {_triple(axis)}"
    return f"{'inversion x ' if improper else ''}rotation {angle:.1f} deg about {_triple(axis)}"


def describe_orthogonal(g: Tensor) -> str:
    """An orthogonal matrix of any size by the angles of its planes: "rotation 12.0, 140.3 deg", "reflection x ..."."""
    values = torch.linalg.eigvals(g.detach().to("cpu", torch.float64))
    angles = [math.degrees(a) for a in values.angle().sort(descending=True).values.tolist()]
    rotations = [angle for angle in angles if angle > _TOLERANCE]
    improper = bool(torch.linalg.det(g.detach()) < 0)
    if improper:
        rotations = rotations[1:] if rotations and rotations[0] > 180 - _TOLERANCE else rotations
    # An eigenvalue -1 comes alone, a pair of them is one half turn.
    half = [angle for angle in rotations if angle > 180 - _TOLERANCE]
    rotations = half[::2] + rotations[len(half) :]
    words = "rotation " + ", ".join(f"{angle:.1f}" for angle in rotations) + " deg" if rotations else ""
    return " x ".join(filter(None, ["reflection" if improper else "", words])) or "identity"
