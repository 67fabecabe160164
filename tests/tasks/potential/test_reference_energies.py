"""Reference energies that `intertwine fit potential` finds by default."""

from __future__ import annotations

import torch
from ase.io import write
from emt_frames import molecules

import intertwine as iw


def test_a_constant_offset_of_the_energies_costs_nothing(tmp_path):
    frames = [atoms for atoms in molecules(24) if len(atoms) == 3]
    task = iw.tasks.get("potential")
    losses = []
    for offset in (0.0, 5000.0):
        for atoms in frames:
            atoms.calc.results["energy"] += offset
        write(tmp_path / "train.extxyz", frames, format="extxyz")
        options = task.options.from_values(
            "potential", {"data": str(tmp_path / "train.extxyz"), "hidden": "4x0e + 4x1o", "validation": "2"}
        )
        job = task.prepare(options)
        losses.append(float(job.loss(job.train_batch(torch.arange(3), 0))[0].detach()))
    assert abs(losses[1] - losses[0]) < 1e-4 * losses[0]
