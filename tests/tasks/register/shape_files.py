"""Small shapes without symmetry as point files."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def write_shapes(folder: Path, count: int = 6, points: int = 400) -> Path:
    """Points on the surfaces of three boxes of random sizes at random places."""
    folder.mkdir(exist_ok=True)
    for seed in range(count):
        random = np.random.RandomState(seed)
        parts = []
        for _ in range(3):
            faces = random.uniform(-1, 1, (points // 3, 3))
            rows = np.arange(len(faces))
            faces[rows, random.randint(0, 3, len(faces))] = random.choice([-1, 1], len(faces))
            parts.append(faces * random.uniform(0.2, 1, 3) + random.randn(3))
        np.savetxt(folder / f"{seed}.xyz", np.concatenate(parts))
    return folder
