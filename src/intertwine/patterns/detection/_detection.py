"""Result of a detection: the wallpaper group of an image, its cell, and a description of its elements."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import torch
from torch import Tensor

from intertwine.patterns._lattices import lattice_parameters
from intertwine.patterns.crystal import WALLPAPERS, CrystalGroup, Operation, has_mirror, wallpaper


@dataclass(frozen=True, eq=False)
class Detection:
    """Wallpaper group of an image. Positions are in pixels from the center of the first one, x right and y down.

    Args:
        name: Name of the wallpaper group; None if the image is not periodic in two directions.
        confidence: 0 .. 1, relative distance of the evidence from the thresholds, for this group and against others.
        cell: Conventional cell ``(2, 2)``, columns are the lattice vectors.
        origin: ``(2,)``, position of the origin of the cell.
        height: Mean autocorrelation at the lattice points, 0 .. 1.
        noise: Noise relative to the amplitude of the pattern.
        asymmetries: For every group compatible with the lattice, the part of the amplitude that is not invariant.
        limits: For each of them, the largest accepted asymmetry.
        perspective: What was removed first, (0, 0) for none: a point u of the flat pattern is seen at u / (1 + q . u),
            from the center of the image in units of half its longer side. ``cell`` and ``origin`` are of the flat one.
        reason: Why no lattice was found, if none was.
    """

    name: str | None
    confidence: float
    cell: Tensor
    origin: Tensor
    height: float
    noise: float = 0.0
    asymmetries: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    perspective: tuple[float, ...] = (0.0, 0.0)
    reason: str = ""

    @staticmethod
    def aperiodic(height: float, reason: str = "nothing repeats in two directions") -> Detection:
        """The result for an image without a lattice."""
        empty = torch.zeros(2, 2, dtype=torch.float64)
        return Detection(None, 0.0, empty, empty[0], max(height, 0.0), reason=reason)

    @property
    def group(self) -> CrystalGroup | None:
        """The group, in fractional coordinates of ``cell``."""
        return None if self.name is None else wallpaper(self.name)

    def generators(self) -> list[str]:
        """Descriptions of the generators, with rotation centers, mirror lines and glides in pixels."""
        return [] if self.group is None else [self._in_pixels(operation) for operation in self.group.generators]

    def elements(self) -> str:
        """A short description of the rotations, mirror lines and glide lines."""
        if self.group is None:
            return "none"
        rotations = max(operation.order for operation in self.group.elements if operation.determinant > 0)
        words = [f"rotations of order {rotations}" if rotations > 1 else "no rotations"]
        for kind, directions in (
            ("mirror", self._directions(mirrors=True)),
            ("glide", self._directions(mirrors=False)),
        ):
            if directions:
                angles = ", ".join(f"{angle:.1f}" for angle in directions)
                words.append(f"{kind} lines at {angles} degrees")
            else:
                words.append(f"no {kind}s")
        return "; ".join(words)

    def to_json(self) -> str:
        """The result as JSON."""
        content: dict[str, Any] = {"group": self.name, "confidence": self.confidence, "height": self.height}
        if self.name is None:
            content["reason"] = self.reason
        if self.name is not None:
            content |= {
                "system": WALLPAPERS[self.name].lattice,
                "a": self.cell[:, 0].tolist(),
                "b": self.cell[:, 1].tolist(),
                "origin": self.origin.tolist(),
                "noise": self.noise,
                "perspective": list(self.perspective),
                "generators": self.generators(),
                "asymmetries": dict(self.asymmetries),
                "limits": dict(self.limits),
            }
        return json.dumps(content, indent=2)

    def __str__(self) -> str:
        if self.name is None:
            return f"no lattice: {self.reason} (autocorrelation {self.height:.2f})"
        a, b, angle = lattice_parameters(self.cell)
        turn = math.degrees(math.atan2(-float(self.cell[1, 0]), float(self.cell[0, 0]))) % 360
        refused = {name: value for name, value in self.asymmetries.items() if value > self.limits[name]}
        system, missed = WALLPAPERS[self.name].lattice, self.asymmetries[self.name]
        tilt = 2 * math.hypot(*self.perspective)
        lines = [
            f"group       {self.name}, confidence {self.confidence:.2f}",
            f"lattice     {system}, a {a:.2f} px, b {b:.2f} px, angle {angle:.1f} degrees, a at {turn:.1f}",
            *([f"perspective {tilt:.1%}, removed; positions are of the flat pattern"] if tilt else []),
            f"symmetry    {self.elements()}",
            *(f"generator   {text}" for text in self.generators()),
            f"evidence    {self.name} misses {missed:.1%} of the amplitude, {self.limits[self.name]:.1%} is allowed",
        ]
        if refused:
            lines.append(
                "refused     "
                + ", ".join(f"{name} {refused[name]:.0%}" for name in sorted(refused, key=refused.__getitem__))
            )
        return "\n".join(lines)

    def _directions(self, *, mirrors: bool) -> list[float]:
        """The directions of mirror or glide lines, in degrees counterclockwise from the horizontal."""
        assert self.group is not None, "a detection without a group has no mirror lines"
        found = set()
        for operation in self.group.elements:
            if operation.determinant > 0:
                continue
            shifted = (Operation.from_translation(step) @ operation for step in product((-1, 0, 1), repeat=2))
            # A glide by a lattice vector is a mirror.
            glides = any(entry.denominator > 1 for other in shifted for entry in other.intrinsic_translation)
            if has_mirror(operation) if mirrors else glides:
                found.add(round(self._angle(operation), 1) % 180)
        return sorted(found)

    def _angle(self, operation: Operation) -> float:
        W = self.cell @ operation.matrix[:-1, :-1] @ torch.linalg.inv(self.cell)
        return math.degrees(math.atan2(-float(W[1, 0] + W[0, 1]) / 2, float(W[0, 0] - W[1, 1]) / 2)) / 2 % 180

    def _in_pixels(self, operation: Operation) -> str:
        matrix = operation.matrix
        W, w = matrix[:-1, :-1], matrix[:-1, -1]
        step = torch.tensor([float(entry) for entry in operation.intrinsic_translation], dtype=torch.float64)
        fixed = torch.linalg.lstsq(torch.eye(2, dtype=torch.float64) - W, w - step, driver="gelsd").solution
        x, y = (self.cell @ fixed + self.origin).tolist()
        where = f"({x:.1f}, {y:.1f})"
        if operation.determinant > 0:
            return f"rotation by {360 // operation.order} degrees about {where}"
        line = f"the line through {where} at {self._angle(operation):.1f} degrees"
        length = float((self.cell @ step).norm())
        return f"glide by {length:.1f} px along {line}" if length > 0 else f"mirror in {line}"
