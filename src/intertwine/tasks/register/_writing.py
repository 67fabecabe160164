"""Files of registrations: the matrix as text, everything as JSON, or the moved points; tables of many pairs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from intertwine.tasks._results import PredictionChunk
from intertwine.tasks.register._register_files import RegisteredFiles

MOTION_SUFFIXES = (".txt", ".json", ".ply", ".xyz")


def write_motion(path: Path, found: RegisteredFiles, suffix: str | None = None) -> None:
    """Write a registration.

    Args:
        path: The file.
        found: The registration and its clouds.
        suffix: ``.txt``: the matrix, four rows of four numbers. ``.json``: rotation, translation, scale, overlap,
            confidence and all answers. ``.ply``, ``.xyz``: the points of the first file, moved. That of ``path`` if
            None.
    """
    kind = suffix or path.suffix.lower()
    motion = found.registration
    if kind == ".txt":
        np.savetxt(path, motion.matrix.numpy(), fmt="%.17g")
        return
    if kind == ".json":
        content = {
            "rotation": motion.rotation.tolist(),
            "translation": motion.translation.tolist(),
            "scale": motion.scale,
            "matrix": motion.matrix.tolist(),
            "overlap": list(motion.overlap),
            "confidence": motion.confidence,
            "answers": motion.answers.tolist(),
            "remarks": list(motion.remarks),
        }
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        return
    matrix = motion.matrix.numpy()
    moved = found.clouds[0].points @ matrix[:3, :3].T + matrix[:3, 3]
    if kind == ".xyz":
        np.savetxt(path, moved, fmt="%.9g")
        return
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(moved)}\n"
    head += "".join(f"property double {axis}\n" for axis in "xyz") + "end_header\n"
    path.write_bytes(head.encode() + moved.astype("<f8").tobytes())


class MotionTable:
    """Writes a row for each pair: both files, confidence, both overlaps, the first three rows of the matrix."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows
        numbers = [f"m{i}{j}" for i in range(1, 4) for j in range(1, 5)]
        rows.writerow(("first", "second", "confidence", "overlap_first", "overlap_second", *numbers))

    def write(self, chunk: PredictionChunk) -> None:
        """Write the motions of some pairs."""
        arrays: Mapping[str, Any] = chunk.arrays
        for names, matrix, shares, confidence in zip(
            chunk.examples, arrays["matrix"], arrays["overlap"], arrays["confidence"], strict=True
        ):
            numbers = (f"{value:.10g}" for value in matrix[:3].flatten())
            self._rows.writerow((*names, f"{confidence:.4f}", *(f"{share:.4f}" for share in shares), *numbers))
