"""Data and configurations that train or predict nonsense are named, not accepted in silence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from intertwine import tasks
from intertwine._errors import UsageError

HEAD = 'Properties=species:S:1:pos:R:3 energy=-7.5 dipole="0 0 0"'


def test_a_constant_target(run, here):
    Path("same.extxyz").write_text("".join(f"2\n{HEAD}\nH 0 0 0\nO 0 0 {1 + k / 9}\n" for k in range(9)))
    for target, value in (("energy", "-7.5"), ("dipole:1o", "0 0 0")):
        found = run("fit", "properties", "same.extxyz", "--target", target, code=2)
        assert f"is {value} in all" in found.err
    assert not Path("runs").exists()


def test_atoms_that_hardly_see_each_other(run, here, tiny):
    found = run("fit", "properties", "mine.extxyz", "--target", "strain", *tiny, "--cutoff", "0.7")
    assert "note: --cutoff 0.7: an atom has only 0." in found.err


@pytest.fixture
def copy(model, tmp_path, monkeypatch):
    """A copy of a run, to be damaged."""
    shutil.copytree(model.parent.parent.parent, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return Path("runs/mine-1")


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_a_configuration_that_was_edited(run, copy):
    for name in ("best", "last"):
        edit(copy / name / "checkpoint.json", lambda content: content["config"]["encoder"].update(cutoff=3.0))
    found = run("evaluate", copy, code=2)
    assert "checkpoint.json is damaged" in found.err
    found = run("fit", "--resume", copy, "--epochs", "3", code=2)
    assert "best still predicts" in found.err


@pytest.mark.parametrize("value", [None, 3, [], {"data": None}])
def test_a_run_whose_configuration_was_edited(run, copy, value):
    edit(copy / "config.json", lambda content: content.update(config=value))
    found = run("fit", "--resume", copy, "--epochs", "3", code=2)
    assert "config.json" in found.err
    assert found.err.count("\n") == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config.update(data=None),
        lambda config: config["data"].update(source=None),
        lambda config: config.update(encoder=None),
        lambda config: config["encoder"].update(lmax=None),
        lambda config: config["encoder"].update(cutoff=None),
        lambda config: config.update(targets=None),
        lambda config: config.update(elements=None),
    ],
)
def test_a_configuration_of_an_older_format_with_holes(run, tmp_path, monkeypatch, change):
    stored = Path(__file__).parent.parent / "fixtures" / "checkpoints" / "format-2" / "properties"
    shutil.copytree(stored, tmp_path / "old")
    monkeypatch.chdir(tmp_path)
    edit(Path("old/best/checkpoint.json"), lambda content: change(content["config"]))
    found = run("evaluate", "old/best", code=2)
    assert "its configuration is not one of this version" in found.err
    assert found.err.count("\n") == 1


def test_data_that_have_moved(run, copy):
    source = Path(json.loads((copy / "config.json").read_text())["config"]["data"]["source"])
    aside = source.with_suffix(".aside")
    source.rename(aside)
    try:
        found = run("evaluate", copy, code=2)
        assert f"no longer at {source}: put them back there, or pass other data" in found.err
        found = run("fit", "--resume", copy, "--epochs", "3", code=2)
        assert "train again: intertwine fit properties DATA --config runs/mine-1/config.json" in found.err
    finally:
        aside.rename(source)


def test_a_prediction_that_is_not_finite(copy):
    predictor = tasks.load(copy)
    with torch.no_grad():
        predictor.model.scale.fill_(float("inf"))
    with pytest.raises(UsageError, match=r"mine.extxyz, .*: the prediction of .* is not finite"):
        predictor.predict("mine.extxyz")
    with pytest.raises(UsageError, match="is not finite"):
        predictor.evaluate()
