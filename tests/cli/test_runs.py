"""From a file to a trained model, and everything that is done with it."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from intertwine.training import load_checkpoint


def test_fitting_says_what_it_read_and_where_it_wrote(here, run, tiny):
    found = run("fit", "properties", "mine.extxyz", "--target", "dipole:1o@debye", *tiny)
    lines = {line.split()[0]: line for line in found.out.splitlines()}
    assert "30 structures of H C O, split 24 / 3 / 3 (seed 0, written to runs/mine-1/split.json)" in lines["data"]
    assert lines["target"].split(maxsplit=1)[1].startswith("dipole (1o), summed over atoms, composition leaves ")
    assert "steerable, 1 layers, 4x0e+2x1o+2x2e" in lines["encoder"]
    assert "val error_norm" in lines["best"]
    assert "runs/mine-1/best" in lines["best"]
    assert "(resume: intertwine fit --resume runs/mine-1)" in lines["best"]
    assert all(line[13] == " " and line[14] != " " for line in found.out.splitlines())
    assert (here / "runs/mine-1/split.json").exists()


def test_a_checkpoint_says_everything(model, trained):
    config = load_checkpoint(model).config
    assert [(target["name"], target["rep"], target["unit"]) for target in config["targets"]] == [
        ("strain", "0e", "eV"),
        ("dipole", "1o", "debye"),
        ("moment", "0e+2e", ""),
    ]
    assert config["elements"] == [1, 6, 8]
    assert config["data"]["source"] == str(trained / "mine.extxyz")
    assert config["encoder"]["cutoff"] == 4.0


def test_the_next_run_takes_the_next_folder(trained):
    assert sorted(path.name for path in (trained / "runs").iterdir()) == ["mine-1", "mine-2"]


def test_a_run_ends_with_a_page(trained):
    """Errors of the held-out structures, predictions, curves, and where the run comes from."""
    pytest.importorskip("matplotlib")
    page = (trained / "runs" / "mine-1" / "report.html").read_text()
    assert page.count("<h2>") == 3
    assert page.count("<svg") == 3 + 1
    for text in (
        "3 structures (test)",
        "Predicted against true dipole (debye).",
        "Loss in training and in validation.",
    ):
        assert text in page
    cells = dict(re.findall(r"<tr><td>(\w+)</td><td>([^<]*)</td></tr>", page[page.index("<h2>Run</h2>") :]))
    assert cells["command"].startswith("intertwine fit properties mine.extxyz ")
    assert " --target strain@eV --target dipole:1o@debye " in cells["command"]
    assert (cells["seed"], cells["data"]) == ("0", str(trained / "mine.extxyz"))
    assert {"intertwine", "started"} <= set(cells)


def test_evaluating(model, run):
    found = run("evaluate", model)
    header, *rows = [line.split() for line in found.out.splitlines()[:4]]
    assert header == ["target", "measure", "as", "given", "rotated", "composition", "only", "unit"]
    assert [row[0] for row in rows] == ["strain", "dipole", "moment"]
    metrics = json.loads((model.parent / "evaluation.json").read_text())
    assert metrics["structures"] == 3
    strain = metrics["targets"]["strain"]["mae"]
    assert rows[0][2:] == [f"{strain['given']:.4g}", f"{strain['rotated']:.4g}", f"{strain['composition']:.4g}", "eV"]
    for row in rows:
        given, rotated, _ = (float(cell) for cell in row if cell[0].isdigit())
        assert given == pytest.approx(rotated, rel=1e-3)


def test_evaluating_other_data(model, run, write, trained):
    write(trained / "other.extxyz", n=5, seed=9)
    run("evaluate", model.parent)
    own = (model.parent / "evaluation.json").read_bytes()
    run("evaluate", model.parent, "other.extxyz")
    metrics = json.loads((model.parent / "evaluation-other.json").read_text())
    assert (metrics["structures"], metrics["data"]) == (5, "other.extxyz")
    assert (model.parent / "evaluation.json").read_bytes() == own
    (trained / "sub").mkdir(exist_ok=True)
    write(trained / "sub" / "other.extxyz", n=4, seed=8)
    run("evaluate", model.parent, "sub/other.extxyz")
    assert json.loads((model.parent / "evaluation-other-2.json").read_text())["structures"] == 4
    assert json.loads((model.parent / "evaluation-other.json").read_text())["structures"] == 5


def test_the_last_checkpoint_is_evaluated_into_its_own_file(model, run):
    run("evaluate", model.parent)
    own = (model.parent / "evaluation.json").read_bytes()
    found = run("evaluate", model.parent / "last")
    assert found.out.splitlines()[-1].endswith("runs/mine-1/evaluation.last.json")
    assert json.loads((model.parent / "evaluation.last.json").read_text())["checkpoint"].endswith("last")
    assert (model.parent / "evaluation.json").read_bytes() == own


def test_evaluating_into_a_file(model, run, tmp_path):
    run("evaluate", model, "--output", tmp_path / "a.json")
    content = (tmp_path / "a.json").read_bytes()
    assert json.loads(content)["structures"] == 3
    assert "--force" in run("evaluate", model, "--output", tmp_path / "a.json", code=2).err
    run("evaluate", model, "--output", tmp_path / "a.json", "--force")
    assert (tmp_path / "a.json").read_bytes() == content


def test_the_folder_of_a_checkpoint_is_all_that_is_needed(model, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("evaluate", model)
    assert "PASS" in run("audit", model, "--samples", 4).out


def predictions_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_predicting_a_table_and_structures(model, run, tmp_path):
    import ase.io

    table, frames = tmp_path / "out.csv", tmp_path / "out.extxyz"
    assert "30 structures" in run("predict", model, "mine.extxyz", "--output", table).out
    run("predict", model, "mine.extxyz", "--output", frames, "--batch-size", 7)
    rows, given, atoms = predictions_of(table), ase.io.read("mine.extxyz", ":"), ase.io.read(frames, ":")
    assert len(rows) == len(atoms) == len(given) == 30
    assert [row["name"] for row in rows] == [f"mine.extxyz:{number}" for number in range(1, 31)]
    for row, frame, source in zip(rows, atoms, given, strict=True):
        assert frame.symbols.get_chemical_formula() == source.symbols.get_chemical_formula()
        assert np.allclose(frame.positions, source.positions)
        values = {**frame.info, **(frame.calc.results if frame.calc else {})}
        assert np.isclose(values["strain"], float(row["strain"]), rtol=1e-5)
        assert np.allclose(values["dipole"], [float(row[f"dipole_{axis}"]) for axis in "xyz"], rtol=1e-4, atol=1e-6)
        moment = np.array([float(row[f"moment_{i}{j}"]) for i in "xyz" for j in "xyz"])
        assert np.allclose(np.ravel(values["moment"]), moment, rtol=1e-4, atol=1e-6)
        assert np.allclose(moment.reshape(3, 3), moment.reshape(3, 3).T)


def test_predictions_do_not_need_answers(model, run, trained, tmp_path):
    (trained / "bare.xyz").write_text("2\nno answers\nH 0 0 0\nO 0 0 0.97\n1\nalone\nC 5 5 5\n")
    run("predict", model, "bare.xyz", "--output", tmp_path / "bare.csv")
    assert [row["atoms"] for row in predictions_of(tmp_path / "bare.csv")] == ["2", "1"]


def test_predictions_are_not_written_over_unless_forced(model, run, tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("mine")
    assert "--force" in run("predict", model, "mine.extxyz", "--output", path, code=2).err
    assert path.read_text() == "mine"
    run("predict", model, "mine.extxyz", "--output", path, "--force")
    assert len(predictions_of(path)) == 30


def test_the_audit_passes(model, run):
    found = run("audit", model, "--samples", 8)
    assert "PASS" in found.out
    report = json.loads((model.parent / "audit.json").read_text())
    assert report["passed"]
    assert report["samples"] == 8
    assert (model.parent / "audit.html").read_text().startswith("<!")


def test_the_audit_goes_where_it_is_told(model, run, tmp_path):
    (model.parent / "audit.json").unlink(missing_ok=True)
    run("audit", model, "--samples", 2, "--output", tmp_path / "new" / "folder")
    assert json.loads((tmp_path / "new" / "folder" / "audit.json").read_text())["passed"]
    assert not (model.parent / "audit.json").exists()
    (tmp_path / "file").touch()
    assert "--output expects a folder" in run("audit", model, "--output", tmp_path / "file", code=2).err
    assert "--output expects a folder" in run("audit", model, "--output", "", code=2).err
    assert "a checkpoint declares its own" in run("audit", model, "--rep-in", "1x0e", "--rep-out", "1x0e", code=2).err


def test_the_audit_of_the_twin_fails(model, run, trained):
    found = run("audit", trained / "runs/mine-2", "mine.extxyz", "--samples", 8, code=1)
    assert "FAIL" in found.out
    assert not json.loads((trained / "runs/mine-2/audit.json").read_text())["passed"]


def test_no_rounding_passes_a_tolerance_of_nothing(model, run):
    assert "FAIL" in run("audit", model, "--samples", 2, "--tolerance", "1e-12", code=1).out


def test_structures_of_one_atom(here, run, tiny, write):
    write(here / "atoms.extxyz", n=12, sizes=(1, 2))
    run("fit", "properties", "atoms.extxyz", "--target", "strain", *tiny)
    run("predict", "runs/atoms-1", "atoms.extxyz")
    found = {row["name"]: float(row["strain"]) for row in predictions_of(here / "atoms-predictions.csv")}
    assert len(found) == 12
    assert np.isfinite(list(found.values())).all()


def test_a_folder_of_files(here, run, tiny, write):
    (here / "set").mkdir()
    for part in range(3):
        write(here / "set" / f"{part}.xyz", n=5, seed=part)
    assert "15 structures" in run("fit", "properties", "set", "--target", "strain", "--output", "out", *tiny).out


def test_resuming_needs_nothing_else_and_changes_nothing(here, run, tiny):
    target = ["--target", "moment:ij=ji", "--augment"]
    run("fit", "properties", "mine.extxyz", *target, *tiny, "--output", "whole")
    run("fit", "properties", "mine.extxyz", *target, *tiny, "--epochs", "1", "--output", "first")
    said = run("fit", "--resume", "first", "--epochs", "2").out
    assert "epoch 2/2" in said
    assert "all 2 epochs done" in run("fit", "--resume", "first").out
    whole, resumed = (load_checkpoint(f"{name}/last") for name in ("whole", "first"))
    assert whole.epoch == resumed.epoch == 2
    for name, value in whole.weights.items():
        # The schedule of a run of one epoch is another one: weights differ, what is computed from the data does not.
        if name in ("coefficients", "constant", "scale"):
            assert np.allclose(value, resumed.weights[name], atol=1e-12)


def test_data_that_have_changed_are_noticed(here, run, tiny, write):
    run("fit", "properties", "mine.extxyz", "--target", "strain", *tiny)
    write(here / "mine.extxyz", seed=1)
    assert "has changed since this model was trained" in run("evaluate", "runs/mine-1").err
    write(here / "mine.extxyz", n=31)
    assert "had 30 structures when this model was trained and has 31 now" in run("evaluate", "runs/mine-1", code=2).err
    assert "had 30 structures" in run("fit", "--resume", "runs/mine-1", "--epochs", "3", code=2).err
    (here / "mine.extxyz").unlink()
    assert "mine.extxyz" in run("evaluate", "runs/mine-1", code=2).err


def _listen():
    """Hear Ctrl-C, even where the tests run in the background and ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_saves_and_says_how_to_go_on(here, tiny):
    words = [
        "fit",
        "properties",
        "mine.extxyz",
        "--target",
        "dipole:1o",
        *tiny,
        "--epochs",
        "100000",
        "--output",
        "run",
    ]
    command = [sys.executable, "-m", "intertwine", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=here, preexec_fn=_listen, **pipes)
    deadline = time.monotonic() + 60
    while not (here / "run" / "best" / "checkpoint.json").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "intertwine fit --resume run" in out + err
    assert "Traceback" not in out + err
    assert load_checkpoint(here / "run" / "last").epoch >= 1
