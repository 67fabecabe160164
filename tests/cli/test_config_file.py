"""Options from a file: TOML, JSON, and the configuration of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from intertwine.tasks.options import read_config
from intertwine.tasks.properties import PropertiesOptions
from intertwine.tasks.runs import command_line

TOML = """
task = "properties"
data = "mine.extxyz"
target = ["dipole:1o@debye"]
hidden = "4x0e+2x1o"
layers = 1
epochs = 2
batch-size = 8
cutoff = 4
"""


@pytest.fixture
def toml(here):
    path = here / "run.toml"
    path.write_text(TOML)
    return path


def settings(folder):
    return json.loads((folder / "config.json").read_text())["settings"]


def test_a_run_from_a_file_and_a_run_from_its_configuration(run, toml, here):
    run("fit", "properties", "--config", toml, "--epochs", "1")
    first = here / "runs" / "mine-1"
    assert (settings(first)["epochs"], settings(first)["batch_size"]) == (1, 8)
    content = json.loads((first / "config.json").read_text())
    assert content["config"]["encoder"]["cutoff"] == 4
    assert content["command"].startswith("intertwine fit properties mine.extxyz --")
    assert content["started"][:2] == "20"
    run("fit", "properties", "--config", first / "config.json", "--seed", "3")
    second = here / "runs" / "mine-2"
    assert settings(second) == settings(first) | {"seed": 3}
    run("fit", "--resume", second, "--epochs", "2")
    again = json.loads((second / "config.json").read_text())
    assert again["options"]["seed"] == 3
    assert again["settings"]["epochs"] == 2
    listed = run("runs").out.splitlines()
    assert listed[0].split() == ["run", "task", "data", "epochs", "best", "minutes", "started"]
    assert [line.split()[:4] for line in listed[1:]] == [
        ["runs/mine-1", "properties", "mine.extxyz", "1/1"],
        ["runs/mine-2", "properties", str(here / "mine.extxyz"), "2/2"],
    ]
    compared = {line.split("  ")[0]: line.split()[-2:] for line in run("runs", first, second).out.splitlines()}
    assert compared["option seed"] == ["0", "3"]
    assert compared["epochs"] == ["1/1", "2/2"]
    assert "option batch_size" not in compared
    best = [json.loads((folder / "best" / "checkpoint.json").read_text())["metrics"] for folder in (first, second)]
    assert compared["val error_norm"] == [f"{metrics['error_norm']:.4g}" for metrics in best]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.toml", "data = [", "does not hold options"),
        ("a.json", "[1]", "does not hold options"),
        ("a.json", "\xff", "does not hold options"),
        ("a.yaml", "", "ends in .toml or .json"),
        ("a.toml", 'task = "classify"', "is of the task classify"),
        ("a.toml", "epoch = 3", 'no option of properties "epoch"; did you mean "epochs"'),
        ("a.toml", 'data = "mine.extxyz"\ntarget = ["a"]\nepochs = "3"', "--epochs expects a whole number"),
        ("a.json", '{"data": "mine.extxyz", "target": ["a"], "epochs": null}', "--epochs expects a whole number"),
        ("a.json", '{"data": null}', "missing argument DATA"),
        ("a.json", '{"data": "mine.extxyz", "target": ["a", 2]}', "--target expects a list of texts, got ['a', 2]"),
        ("a.json", '{"data": "mine.extxyz", "target": [["a"]]}', "--target expects a list of texts"),
        ("a.json", '{"data": 3, "target": ["a"]}', "--data expects text"),
        ("a.json", '{"task": "properties", "config": {}, "settings": {}}', "does not hold the options of its run"),
    ],
)
def test_what_is_no_configuration(run, here, name, content, said):
    Path(name).write_bytes(content.encode("latin-1"))
    found = run("fit", "properties", "--config", name, code=2)
    assert said in found.err
    assert found.err.count("\n") == 1


def test_the_command_means_the_options(toml):
    options = PropertiesOptions.from_values("properties", {**read_config(toml, "properties"), "augment": True})
    assert command_line("properties", options) == (
        "intertwine fit properties mine.extxyz --epochs 2 --batch-size 8 --target dipole:1o@debye --hidden 4x0e+2x1o "
        "--layers 1 --cutoff 4 --augment"
    )
