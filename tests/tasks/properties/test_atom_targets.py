"""Targets of atoms and periodic cells: what is decided from the file, the laws, and a small run from file to file."""

from __future__ import annotations

import csv
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from ase.io import read, write
from ase.neighborlist import neighbor_list

import intertwine as iw
from ase import Atoms
from intertwine._errors import UsageError
from intertwine.data import Split, make_split, molecules
from intertwine.groups import O3
from intertwine.tasks import AuditSettings
from intertwine.tasks.properties import PropertyJob, PropertyPredictor, Target, parse_target
from intertwine.tasks.properties._atom_targets import resolve_targets
from intertwine.tasks.properties._matrices import matrix_basis, to_irreps, to_matrices

ELEMENTS = (1, 8)
COLUMNS = {"q": "0e", "dipoles": "1o", "chi": "0e+1e+2e"}
TINY = {"hidden": "4x0e+2x1o+2x1e+2x2e", "layers": 1, "epochs": 2, "batch_size": 8, "cutoff": 3.0}


def columns_of(atoms):
    """A scalar, a vector and a matrix without symmetry of each atom, all functions of its neighbors."""
    i, j, d, arrows = neighbor_list("ijdD", atoms, 3.0)
    weights = np.exp(-d) * (3.0 - d) ** 2 * atoms.numbers[j] / 8
    q, v, w = np.zeros(len(atoms)), np.zeros((len(atoms), 3)), np.zeros((len(atoms), 3))
    np.add.at(q, i, weights)
    np.add.at(v, i, weights[:, None] * arrows)
    np.add.at(w, i, weights[:, None] ** 2 * arrows)
    return {"q": q + atoms.numbers, "dipoles": v, "chi": (v[:, :, None] * w[:, None, :]).reshape(-1, 9)}


def make_frames(n=24, seed=0):
    """Crystals, slabs and molecules in turn."""
    random = np.random.default_rng(seed)
    frames = []
    for number in range(n):
        count = int(random.integers(2, 5))
        cell = np.eye(3) * random.uniform(2.6, 4.0, 3) + 0.2 * random.normal(size=(3, 3))
        pbc = ((True, True, True), (True, True, False), (False, False, False))[number % 3]
        atoms = Atoms(random.choice(ELEMENTS, count), random.uniform(0, 3, (count, 3)), cell=cell, pbc=pbc)
        if not any(pbc):
            atoms.cell[:] = 0
        atoms.arrays.update(columns_of(atoms))
        frames.append(atoms)
    return frames


def to_set(frames, pbc=True):
    counts = torch.tensor([0, *map(len, frames)])
    cells = {}
    if pbc:
        cells["cell"] = torch.from_numpy(np.stack([atoms.cell[:].reshape(9) for atoms in frames]))
        cells["pbc"] = torch.from_numpy(np.stack([atoms.pbc for atoms in frames]))
    columns = {
        name: np.concatenate([atoms.arrays[name].reshape(len(atoms), -1) for atoms in frames]) for name in COLUMNS
    }
    columns["chi"] = to_irreps(torch.from_numpy(columns["chi"]), 9).numpy()
    return molecules(
        torch.from_numpy(np.concatenate([atoms.numbers for atoms in frames])),
        torch.from_numpy(np.concatenate([atoms.positions for atoms in frames])),
        counts.cumsum(0),
        {"energy": torch.tensor([[atoms.arrays["q"].sum()] for atoms in frames])},
        atom_targets={name: torch.from_numpy(values) for name, values in columns.items()},
        **cells,
    )


@pytest.fixture
def frames():
    return make_frames()


@pytest.fixture
def build(config, loud):
    """The predictor of an untrained model, in float64, on targets of atoms or of structures."""

    def predictor(frames, names=tuple(COLUMNS), pool="sum"):
        settings = config(*names, elements=ELEMENTS)
        per_atom = set(names) <= set(COLUMNS)
        for target in settings["targets"]:
            if per_atom:
                target |= {"rep": COLUMNS[target["name"]], "cartesian": target["name"] == "chi", "per_atom": True}
            target["pool"] = None if per_atom else pool
        settings["encoder"] |= {"cutoff": 3.0, "hidden": TINY["hidden"]}
        split = make_split(len(frames), len(frames) - 8, 4, 4, seed=0)
        job = PropertyJob(settings, split.to_json(), to_set(frames))
        loud(job.model)
        return PropertyPredictor(job.model.double(), settings, split)

    return predictor


def predicted(predictor, frames):
    """Of frames one at a time or together, in float64."""
    clouds = to_set(frames)
    dataset = iw.data.PointCloudDataset(clouds, iw.data.RadiusNeighbors(3.0))
    from intertwine.tasks.properties._model import network_inputs

    batch = dataset.batch(range(len(clouds)), dtype=torch.float64)
    with torch.no_grad():
        return predictor.model(*network_inputs(batch))


