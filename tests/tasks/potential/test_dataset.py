"""Batches of frames: neighbors in any cell, and the same graph whatever stands beside a frame."""

from __future__ import annotations

import torch
from ase.io import write
from emt_frames import crystals, molecules

from intertwine.ops import radius_graph
from intertwine.tasks.potential import FrameDataset
from intertwine.tasks.potential._loss import Errors, LossWeights, frame_losses
from intertwine.tasks.potential.frames import read_frames


def dataset(folder, cutoff=4.5):
    write(folder / "frames.extxyz", [*molecules(3), *crystals(2), *molecules(1)], format="extxyz")
    found = read_frames([str(folder / "frames.extxyz")], {"energy": None, "forces": None, "stress": None})
    return FrameDataset(found.frames, cutoff)


def test_a_batch_is_its_frames_side_by_side(tmp_path):
    data = dataset(tmp_path)
    order = [4, 0, 5, 3, 1]
    batch = data.batch(order, torch.float64)
    vectors = batch.positions[batch.edges[0]] + batch.shifts - batch.positions[batch.edges[1]]
    assert bool((vectors.norm(dim=1) < 4.5).all())
    assert bool((batch.edges[1].diff() >= 0).all())
    for place, index in enumerate(order):
        alone = data.batch([index], torch.float64)
        here = batch.structures[batch.edges[1]] == place
        begin = int((batch.structures < place).sum())
        assert torch.equal(batch.edges[:, here] - begin, alone.edges)
        assert torch.equal(batch.shifts[here], alone.shifts)
        assert torch.equal(batch.numbers[batch.structures == place], alone.numbers)
        assert torch.equal(batch.cells[place], alone.cells[0])


def test_images_of_small_cells_are_neighbors(tmp_path):
    data = dataset(tmp_path)
    frame = data.frames.select([3])
    cell = frame.cloud_fields["cell"][0].reshape(3, 3)
    edges, shifts = radius_graph(frame.positions, 4.5, cell=cell)
    found = data.batch([3], torch.float64)
    assert torch.equal(found.edges, edges)
    assert torch.allclose(found.shifts, shifts.double() @ cell)
    assert edges.shape[1] > 40


def test_loss_of_known_errors():
    errors = Errors(
        energy=torch.tensor([0.2, 5.0], dtype=torch.float64),
        forces=torch.tensor([[0.3, 0, 0], [0, 0, 0.3], [9, 9, 9]], dtype=torch.float64),
        stress=torch.full((2, 9), 0.1, dtype=torch.float64),
        volume=torch.tensor([4.0, 1.0], dtype=torch.float64),
        atoms=torch.tensor([2.0, 1.0], dtype=torch.float64),
        has_energy=torch.tensor([True, False]),
        has_forces=torch.tensor([True, False]),
        has_stress=torch.tensor([True, False]),
        structures=torch.tensor([0, 0, 1]),
    )
    expected = (10 * 0.04 / 2 + 2 * 0.03 + 3 * (4 / 2) ** 2 * 0.01) / 0.5**2
    assert torch.allclose(
        frame_losses(errors, LossWeights(10.0, 2.0, 3.0), 0.5), torch.tensor([expected, 0.0], dtype=torch.float64)
    )
