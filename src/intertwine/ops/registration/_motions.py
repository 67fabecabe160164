"""A list of rigid motions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from intertwine.ops.registration._sampling import Floats, Integers


class Motions(NamedTuple):
    """Motions x -> R x + t: rotations ``(S, 3, 3)`` and translations ``(S, 3)``."""

    rotations: Floats
    translations: Floats

    def apply(self, points: Floats) -> Floats:
        """Each motion of all points ``(N, 3)``: ``(S, N, 3)``."""
        result: Floats = points @ self.rotations.transpose(0, 2, 1) + self.translations[:, None]
        return result

    def inverse(self) -> Motions:
        """The inverse of each."""
        back = self.rotations.transpose(0, 2, 1)
        return Motions(back, -np.einsum("sij,sj->si", back, self.translations))

    def take(self, rows: Integers) -> Motions:
        """Some of them, in the order of ``rows``."""
        return Motions(self.rotations[rows], self.translations[rows])

    def distinct(self, center: Floats, angle: float, distance: float, most: int) -> Motions:
        """The first ``most`` that differ from all earlier ones by an angle (radians) or in the place of ``center``."""
        kept: list[int] = []
        places = self.apply(center[None])[:, 0]
        for k in range(len(self.rotations)):
            if len(kept) == most:
                break
            cosines = (np.einsum("sij,ij->s", self.rotations[kept], self.rotations[k]) - 1) / 2
            same_turn = cosines > np.cos(angle)
            same_place = np.linalg.norm(places[kept] - places[k], axis=1) < distance
            if not (same_turn & same_place).any():
                kept.append(k)
        return self.take(np.array(kept, dtype=np.int64))


def stack(parts: list[Motions]) -> Motions:
    """All motions of several lists."""
    return Motions(np.concatenate([m.rotations for m in parts]), np.concatenate([m.translations for m in parts]))
