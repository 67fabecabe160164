"""What no machine could do, and what cannot be meant, is refused in one line before anything is read or allocated."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from intertwine.tasks.options import check_nodes

PROPERTIES = [
    (["--devices", "1000"], "--devices 1000: this machine has"),
    (["--nodes", "2", "--output", "r"], "--nodes 2 needs a launcher"),
    (["--nodes", "2"], "--nodes needs --output"),
    (["--output", ""], "--output expects the name of a folder"),
    (["--output", "  "], "--output expects the name of a folder"),
    (["--output", "mine.extxyz"], "mine.extxyz is a file"),
    (["--output", "mine.extxyz/run"], "mine.extxyz is a file"),
    (["--batch-size", "99999999999999"], "--batch-size expects at most 1,000,000"),
    (["--epochs", "99999999999999"], "--epochs expects at most"),
    (["--layers", "5000"], "--layers expects at most 64"),
    (["--seed", str(2**63)], "--seed expects at most"),
    (["--hidden", "99999999x0e+2x1o"], "--hidden expects at most 4096 copies"),
    (["--hidden", "4x0e+2x99o"], "--hidden expects degrees up to 11"),
    (["--target", "moment:1x9999999o"], "--target moment expects degrees up to 11"),
    (["--output", "."], "other files are in that folder (mine.extxyz)"),
    (["--learning-rate", "1e300"], "--learning-rate expects at most"),
    (["--learning-rate", "1e-300"], "--learning-rate expects at least"),
    (["--cutoff", "1e300"], "--cutoff expects at most"),
    (["--hidden", ""], "--hidden expects a value"),
    (["--cutoff", "1e-9"], "no two atoms of the training structures are closer than that"),
    (["--config", "nowhere.toml"], "no file of options"),
]

CLOUDS = [
    (["--points", "100000000000"], "--points expects at most 1,000,000"),
    (["--points", "1000000", "--draws", "1000"], "may be at most 10,000,000"),
    (["--levels", "50"], "--levels expects at most 8"),
    (["--levels", "8", "--points", "64"], "leaves less than one of --points 64"),
    (["--neighbors", "100000000"], "--neighbors expects at most 1,024"),
    (["--width", "100000000", "--encoder", "dgcnn"], "--width expects at most 4,096"),
    (["--hidden", "100000000"], "--hidden expects at most 4096"),
    (["--draws", "100000000"], "--draws expects at most 1,000"),
]


def refused(run, words, said):
    before = sorted(Path().rglob("*"))
    found = run(*words, code=2)
    assert found.err.startswith("error: ")
    assert found.err.count("\n") == 1
    assert said in found.err
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize(("words", "said"), PROPERTIES, ids=[said for _, said in PROPERTIES])
def test_properties(here, run, words, said):
    refused(run, ["fit", "properties", "mine.extxyz", "--target", "dipole:1o", *words], said)


@pytest.mark.parametrize(("words", "said"), CLOUDS, ids=[said for _, said in CLOUDS])
def test_clouds(here, run, words, said):
    Path("shapes").mkdir()
    refused(run, ["fit", "classify", "shapes", *words], said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fit", "classify", "circuit-parts"], "intertwine fit segment circuit-parts"),
        (["fit", "segment", "qm9"], "intertwine fit properties qm9"),
        (["fit", "properties", "", "--target", "a"], "expected a file, a folder or the name of a public set"),
        (["fit", "properties", "a\0b", "--target", "a"], "expected a file, a folder or the name of a public set"),
        (["fit", "properties", "pipe", "--target", "a"], "neither a file nor a folder"),
        (["fit", "properties", "socket", "--target", "a"], "neither a file nor a folder"),
        (["demo", "--output", ""], "--output expects"),
        (["demo", "--output", "mine.extxyz"], "mine.extxyz is a file"),
        (["demo", "--train", "99999999"], "asked for 99,999,999 + 500 + 2,000 of 130,831 structures"),
        (["fit", "properties", "qm9", "--target", "gap", "--test", "130832"], "asked for 130,832 of 130,831"),
        (["demo", "--output", "/proc/nowhere"], "/proc/nowhere: cannot make the folder"),
        (["evaluate", "x", "--batch-size", "9999999999"], "--batch-size expects at most"),
        (["evaluate", "x", "--seed", "-1"], "--seed expects"),
        (["evaluate", ".", "--output", ""], "--output expects"),
        (["evaluate", ".", "--output", "nowhere/a.json"], "nowhere does not exist"),
        (["predict", "x", "y", "--output", ""], "--output expects"),
        (["runs", "nowhere"], 'no run or folder of runs "nowhere"'),
        (["runs", ".", "mine"], "no run"),
        (["audit", "/"], "/ is not a checkpoint"),
        (["audit", "x", "--samples", "9" * 400], "--samples expects at most 100,000"),
        (["audit", "x", "--samples", "1000000000"], "--samples expects at most 100,000"),
        (["audit", "x", "--seed", "-1"], "--seed expects"),
        (["fit", "properties", "mine.extxyz", "--target", "dipole:1o", "--patience", "9" * 400], "--patience expects"),
        (["fit", "properties", "mine.extxyz", "--target", "dipole:1o", "--minutes", "1e300"], "--minutes expects"),
        (["pattern", "--detect", "pipe"], "pipe is a pipe or a device"),
        (["pattern", "p4", "a.png", "--motif", "/dev/zero"], "/dev/zero is a pipe or a device"),
        (["basis", "./pipe: V -> V"], "cannot read pipe: a named pipe, not a file"),
        (["basis", "/dev/zero: V -> V"], "cannot read /dev/zero: a device, not a file"),
    ],
)
def test_other_commands(here, run, words, said):
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        refused(run, words, said)


@pytest.mark.parametrize("name", ["model.safetensors", "checkpoint.json", "split.json"])
def test_a_pipe_in_a_checkpoint_is_not_waited_for(trained, run, tmp_path, monkeypatch, name):
    shutil.copytree(trained / "runs" / "mine-1", tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run" / "best" / name).unlink()
    os.mkfifo(tmp_path / "run" / "best" / name)
    assert "a named pipe, not a file" in run("evaluate", "run/best", code=2).err


def test_a_pipe_in_a_run_is_not_waited_for(trained, run, tmp_path, monkeypatch):
    shutil.copytree(trained / "runs" / "mine-1", tmp_path / "runs" / "run")
    monkeypatch.chdir(tmp_path)
    for name, words in (("last/resume.pt", ("fit", "--resume", "runs/run")), ("config.json", ("runs", "runs/run"))):
        (tmp_path / "runs" / "run" / name).unlink()
        os.mkfifo(tmp_path / "runs" / "run" / name)
        run(*words, code=2)


def test_a_launcher_may_start_several_nodes():
    check_nodes(2, {"TORCHELASTIC_RUN_ID": "x"})
    check_nodes(1, {})
