"""Fits of small potentials: what they say, files of their own for validation and test, resuming, weights, bad input."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from ase.io import read, write
from emt_frames import SMALL, SMALL_WORDS, crystals, molecules, plain

import intertwine as iw
from ase import Atoms
from intertwine._errors import UsageError
from intertwine.cli import main
from intertwine.tasks import AuditSettings
from intertwine.tasks.potential._loss import LossWeights
from intertwine.training import load_checkpoint

NAMED = {**SMALL, "batch_size": 8, "epochs": 2}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("potential")
    write(folder / "train.extxyz", molecules(24), format="extxyz")
    write(folder / "test.extxyz", molecules(6, seed=1), format="extxyz")
    write(folder / "bulk.extxyz", crystals(8), format="extxyz")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def trained(place):
    return iw.fit("potential", place / "train.extxyz", more=[str(place / "bulk.extxyz")], output=place / "run",
                  test=str(place / "test.extxyz"), validation="5", **NAMED)  # fmt: skip


def command(capsys, *words, code=0):
    assert main([str(word) for word in words]) == code
    return capsys.readouterr()


def test_the_command_says_what_it_read(place, capsys):
    said = command(
        capsys, "fit", "potential", "train.extxyz", "bulk.extxyz", "--valid", "10%", "--test", "test.extxyz",
        "--epochs", "1", "--batch-size", "8", "--output", "said", *SMALL_WORDS,
    ).out  # fmt: skip
    said = " ".join(said.split())
    assert "train.extxyz, bulk.extxyz, test.extxyz: 38 frames of H C O Cu, split 29 / 3 / 6" in said
    assert (
        "energy from energy (eV), forces from forces (eV/A), stress from stress (eV/A^3; 30 frames have none)" in said
    )
    assert "least squares over the training frames" in said
    assert re.search(r"val MAE energy [\d.,e+]+ meV/atom, forces", said)
    content = json.loads((place / "said" / "config.json").read_text())
    assert content["options"]["test"] == str((place / "test.extxyz").resolve())
    assert content["command"].startswith("intertwine fit potential train.extxyz bulk.extxyz ")


def test_evaluation_in_meV(trained, place):
    found = trained.predictor.evaluate(place / "test.extxyz")
    frames = read(place / "test.extxyz", ":")
    predicted = trained.predictor.predict(frames)
    true = np.array([atoms.get_potential_energy() for atoms in frames])
    error = 1000 * (predicted["energy"][:, 0] - true)
    assert found.metrics["energy"]["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-4)
    forces = np.concatenate(predicted["forces"]) - np.concatenate([atoms.get_forces() for atoms in frames])
    assert found.metrics["forces"]["rmse"] == pytest.approx(1000 * np.sqrt(np.mean(forces**2)), rel=1e-4)
    assert set(found.metrics["config_types"]) == {"water", "methanol"}
    assert set(found.metrics["elements"]) == {"H", "C", "O"}


def test_predictions_are_read_by_ase_and_keep_what_the_file_says(trained, place):
    frames = [*molecules(3, seed=2), *crystals(1, seed=2)]
    frames[0].info["temperature"] = 300
    write(place / "new.extxyz", frames, format="extxyz")
    assert trained.predictor.predict(place / "new.extxyz", output=place / "predicted.extxyz") == 4
    found = read(place / "predicted.extxyz", ":")
    assert found[0].info["temperature"] == 300
    assert found[3].info["config_type"] == "bulk"
    expected = trained.predictor.predict(frames)
    for atoms, energy, forces in zip(found, expected["energy"][:, 0], expected["forces"], strict=True):
        assert atoms.get_potential_energy() == pytest.approx(energy)
        assert np.allclose(atoms.get_forces(), forces, atol=1e-6)
    assert np.allclose(found[3].get_stress(voigt=False).flatten(), expected["stress"][3], atol=1e-8)
    assert found[3].cell[:].any()


def test_energies_do_not_depend_on_the_batch_and_are_extensive(trained):
    one = crystals(1)[0]
    frames = [*molecules(3), one, one * (2, 1, 1)]
    together = trained.predictor.predict(frames)["energy"][:, 0]
    alone = [trained.predictor.predict(atoms)["energy"].item() for atoms in frames]
    assert np.allclose(together, alone, rtol=0, atol=1e-5)
    assert together[4] == pytest.approx(2 * together[3], abs=1e-5)


def test_resuming_gives_the_same_weights(place, tmp_path):
    options = {**NAMED, "epochs": 3}
    whole = iw.fit("potential", place / "train.extxyz", output=tmp_path / "whole", **options)
    job = iw.tasks.get("potential").build(*_job(tmp_path / "whole"))
    from intertwine.training import Settings, fit

    settings = Settings.from_json(json.loads((tmp_path / "whole" / "config.json").read_text())["settings"])
    stopped = _Stops(job, 7)
    with pytest.raises(RuntimeError, match="power cut"):
        fit(stopped, tmp_path / "parts", settings, console=_quiet())
    job = iw.tasks.get("potential").build(*_job(tmp_path / "whole"))
    resumed = fit(job, tmp_path / "parts", settings, resume=True, console=_quiet())
    assert (whole.last / "model.safetensors").read_bytes() == (resumed.last / "model.safetensors").read_bytes()
    assert [row["train_loss"] for row in whole.history] == [row["train_loss"] for row in resumed.history]


def _job(folder):
    content = json.loads((folder / "config.json").read_text())
    return content["config"], json.loads((folder / "split.json").read_text())


def _quiet():
    from rich.console import Console

    return Console(quiet=True)


class _Stops:
    """A job that fails at a step."""

    def __init__(self, job, step):
        self._job, self._step, self._count = job, step, 0

    def __getattr__(self, name):
        return getattr(self._job, name)

    def schedule(self, completed):
        self._job.schedule(completed)

    def train_batch(self, indices, seed):
        self._count += 1
        if self._count == self._step:
            raise RuntimeError("power cut")
        return self._job.train_batch(indices, seed)


def test_the_readout_is_refitted_at_the_end_and_kept_where_the_validation_improves(trained, place, capsys):
    found, history = load_checkpoint(trained.best), trained.history
    best = min(row["loss"] for row in history)
    assert "readout by ridge regression on 27 frames" in trained.training.refit
    assert trained.training.refit.endswith("kept")
    assert found.metrics["loss"] < 0.98 * best
    predictor = iw.load(trained.best)
    assert torch.equal(predictor.model.readout, trained.predictor.model.readout)
    assert len(predictor.model.committee) == 8
    assert float(predictor.model.committee.std(0).max()) > 0
    job = iw.tasks.get("potential").build(*_job(place / "run"))
    found.load_into(job.model)
    assert job._validate()["loss"] == pytest.approx(found.metrics["loss"], rel=1e-4)
    assert trained.training.refit.replace("->", "-&gt;") in trained.report.read_text(encoding="utf-8")
    before = (trained.best / "model.safetensors").read_bytes()  # a run that has ended is not refitted twice
    assert "refit" not in command(capsys, "fit", "--resume", "run").out
    assert (trained.best / "model.safetensors").read_bytes() == before
    after = iw.tasks.resume(place / "run", epochs=4)
    assert after.training.refit
    assert len(after.history) == 4


def test_a_refit_that_is_worse_leaves_the_readout(place):
    task = iw.tasks.get("potential")
    job = task.prepare(task.options.from_values("potential", {"data": str(place / "train.extxyz"), **NAMED}))
    model = job.model
    before = model.readout.detach().clone(), model.reference.clone()
    losses = iter([{"loss": 1.0}, {"loss": 2.0}])
    job._validate = lambda: next(losses)
    found = job.refit()
    assert found.metrics == {"loss": 1.0}
    assert "not kept" in found.text
    assert torch.equal(model.readout, before[0])
    assert torch.equal(model.reference, before[1])


def test_energy_weights_grow_during_the_run(place):
    task = iw.tasks.get("potential")
    options = task.options.from_values("potential", {"data": str(place / "train.extxyz"), **NAMED})
    job = task.prepare(options)
    batch = job.train_batch(torch.arange(4), 0)
    job.schedule(0.0)
    early = float(job.loss(batch)[0].detach())
    job.schedule(1.0)
    late = float(job.loss(batch)[0].detach())
    assert late > early
    assert LossWeights(100.0, 1.0, 1.0).at(0.0) == LossWeights(1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["missing.extxyz"], "no file or folder"),
        (["train.extxyz", "missing.extxyz"], "no file or folder"),
        (["train.extxyz", "--test", "missing.extxyz"], '--test expects a count .* there is no file "missing.extxyz"'),
        (
            ["train.extxyz", "--energy-key", "total"],
            'no frame has the energy "total"; .* has config_type, energy',
        ),
        (["train.extxyz", "train.extxyz"], "is given twice"),
        (["train.extxyz", "--cutoff", "0.1"], "no two atoms of the training frames are closer"),
        (["train.extxyz", "--energy-weight", "0", "--forces-weight", "0"], "nothing to learn"),
        (["one.extxyz"], "nothing to validate on"),
        (["atom.extxyz"], "only isolated atoms"),
        (["two.extxyz"], '"energy" and "REF_energy" both look like the energy and differ'),
        (["empty.extxyz"], "is empty"),
        (["heavy.extxyz"], "elements 1 to 94"),
    ],
)
def test_bad_input_is_one_line(place, capsys, words, line):
    frames = molecules(2)
    write("one.extxyz", frames[:1], format="extxyz")
    write("atom.extxyz", plain(Atoms("O"), energy=-400.0), format="extxyz")
    write("two.extxyz", plain(frames[0], energy=1.0, REF_energy=2.0), format="extxyz")
    write("heavy.extxyz", [plain(Atoms("AmAm", [[0, 0, 0], [0, 0, 2.0 + k]]), energy=1.0 * k) for k in range(4)],
          format="extxyz")  # fmt: skip
    (place / "empty.extxyz").touch()
    said = command(capsys, "fit", "potential", *SMALL_WORDS, "--output", "bad", "--epochs", "1", *words, code=2).err
    assert re.search(line, " ".join(said.split()))
    assert said.count("error:") == 1


def test_an_element_that_was_not_in_training(trained, place, capsys):
    write("iron.extxyz", Atoms("FeO", [[0, 0, 0], [0, 0, 1.6]]), format="extxyz")
    line = "iron.extxyz, iron.extxyz:1: element Fe was not seen in training; this potential knows H, C, O, Cu"
    for words in (["predict", "run", "iron.extxyz", "--output", "iron-out.extxyz"],):
        said = command(capsys, *words, code=2).err
        assert line in " ".join(said.split())
    with pytest.raises(UsageError, match="Fe was not seen"):
        trained.predictor.predict(Atoms("FeO", [[0, 0, 0], [0, 0, 1.6]]))


def test_a_single_atom_has_no_force(trained):
    found = trained.predictor.predict(Atoms("O"))
    assert np.abs(found["forces"][0]).max() == 0
    assert np.isfinite(found["energy"]).all()


def test_frames_without_forces_train_energies_only(place, tmp_path):
    frames = [plain(atoms, energy=atoms.get_potential_energy()) for atoms in molecules(8)]
    write(tmp_path / "energies.extxyz", frames, format="extxyz")
    run = iw.fit("potential", tmp_path / "energies.extxyz", output=tmp_path / "run", **{**NAMED, "epochs": 1})
    assert "forces_mae" not in run.history[0]
    assert run.history[0]["energy_mae"] > 0


def test_the_report_has_its_parts(trained):
    page = trained.report.read_text(encoding="utf-8")
    for text in ("Potential of train.extxyz", "Predicted and true", "Structures", "Errors by element",
                 "Errors by kind of frame", "methanol", "Learning", "largest error"):  # fmt: skip
        assert text in page, text
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    content = json.loads(re.search(r'id="structures">(.*?)</script>', page, re.DOTALL)[1])
    structure = content["structures"][0]
    assert len(structure["positions"]) == len(structure["colors"]) == len(structure["arrows"]["error"])


def test_the_audit_sees_a_potential_that_is_none(trained):
    predictor = trained.predictor
    small = AuditSettings(samples=4, inputs=1)
    assert predictor.audit(settings=small).passed
    broken = _Tilted(predictor.model)
    predictor.model = broken
    try:
        report = predictor.audit(settings=small)
    finally:
        predictor.model = broken.inner
    assert not report.passed
    assert report.errors["float64, finite differences"] > 1e-5
    assert report.laws["rotation"] > 1e-5


class _Tilted(torch.nn.Module):
    """A potential whose energy knows a direction, and whose forces do not know of it."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def reference_energies_of(self, numbers):
        return self.inner.reference_energies_of(numbers)

    def forward(self, numbers, positions, *arguments, **options):
        out = self.inner(numbers, positions, *arguments, **options)
        tilt = 0.3 * (positions[:, 0] - positions[:, 0].mean())
        structures = arguments[2]
        energy = out.energy + torch.zeros_like(out.energy).index_add(0, structures, tilt.square().to(out.energy))
        return out._replace(energy=energy, energies=out.energies + tilt.square().to(out.energies))