def test_matrices_of_any_kind_keep_their_law():
    A = torch.randn(8, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.allclose(to_matrices(to_irreps(A, 9)), A, atol=1e-12)
    rep, Q = O3().rep("0e + 1e + 2e"), matrix_basis()
    for g in O3().sample(32, generator=torch.Generator().manual_seed(1)):
        assert torch.allclose(torch.kron(g, g) @ Q, Q @ rep.matrix(g), atol=1e-12)


def test_crystals_rotate_with_their_cells(build, frames):
    predictor = build(frames)
    given = predicted(predictor, frames)
    for g in O3().sample(8, generator=torch.Generator().manual_seed(0)):
        turned = [atoms.copy() for atoms in frames]
        for atoms in turned:
            atoms.positions = atoms.positions @ g.numpy().T + 1.7
            atoms.cell[:] = atoms.cell[:] @ g.numpy().T
        expected = given @ predictor.model.rep_out.matrix(g).T
        assert torch.allclose(predicted(predictor, turned), expected, rtol=1e-9, atol=1e-9)
    only_positions = [atoms.copy() for atoms in frames]
    for atoms in only_positions:
        atoms.positions = atoms.positions @ g.numpy().T
    assert not torch.allclose(predicted(predictor, only_positions), expected, atol=1e-3)


def test_wrapping_and_numbering_change_nothing(build, frames):
    predictor = build(frames)
    random = np.random.default_rng(0)
    given = predicted(predictor, frames)
    moved = [atoms.copy() for atoms in frames]
    for atoms in moved:
        atoms.positions += random.integers(-2, 3, (len(atoms), 3)) * atoms.pbc @ atoms.cell[:]
    assert torch.allclose(predicted(predictor, moved), given, rtol=1e-9, atol=1e-9)
    orders = [random.permutation(len(atoms)) for atoms in frames]
    starts = np.cumsum([0, *map(len, frames)])[:-1]
    rows = torch.from_numpy(np.concatenate([start + order for start, order in zip(starts, orders, strict=True)]))
    renumbered = [atoms[order] for atoms, order in zip(frames, orders, strict=True)]
    assert torch.allclose(predicted(predictor, renumbered), given[rows], rtol=1e-9, atol=1e-9)


def supercells(frames, times=2):
    made = []
    for atoms in frames:
        repeated = atoms.repeat([times if periodic else 1 for periodic in atoms.pbc])
        made.append(repeated)
    return made


def test_a_supercell_has_the_values_of_its_cell(build, frames):
    some = frames[:6]
    larger = supercells(some)
    atoms = build(frames)
    given, found = predicted(atoms, some), predicted(atoms, larger)
    begin = end = 0
    for cell, many in zip(some, larger, strict=True):
        copies = len(many) // len(cell)
        expected = given[begin : begin + len(cell)].repeat(copies, 1)
        assert torch.allclose(found[end : end + len(many)], expected, rtol=1e-9, atol=1e-9)
        begin, end = begin + len(cell), end + len(many)
    copies = torch.tensor([[len(many) / len(cell)] for cell, many in zip(some, larger, strict=True)])
    mean, total = build(frames, ("energy",), "mean"), build(frames, ("energy",), "sum")
    assert torch.allclose(predicted(mean, larger), predicted(mean, some), rtol=1e-9, atol=1e-9)
    constant = total.model.constant
    extensive = (predicted(total, some) - constant) * copies + constant
    assert torch.allclose(predicted(total, larger), extensive, rtol=1e-9, atol=1e-9)


def test_the_audit_covers_cells(build, frames):
    predictor = build(frames)
    predictor.load = lambda data: (to_set(frames), "made")
    report = predictor.audit(None, AuditSettings(samples=4, inputs=1))
    assert report.passed, str(report)


def test_evaluation_rotates_atoms_and_cells(build, frames):
    predictor = build(frames)
    predictor.model.float()
    found = predictor.measure(to_set(frames), "made", batch_size=5)
    for means in found.metrics["targets"].values():
        key = "error_norm" if "error_norm" in means else "mae"
        assert means[key]["given"] == pytest.approx(means[key]["rotated"], rel=1e-4)
    assert found.metrics["atoms"] == sum(map(len, frames))
    assert set(found.metrics["elements"]) == {"H", "O"}


def test_the_mean_of_each_element_is_the_baseline(build, frames):
    predictor = build(frames, ("q",))
    clouds = to_set(frames)
    train = clouds.select(make_split(24, 16, 4, 4, seed=0).train)
    for number in ELEMENTS:
        mean = train.point_fields["q"][train.point_fields["numbers"] == number].mean()
        rows = clouds.point_fields["numbers"] == number
        assert torch.allclose(predictor.composition(clouds)[rows], mean, rtol=1e-9)


@pytest.mark.parametrize(
    ("text", "size", "symmetric", "expected"),
    [
        ("q", 1, False, Target("q", per_atom=True)),
        ("initial_magmoms", 3, False, Target("initial_magmoms", "1e", per_atom=True)),
        ("dipoles@debye", 3, False, Target("dipoles", "1o", "debye", per_atom=True)),
        ("v:1e", 3, False, Target("v", "1e", per_atom=True)),
        ("nmr", 9, True, Target("nmr", "0e+2e", cartesian=True, per_atom=True)),
        ("nmr", 9, False, Target("nmr", "0e+1e+2e", cartesian=True, per_atom=True)),
    ],
)
def test_a_column_says_its_representation(text, size, symmetric, expected):
    layout = {expected.name: SimpleNamespace(per_atom=True, size=size, symmetric=symmetric)}
    assert resolve_targets([text], [parse_target(text)], layout, "a.extxyz") == (expected,)


@pytest.mark.parametrize(
    ("texts", "error"),
    [
        (["ref_forces"], "gradient of an energy: intertwine fit potential"),
        (["v"], r"v:REP with REP 1o \(a vector\), 1e"),
        (["w"], "5 numbers an atom; .* 5x0e"),
        (["v:1o", "energy"], '"v" is per atom and "energy" per structure'),
    ],
)
def test_an_unclear_column_is_refused(texts, error):
    layouts = {name: SimpleNamespace(per_atom=True, size=3, symmetric=False) for name in ("ref_forces", "v")}
    layouts["w"] = SimpleNamespace(per_atom=True, size=5, symmetric=False)
    layouts["energy"] = SimpleNamespace(per_atom=False, size=1, symmetric=False)
    with pytest.raises(UsageError, match=error):
        resolve_targets(texts, [parse_target(text) for text in texts], layouts, "a.extxyz")


def test_from_a_file_to_files(frames, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("mine.extxyz", frames, format="extxyz")
    run = iw.fit("properties", "mine.extxyz", target=["q", "chi"], augment=True, output="run", **TINY)
    assert len(run.history) == 2
    model = iw.load("run/best")
    assert [(target.rep, target.per_atom) for target in model.targets] == [("0e", True), ("0e+1e+2e", True)]
    assert model.evaluate().metrics["atoms"] > 0
    assert model.audit(None, AuditSettings(samples=2, inputs=1)).passed
    assert model.predict("mine.extxyz", output="out.extxyz") == len(frames)
    values = model.predict("mine.extxyz")
    for found, given, chi in zip(read("out.extxyz", ":"), frames, values["chi"], strict=True):
        assert found.arrays["q"].shape == (len(given),)
        assert np.allclose(found.arrays["chi"], chi)
        assert found.pbc.tolist() == given.pbc.tolist()
    in_memory = model.predict(frames[:2])
    assert np.allclose(in_memory["q"][1], values["q"][1], atol=1e-5)
    positions = [torch.from_numpy(atoms.positions) for atoms in frames[:2]]
    cells = {"cell": [atoms.cell[:] for atoms in frames[:2]], "pbc": [atoms.pbc for atoms in frames[:2]]}
    as_tensors = model.predict(positions, numbers=[atoms.numbers for atoms in frames[:2]], **cells)
    assert np.allclose(as_tensors["q"][1], values["q"][1], atol=1e-5)
    model.predict("mine.extxyz", output="out.csv")
    with open("out.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(map(len, frames))
    assert list(rows[0]) == ["name", "atom", "element", "q", *(f"chi_{i}{j}" for i in "xyz" for j in "xyz")]
    assert isinstance(model.split, Split)


def test_an_energy_of_crystals_from_a_file(frames, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for atoms in frames:
        atoms.info["total"] = float(atoms.arrays["q"].sum())
    write("mine.extxyz", frames, format="extxyz")
    iw.fit("properties", "mine.extxyz", target="total", output="run", **TINY)
    model = iw.load("run/best")
    some = iw.data.read_structures("mine.extxyz")
    larger = supercells(frames[:3])
    copies = [len(many) / len(cell) for cell, many in zip(frames, larger, strict=False)]
    assert model.config["data"]["periodic"] == len(some) * 2 // 3
    values, found = model.predict(frames[:3])["total"][:, 0], model.predict(larger)["total"][:, 0]
    constant = float(model.model.constant)
    assert np.allclose(found - constant, (values - constant) * copies, rtol=1e-4)
