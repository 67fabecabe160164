"""Periodic clouds: cells, neighbors among periodic images, batches, and columns of atoms in files."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ase.io import read, write
from ase.neighborlist import neighbor_list

from ase import Atoms
from intertwine._errors import UsageError
from intertwine.data import (
    NearestNeighbors,
    PointCloudDataset,
    PointCloudSet,
    RadiusNeighbors,
    find_targets,
    molecules,
    read_structures,
    write_extxyz,
)
from intertwine.data._packing import pack_clouds, unpack_clouds
from intertwine.groups import O3
from intertwine.reps import Rep

CUTOFF = 3.5
CELLS = (
    ([[2.9, 0, 0], [0.4, 3.1, 0], [-0.3, 0.2, 3.3]], (True, True, True)),
    ([[5.0, 0, 0], [0, 6.0, 0], [0, 0, 20.0]], (True, True, False)),
    ([[0, 0, 0], [0, 0, 0], [0, 0, 4.0]], (False, False, True)),
    ([[0, 0, 0], [0, 0, 0], [0, 0, 0]], (False, False, False)),
)


def frames(seed=0):
    """Crystals smaller than the cutoff, a slab, a chain and a molecule, with atoms outside of their cells."""
    random = np.random.default_rng(seed)
    made = []
    for number, (cell, pbc) in enumerate(CELLS):
        count = 2 + number
        atoms = Atoms(random.choice([6, 8], count), 3 * random.normal(size=(count, 3)), cell=cell, pbc=pbc)
        atoms.arrays["q"] = random.normal(size=count)
        atoms.arrays["moments"] = random.normal(size=(count, 3))
        made.append(atoms)
    return made


@pytest.fixture
def path(tmp_path):
    write(tmp_path / "mixed.extxyz", frames(), format="extxyz")
    return tmp_path / "mixed.extxyz"


@pytest.fixture
def clouds(path):
    return read_structures(path, atom_targets={"q": O3().rep("0e"), "moments": O3().rep("1e")})


def vectors_of(batch):
    shifts = batch.edge_fields.get("shifts", 0)
    source, target = batch.edges
    return batch.positions[source] + shifts - batch.positions[target]


def by_target(batch):
    """The lengths of the edges into each point, sorted."""
    lengths = vectors_of(batch).norm(dim=1)
    return [sorted(lengths[batch.edges[1] == point].tolist()) for point in range(len(batch.positions))]


def test_cells_and_columns_are_read_as_ase_reads_them(clouds):
    expected = frames()
    assert torch.allclose(clouds.cloud_fields["cell"].reshape(-1, 3, 3)[0], torch.tensor(CELLS[0][0]).double())
    assert clouds.cloud_fields["pbc"].tolist() == [list(pbc) for _, pbc in CELLS]
    assert clouds.point_fields["q"].shape == (14, 1)
    found = clouds.point_fields["moments"].numpy()
    assert np.allclose(found, np.concatenate([atoms.arrays["moments"] for atoms in expected]), atol=1e-7)


def test_a_set_without_periods_has_no_cells(tmp_path):
    write(tmp_path / "a.extxyz", frames()[3:], format="extxyz")
    clouds = read_structures(tmp_path / "a.extxyz")
    assert list(clouds.cloud_fields) == []
    assert clouds.lattice is None
    batch = PointCloudDataset(clouds, RadiusNeighbors(CUTOFF)).batch([0])
    assert dict(batch.edge_fields) == {}


def test_neighbors_are_those_of_ase(clouds):
    dataset = PointCloudDataset(clouds, RadiusNeighbors(CUTOFF), normalize="none")
    batch = dataset.batch([0, 1, 2, 3], dtype=torch.float64)
    found = by_target(batch)
    expected = []
    for index, atoms in enumerate(frames()):
        atoms.positions = clouds.select([index]).positions.numpy()
        i, d = neighbor_list("id", atoms, CUTOFF)
        expected += [sorted(d[i == atom].tolist()) for atom in range(len(atoms))]
    assert [len(row) for row in found] == [len(row) for row in expected]
    for left, right in zip(found, expected, strict=True):
        assert np.allclose(left, right, atol=1e-6)
    quantile = dataset.edge_length_quantile(0.99)
    assert 0.8 * CUTOFF < quantile < CUTOFF


def test_a_batch_is_the_same_as_its_clouds_alone(clouds):
    dataset = PointCloudDataset(clouds, RadiusNeighbors(CUTOFF))
    together = vectors_of(dataset.batch([3, 0, 2, 0], dtype=torch.float64))
    alone = torch.cat([vectors_of(dataset.batch([index], dtype=torch.float64)) for index in (3, 0, 2, 0)])
    assert torch.allclose(together, alone, atol=1e-12)


def test_cells_and_shifts_rotate_and_scale_with_the_points(clouds):
    dataset = PointCloudDataset(clouds, RadiusNeighbors(CUTOFF))
    indices = [0, 1, 2, 3]
    rotations = O3().sample(4, generator=torch.Generator().manual_seed(0))
    scales = torch.tensor([2.0, 1.0, 0.5, 3.0], dtype=torch.float64)
    given = dataset.batch(indices, dtype=torch.float64)
    moved = dataset.batch(indices, rotations=rotations, scales=scales, dtype=torch.float64)
    owner = given.batch[given.edges[1]]
    expected = torch.einsum("eij,ej->ei", rotations[owner], vectors_of(given)) * scales[owner, None]
    assert torch.allclose(vectors_of(moved), expected, atol=1e-12)
    cells = torch.einsum("sij,svj->svi", rotations, given.cloud_fields["cell"].unflatten(1, (3, 3)))
    assert torch.allclose(moved.cloud_fields["cell"].unflatten(1, (3, 3)), cells * scales[:, None, None], atol=1e-12)


def test_wrapping_an_atom_into_the_cell_changes_no_edge(clouds):
    wrapped = frames()
    for index, atoms in enumerate(wrapped):
        atoms.positions = clouds.select([index]).positions.numpy()
        atoms.wrap()
    moved = molecules(
        clouds.point_fields["numbers"],
        torch.from_numpy(np.concatenate([atoms.positions for atoms in wrapped])),
        clouds.offsets,
        cell=clouds.cloud_fields["cell"],
        pbc=clouds.cloud_fields["pbc"],
    )
    assert not torch.allclose(moved.positions, clouds.positions)
    batches = [
        PointCloudDataset(each, RadiusNeighbors(CUTOFF)).batch([0, 1, 2, 3], dtype=torch.float64)
        for each in (clouds, moved)
    ]
    for left, right in zip(*map(by_target, batches), strict=True):
        assert np.allclose(left, right, atol=1e-9)


def test_sets_with_cells_are_stored_selected_and_joined(clouds):
    back = unpack_clouds(pack_clouds(clouds))
    assert torch.equal(back.lattice, clouds.lattice)
    assert clouds.select([2]).lattice[0].tolist()[2] == [0, 0, 4.0]
    molecule = molecules(torch.tensor([8]), torch.zeros(1, 3, dtype=torch.float64), torch.tensor([0, 1]))
    bare = clouds.select_fields("numbers", "cell", "pbc")
    joined = PointCloudSet.concatenate([bare, molecule.with_cells()])
    assert joined.lattice[4].tolist() == [[0.0] * 3] * 3


def test_written_structures_are_read_again(clouds, tmp_path):
    write_extxyz(tmp_path / "out.extxyz", clouds, {}, {"moment": clouds.point_fields["q"][:, 0]})
    for found, expected in zip(read(tmp_path / "out.extxyz", ":"), frames(), strict=True):
        assert found.pbc.tolist() == expected.pbc.tolist()
        if expected.pbc.any():
            assert np.allclose(found.cell[:], expected.cell[:])
        assert np.allclose(found.arrays["moment"], expected.arrays["q"], atol=1e-7)


def test_a_column_has_the_name_of_the_file(tmp_path):
    """ase reads the column `charge` as `charges`."""
    (tmp_path / "a.extxyz").write_text("1\nProperties=species:S:1:pos:R:3:charge:R:1\nH 0 0 1 0.5\n")
    for name in ("charge", "charges"):
        clouds = read_structures(tmp_path / "a.extxyz", atom_targets={name: O3().rep("0e")})
        assert clouds.point_fields[name].tolist() == [[0.5]]


def test_a_targets_layout_is_found(path):
    layouts = find_targets(path, ["q", "moments", "nothing"])
    assert {name: (layout.per_atom, layout.size) for name, layout in layouts.items()} == {
        "q": (True, 1),
        "moments": (True, 3),
    }


def test_nearest_neighbors_and_boundless_cutoffs_are_refused(clouds):
    with pytest.raises(UsageError, match=r"use RadiusNeighbors\(cutoff\)"):
        PointCloudDataset(clouds, NearestNeighbors(4))
    with pytest.raises(UsageError, match=r"a cutoff of 1000 gives each point of cloud 1 some .* take a smaller one"):
        PointCloudDataset(clouds, RadiusNeighbors(1000))
    with pytest.raises(ValueError, match="scale of their own"):
        PointCloudDataset(clouds, RadiusNeighbors(3), normalize="unit_sphere")


@pytest.mark.parametrize(
    ("cell", "pbc", "error"),
    [
        (None, torch.ones(1, 3, dtype=torch.bool), "pbc needs a cell"),
        (torch.zeros(1, 9, dtype=torch.float64), torch.ones(1, 3, dtype=torch.bool), "cell 0 is zero"),
        (torch.eye(3, dtype=torch.float64)[None], None, r"cell must be \(S, 9\)"),
        (torch.ones(1, 9, dtype=torch.float64), torch.ones(3, dtype=torch.bool), "pbc"),
    ],
)
def test_bad_cells(cell, pbc, error):
    with pytest.raises(ValueError, match=error):
        molecules(torch.tensor([1]), torch.zeros(1, 3).double(), torch.tensor([0, 1]), cell=cell, pbc=pbc)


@pytest.mark.parametrize(
    ("change", "rep", "error"),
    [
        (lambda made: made[1].arrays["q"].__setitem__(1, np.nan), "0e", 'frame 2: column "q" is not finite at atom 2'),
        (lambda made: made[2].arrays.pop("q"), "0e", 'frame 3: no column "q" of atoms'),
        (lambda made: made[0].info.update(q=1.0), "1o", 'column "q" as 1o has 3 numbers an atom, the file has 1'),
        (
            lambda made: (made[1].arrays.pop("q"), made[1].info.update(q=1.0)),
            "0e",
            "frame 2: .* one value of",
        ),
    ],
)
def test_bad_columns_say_where(tmp_path, change, rep, error):
    made = frames()
    change(made)
    write(tmp_path / "a.extxyz", made, format="extxyz")
    representation: Rep = O3().rep(rep)
    with pytest.raises(UsageError, match=error):
        read_structures(tmp_path / "a.extxyz", atom_targets={"q": representation})
