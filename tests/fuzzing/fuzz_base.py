"""The folder that every input starts from: small data of each kind, and a trained run of each task."""

from __future__ import annotations

import math
import random
from pathlib import Path

PROPERTIES = (
    "fit", "properties", "mols.extxyz", "--target", "strain", "--hidden", "4x0e+2x1o", "--layers", "1",
    "--epochs", "1", "--batch-size", "8", "--cutoff", "4", "--minutes", "0.05",
)  # fmt: skip
CLASSIFY = (
    "fit", "classify", "classes", "--points", "16", "--epochs", "1", "--batch-size", "8", "--layers", "1",
    "--neighbors", "4", "--hidden", "4x0e+2x1o", "--draws", "1", "--minutes", "0.05",
)  # fmt: skip
SEGMENT = (CLASSIFY[0], "segment", "parts", *CLASSIFY[3:])
SHORT = ("--epochs", "1", "--batch-size", "8", "--minutes", "0.05")
IMAGES = ("fit", "images", "photos", "--widths", "2,2", "--kernel-size", "3", "--pool-after", "1", *SHORT)
POTENTIAL = (
    "fit", "potential", "frames.extxyz", "--hidden", "4x0e+4x1o", "--lmax", "1", "--layers", "1", "--body-order", "2",
    "--cutoff", "3", *SHORT,
)  # fmt: skip
KEYPOINTS = (
    "fit", "keypoints", "views", "--width", "1", "--group", "C4", "--crop", "40", "--pairs", "1", "--samples", "12",
    "--validation", "1", "--test", "1", *SHORT,
)  # fmt: skip
REGISTER = (
    "fit", "register", "shapes", "--hidden", "4x0e+2x1o", "--layers", "1", "--blocks", "1", "--points", "32",
    "--superpoints", "8", "--neighbors", "6", "--pairs", "1", "--validation", "1", "--test", "1", *SHORT,
)  # fmt: skip
SFM = (
    "fit", "sfm", "scenes", "--hidden", "8", "--layers", "1", "--views", "3-4", "--points", "30", "--tuning", "2",
    "--validation", "1", "--test", "1", *SHORT,
)  # fmt: skip
WEIGHTS = ("fit", "weights", "nets", "--hidden", "2", "--layers", "1", *SHORT)
FITS = {
    "properties": PROPERTIES,
    "classify": CLASSIFY,
    "segment": SEGMENT,
    "images": IMAGES,
    "potential": POTENTIAL,
    "weights": WEIGHTS,
    "keypoints": KEYPOINTS,
    "register": REGISTER,
    "sfm": SFM,
}
DATA = {task: words[2] for task, words in FITS.items()}
RUNS = {task: f"runs/{Path(data).stem}-1" for task, data in DATA.items()}
MODEL = '''"""Models to audit."""
import sys

from torch import nn

import intertwine


class Layer(nn.Module):
    """Equivariant."""

    rep_in = rep_out = intertwine.O3().rep("2x0e + 1x1o")

    def forward(self, x):
        """The input."""
        return x


class Undeclared(nn.Module):
    """No representations."""

    def forward(self, x):
        """The input."""
        return x


layer = Layer()
undeclared = Undeclared()
number = 3


def raises():
    """Raise."""
    raise KeyError("no")


def ends():
    """End the process."""
    sys.exit(0)
'''


def molecule(draw: random.Random, atoms: int, info: str = "") -> str:
    """One frame with the targets strain and dipole."""
    rows = []
    for _ in range(atoms):
        place = " ".join(f"{draw.gauss(0, 1.5):.6f}" for _ in range(3))
        rows.append(f"{draw.choice('HCO')} {place}")
    values = f'strain={draw.gauss(0, 1):.5f} dipole="{draw.gauss(0, 1):.4f} 0.1 {draw.gauss(0, 1):.4f}" pbc="F F F"'
    return "\n".join([str(atoms), f"Properties=species:S:1:pos:R:3 {values} {info}".rstrip(), *rows, ""])


def cloud(draw: random.Random, kind: int, labels: bool, points: int = 24) -> str:
    """Points around an ellipsoid as text."""
    rows = []
    for _ in range(points):
        x = [draw.gauss(0, 1) for _ in range(3)]
        length = math.sqrt(sum(value**2 for value in x)) or 1.0
        x = [value / length * (1 + kind * axis) for axis, value in enumerate(x)]
        rows.append(" ".join(f"{value:.5f}" for value in x) + (f" {int(x[2] > 0)}" if labels else ""))
    return "\n".join([*rows, ""])


def write_base(folder: Path) -> None:
    """Write the data; the runs are trained by the harness."""
    draw = random.Random("base")
    (folder / "mols.extxyz").write_text("".join(molecule(draw, draw.randint(2, 6)) for _ in range(16)))
    (folder / "new.extxyz").write_text("".join(molecule(draw, draw.randint(2, 6)) for _ in range(3)))
    for data in ("classes", "parts"):
        for kind, name in enumerate(("balls", "eggs")):
            (folder / data / name).mkdir(parents=True)
            for number in range(6):
                (folder / data / name / f"{number}.xyz").write_text(cloud(draw, kind, data == "parts"))
    (folder / "model.py").write_text(MODEL)
    (folder / "group.json").write_text('{"name": "quarter turns", "generators": [[[0, -1], [1, 0]]]}')
