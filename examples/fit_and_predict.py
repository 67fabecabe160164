"""A trained, audited classifier from a folder of shapes in ten lines: what `intertwine fit classify` does."""

import tempfile
from pathlib import Path

import numpy as np
import torch

import intertwine as iw

torch.set_num_threads(1)
numbers = np.random.default_rng(0)


def write_clouds(folder: Path, stretch: tuple[float, float, float]) -> None:
    """Sixteen ellipsoids as XYZ files: stands for your scans, one folder for each class."""
    folder.mkdir(parents=True)
    for number in range(16):
        points = numbers.normal(size=(64, 3)) * stretch
        np.savetxt(folder / f"{number:02d}.xyz", points)


with tempfile.TemporaryDirectory() as folder:
    scans = Path(folder) / "scans"
    for name, stretch in {"balls": (1, 1, 1), "discs": (1, 1, 0.1), "rods": (1, 0.1, 0.1)}.items():
        write_clouds(scans / name, stretch)

    run = iw.fit("classify", scans, output=Path(folder) / "run", epochs=6, points=32, layers=1, levels=1)
    print(f"best epoch in {run.best.name}; {len(run.history)} epochs")

    model = iw.load(run.best)
    predictions = model.predict(scans / "rods")  # files and folders,
    print(predictions)
    print(model.predict(torch.randn(40, 3)))  # and tensors