def test_the_exported_file_has_forces_and_runs_without_this_library(place, capsys):
    write("water.extxyz", molecules(16)[::2], format="extxyz")
    small = {**NAMED, "body_order": 2, "hidden": "2x0e + 2x1o", "epochs": 1}
    trained = iw.fit("potential", "water.extxyz", output="water", **small)
    said = " ".join(command(capsys, "export", "water", "--output", "model.pt2").out.split())
    assert re.search(r"audit PASS from the file: .* under O\(3\), translations and permutations, .* differences", said)
    code = (
        "import sys, json, torch\n"
        "extra = {'metadata.json': ''}\n"
        "program = torch.export.load('model.pt2', extra_files=extra).module()\n"
        "print(json.loads(extra['metadata.json'])['elements'])\n"
        "numbers, positions = torch.tensor([8, 1, 1, 1]), torch.eye(4, 3).roll(1, 0)\n"
        "edges = torch.tensor([[a, b] for b in range(4) for a in range(4) if a != b]).T\n"
        "energy, energies, forces, virial = program(numbers, positions, edges, torch.zeros(12, 3))\n"
        "print(float(energy), forces.flatten().tolist())\n"
        "assert 'intertwine' not in sys.modules\n"
    )
    import subprocess
    import sys

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=place).stdout
    elements, values = out.splitlines()
    assert elements == "[1, 8]"
    atoms = Atoms("OHHH", [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    found = trained.predictor.predict(atoms)
    energy, forces = values.split(" ", 1)
    assert float(energy) == pytest.approx(found["energy"].item(), abs=1e-5)
    assert np.allclose(json.loads(forces), found["forces"][0].flatten(), atol=1e-5)
    said = command(capsys, "export", "water", "--format", "onnx", code=2).err
    assert "--format" in said
