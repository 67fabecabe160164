"""The Python face: `fit`, `load` and `predict` do what the command line does."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

import ase
import intertwine as iw
from intertwine._errors import UsageError

SMALL = {"points": 32, "epochs": 2, "batch_size": 8, "layers": 1, "neighbors": 6, "hidden": "4x0e+4x1o+2x2e"}
WATER = torch.tensor([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])


def rows_of(path):
    with Path(path).open() as file:
        return list(csv.DictReader(file))


def test_fit_is_what_the_command_line_does(at_shapes, capfd, tmp_path):
    run = iw.fit("classify", Path("classes"), output=tmp_path / "run", **SMALL)
    assert capfd.readouterr().out == ""
    assert (run.folder, run.best, run.last) == (tmp_path / "run", tmp_path / "run/best", tmp_path / "run/last")
    assert (len(run.history), run.interrupted, run.report) == (2, False, tmp_path / "run/report.html")
    theirs = iw.load("runs/classes-steerable/best").model.state_dict()
    for name, weight in run.predictor.model.state_dict().items():
        assert torch.equal(weight, theirs[name]), name


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: iw.fit("clasify", "classes"), 'no task "clasify"; did you mean "classify"'),
        (lambda: iw.fit("classify", "classes", hiden="8x0e"), 'no option of classify "hiden"; did you mean "hidden"'),
        (lambda: iw.fit("classify", "classes", encoder="vektor"), 'no encoder "vektor"; did you mean "vector"'),
        (lambda: iw.fit("classify", "classes", epochs="3"), "--epochs expects a whole number, got '3'"),
        (lambda: iw.fit("classify", "classes", normals=1), "--normals expects True or False, got 1"),
        (lambda: iw.fit("properties", "none.xyz", target="dipole:1o"), 'no file or folder "none.xyz"'),
        (lambda: iw.load("runs/none"), 'no checkpoint "runs/none"'),
        (lambda: iw.load("runs/classes-steerable").predict([WATER], numbers=[8]), "no field 'numbers' of an example"),
        (lambda: iw.load("runs/classes-steerable").predict(WATER[:, :2]), r"expected positions \(N, 3\) or a mesh"),
        (lambda: iw.load("runs/classes-steerable").predict(object()), "positions must be numbers"),
        (lambda: iw.load("runs/classes-steerable").predict("classes", numbers=[8]), "numbers belong to tensors"),
        (lambda: iw.load("runs/classes-steerable").predict("classes", output="x.doc"), 'no format ".doc"'),
    ],
)
def test_a_mistake_is_one_line_with_a_suggestion(at_shapes, call, said):
    with pytest.raises(UsageError, match=said) as raised:
        call()
    assert "\n" not in str(raised.value)


def test_files_folders_and_tensors_have_the_same_classes(at_shapes, command, tmp_path):
    model = iw.load("runs/classes-steerable/best")
    result = model.predict("classes")
    command("predict", "runs/classes-steerable", "classes", "--output", tmp_path / "cli.csv")
    assert result.write(tmp_path / "python.csv").read_bytes() == (tmp_path / "cli.csv").read_bytes()
    assert model.predict("classes", output=tmp_path / "streamed.csv", batch_size=5) == 24
    rows = rows_of(tmp_path / "cli.csv")
    assert [row["class"] for row in rows_of(tmp_path / "streamed.csv")] == [row["class"] for row in rows]
    assert list(result) == ["class", "probabilities"]
    assert result.names == [row["file"] for row in rows]
    assert result["class"].tolist() == [row["class"] for row in rows]
    assert result["probabilities"].shape == (24, 3)
    assert result.columns["probabilities"] == ("boxes", "discs", "tubes")
    clouds = [torch.from_numpy(np.loadtxt(f"classes/{name}")) for name in result.names]
    for data in (clouds, torch.stack(clouds)):
        memory = model.predict(data)
        np.testing.assert_allclose(memory["probabilities"], result["probabilities"], atol=1e-6)
    assert model.predict(clouds[0])["class"].shape == (1,)
    assert model.predict(trimesh.creation.box())["class"][0] in result.columns["probabilities"]
    with pytest.raises(UsageError, match="pass --force"):
        result.write(tmp_path / "python.csv")
    with pytest.raises(KeyError, match="no array 'classes'; there are class, probabilities"):
        result["classes"]


def test_parts_of_all_points(at_shapes, tmp_path):
    model = iw.load("runs/parts-steerable")
    result = model.predict("parts")
    model.predict("parts", output=tmp_path / "all.npz")
    arrays = np.load(tmp_path / "all.npz")
    assert list(result) == ["positions", "labels", "probabilities"]
    assert result.columns["labels"] == ("0", "1")
    for name, labels in zip(result.names, result["labels"], strict=True):
        assert np.array_equal(labels, arrays[f"{name.removesuffix('.xyz')}/labels"])
    points = np.loadtxt("parts/boxes/0.xyz")[:, :3]
    (labels,) = model.predict(points, category="boxes")["labels"]
    assert np.array_equal(labels, result["labels"][0])
    with pytest.raises(UsageError, match='class "boxen"'):
        model.predict(points, category="boxen")


@pytest.fixture(scope="module")
def molecules(tmp_path_factory):
    """A file of waters of all sizes, and a run on it."""
    folder = tmp_path_factory.mktemp("molecules")
    with (folder / "waters.xyz").open("w") as file:
        for scale in np.linspace(0.9, 1.1, 12):
            file.write(f"3\nstrain={scale:.3f}\n")
            file.writelines(
                f"{symbol} {x:.6f} {y:.6f} {z:.6f}\n"
                for symbol, (x, y, z) in zip("OHH", (scale * WATER).tolist(), strict=True)
            )
    small = {"hidden": "4x0e+2x1o", "layers": 1, "epochs": 1, "cutoff": 3}
    run = iw.fit("properties", folder / "waters.xyz", target="strain", output=folder / "run", **small)
    return folder, run


def test_properties_of_files_tensors_and_atoms(molecules):
    folder, run = molecules
    model = iw.load(run.best)
    result = model.predict(folder / "waters.xyz")
    assert result["strain"].shape == (12, 1)
    assert repr(result) == "PredictionResult(12 examples: strain)"
    positions = [float(f"{scale:.12g}") * WATER.double() for scale in np.linspace(0.9, 1.1, 12)]
    atoms = [ase.Atoms("OHH", x.numpy()) for x in positions]
    for memory in (model.predict(positions, numbers=[[8, 1, 1]] * 12), model.predict(atoms)):
        np.testing.assert_allclose(memory["strain"], result["strain"], atol=1e-4)
    assert model.predict(WATER, numbers=[8, 1, 1])["strain"].shape == (1, 1)
    assert model.predict(atoms[0]).write(folder / "one.extxyz").read_text().count("strain=") == 1


@pytest.mark.parametrize(
    ("data", "fields", "said"),
    [
        (WATER, {}, "positions need atomic numbers"),
        (WATER, {"numbers": [8, 1]}, r"expected positions \(N, 3\) and numbers \(N,\)"),
        ([WATER, WATER], {"numbers": [[8, 1, 1]]}, "numbers must be given for each of 2 examples, got 1"),
        (WATER, {"numbers": [8, 1, 14]}, "element Si was not seen in training"),
        (WATER * float("nan"), {"numbers": [8, 1, 1]}, "not finite"),
    ],
)
def test_what_is_no_molecule_is_named(molecules, data, fields, said):
    with pytest.raises(UsageError, match=said):
        iw.load(molecules[1].folder).predict(data, **fields)


def test_an_evaluation_and_an_audit(molecules):
    folder, run = molecules
    other, done = folder / "others.xyz", []
    other.write_text((folder / "waters.xyz").read_text())
    found = run.predictor.evaluate(other, progress=lambda *counts: done.append(counts))
    assert found.metrics["structures"] == 12
    assert done[-1] == (24, 24)
    assert run.predictor.audit(other, iw.tasks.AuditSettings(samples=4, inputs=1)).passed
