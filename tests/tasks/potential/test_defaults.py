"""Defaults of `intertwine fit potential`: what they learn of a few molecules in a few steps."""

from __future__ import annotations

import torch
from ase.io import write
from emt_frames import molecules

import intertwine as iw
from intertwine.tasks.potential._options import PotentialOptions


def test_default_optimizer_learns_forces_faster_than_adamw(tmp_path):
    write(tmp_path / "train.extxyz", molecules(24), format="extxyz")
    small = {"hidden": "8x0e + 8x1o", "layers": 1, "cutoff": 3.5, "epochs": 4}
    assert PotentialOptions(data="train.extxyz").optimizer == "muon"
    found = {
        name: iw.fit(
            "potential", tmp_path / "train.extxyz", output=tmp_path / name, validation="4", optimizer=name, **small
        ).history[-1]["train_loss"]
        for name in ("muon", "adamw")
    }
    assert found["muon"] < found["adamw"]


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
