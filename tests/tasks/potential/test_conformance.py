"""Conformance tests of the task."""

from __future__ import annotations

from ase.io import write
from emt_frames import SMALL, crystals, molecules

from intertwine.testing import TaskTests


class TestPotential(TaskTests):
    task = "potential"
    epochs = 60
    """Long enough for features of which the refitted readout is no small difference of large numbers."""
    options = {**SMALL, "validation": "4", "test": "4", "batch_size": 8}  # noqa: RUF012

    def make_data(self, folder):
        write(folder / "frames.extxyz", [*molecules(12), *crystals(8)], format="extxyz")
        return str(folder / "frames.extxyz")
