"""Files of a registration: the matrix as text, everything as JSON, or the moved points."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

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
