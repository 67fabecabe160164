"""Neighbors in crystals beside ASE's neighbor list, and beside a loop over images."""

from itertools import product

import numpy as np
import pytest
import torch
from ase.neighborlist import neighbor_list

from ase import Atoms
from intertwine.ops import radius_graph


def found(positions: torch.Tensor, cutoff: float, cell: torch.Tensor, batch: torch.Tensor | None = None):
    edges, shifts = radius_graph(positions, cutoff, batch, cell=cell)
    rows = torch.cat([edges.T, shifts], 1).tolist()
    assert [(r[1], r[0], *r[2:]) for r in rows] == sorted((r[1], r[0], *r[2:]) for r in rows)
    return rows


def ases(positions: torch.Tensor, cutoff: float, cell: torch.Tensor) -> list[list[int]]:
    atoms = Atoms(np.ones(len(positions)), positions.numpy(), cell=cell.numpy(), pbc=cell.numpy().any(1))
    i, j, shifts = neighbor_list("ijS", atoms, cutoff)
    rows = [[s, t, *shift] for t, s, shift in zip(i.tolist(), j.tolist(), shifts.tolist(), strict=True)]
    return sorted(rows, key=lambda r: (r[1], r[0], *r[2:]))


def cell_of(kind: str, generator: torch.Generator) -> torch.Tensor:
    skewed = torch.randn(3, 3, dtype=torch.float64, generator=generator) + 3 * torch.eye(3, dtype=torch.float64)
    if kind == "left-handed":
        return skewed[[1, 0, 2]]
    if kind == "flat":
        return torch.tensor([[4.0, 0, 0], [3.8, 0.9, 0], [0.3, 0.2, 5.0]], dtype=torch.float64)
    if kind == "slab":
        return skewed * torch.tensor([[1.0], [1.0], [0.0]])
    if kind == "wire":
        return skewed * torch.tensor([[0.0], [1.0], [0.0]])
    return torch.zeros(3, 3, dtype=torch.float64) if kind == "molecule" else skewed


@pytest.mark.parametrize("kind", ["skewed", "left-handed", "flat", "slab", "wire", "molecule"])
@pytest.mark.parametrize("cutoff", [0.7, 2.5, 6.0])
def test_the_edges_and_shifts_are_ases(kind: str, cutoff: float) -> None:
    generator = torch.Generator().manual_seed(0)
    cell = cell_of(kind, generator)
    positions = 4 * torch.randn(7, 3, dtype=torch.float64, generator=generator)  # many lie outside of the cell
    assert found(positions, cutoff, cell) == ases(positions, cutoff, cell)


def test_a_lattice_point_sees_its_own_images_and_the_cutoff_is_strict() -> None:
    cell = torch.eye(3, dtype=torch.float64)
    origin = torch.zeros(1, 3, dtype=torch.float64)
    assert found(origin, 1.0, cell) == []
    assert len(found(origin, 1.0 + 1e-12, cell)) == 6
    near = [shift for shift in product(range(-3, 4), repeat=3) if 0 < sum(s * s for s in shift) < 9]
    assert found(origin, 3.0, cell) == [[0, 0, *shift] for shift in near]


def test_the_vectors_are_shorter_than_the_cutoff_and_symmetric() -> None:
    generator = torch.Generator().manual_seed(1)
    cell, positions = cell_of("skewed", generator), torch.randn(5, 3, dtype=torch.float64, generator=generator)
    edges, shifts = radius_graph(positions, 4.0, cell=cell)
    vectors = positions[edges[0]] + shifts.double() @ cell - positions[edges[1]]
    assert (vectors.norm(dim=1) < 4).all()
    rows = {tuple(row) for row in torch.cat([edges.T, shifts], 1).tolist()}
    assert {(t, s, -a, -b, -c) for s, t, a, b, c in rows} == rows


def test_moved_crystals_have_the_same_edges() -> None:
    generator = torch.Generator().manual_seed(2)
    cell, positions = cell_of("skewed", generator), torch.randn(6, 3, dtype=torch.float64, generator=generator)
    edges, shifts = radius_graph(positions, 3.0, cell=cell)
    steps = torch.randint(-3, 4, (6, 3), generator=generator)
    moved, moved_shifts = radius_graph(positions + steps.double() @ cell + 0.1, 3.0, cell=cell)
    order = {(*pair, *shift): None for *pair, shift in zip(*edges.tolist(), (shifts).tolist(), strict=True)}
    back = moved_shifts + steps[moved[0]] - steps[moved[1]]
    assert {(*pair, *shift): None for *pair, shift in zip(*moved.tolist(), back.tolist(), strict=True)} == order


def test_a_batch_of_crystals_is_a_loop() -> None:
    generator = torch.Generator().manual_seed(3)
    cells = torch.stack([cell_of(kind, generator) for kind in ("skewed", "slab", "molecule", "flat")])
    sizes = torch.tensor([4, 6, 3, 1])
    batch = torch.arange(4).repeat_interleave(sizes)
    positions = 2 * torch.randn(14, 3, dtype=torch.float64, generator=generator)
    rows, start = [], 0
    for number, size in enumerate(sizes.tolist()):
        inside = found(positions[start : start + size], 3.0, cells[number])
        rows += [[s + start, t + start, *shift] for s, t, *shift in inside]
        start += size
    assert found(positions, 3.0, cells, batch) == rows
    order = torch.randperm(14, generator=generator)
    edges, shifts = radius_graph(positions[order], 3.0, batch[order], cell=cells)
    renumbered = torch.cat([order[edges].T, shifts], 1).tolist()
    assert sorted(renumbered) == sorted(rows)


def test_coincident_points_no_points_and_one_cell_for_all() -> None:
    cell = 5 * torch.eye(3)
    assert found(torch.zeros(2, 3), 1.0, cell) == [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0]]
    assert found(torch.zeros(2, 3), 1.0, cell, torch.tensor([0, 1])) == []
    assert found(torch.zeros(0, 3), 1.0, cell) == []


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: radius_graph(torch.zeros(2, 3), 1.0, cell=torch.ones(3, 3)), "independent"),
        (lambda: radius_graph(torch.zeros(2, 3), 1.0, cell=torch.ones(3)), "cell must be"),
        (lambda: radius_graph(torch.zeros(2, 3), 1.0, torch.tensor([0, 1]), cell=torch.eye(3)[None]), "2 point clouds"),
        (lambda: radius_graph(torch.zeros(2, 2), 1.0, cell=torch.eye(3)), r"\(N, 3\)"),
        (lambda: radius_graph(torch.zeros(2, 3), float("inf"), cell=torch.eye(3)), "finite cutoff"),
        (lambda: radius_graph(torch.zeros(2, 3), 1.0, cell=torch.eye(3) * torch.nan), "lattice vectors must be finite"),
    ],
    ids=["dependent", "shape", "too few", "plane", "endless", "nan"],
)
def test_bad_use_says_so(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
