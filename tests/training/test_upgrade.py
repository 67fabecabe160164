"""Stored checkpoints of older formats: they are read as if this version had written them."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from training_toys import SILENT, Toy

from intertwine import tasks
from intertwine._errors import UsageError
from intertwine.training import Settings, fit, load_checkpoint, load_run
from intertwine.training.checkpoints._checkpoint import load_resume_state
from intertwine.training.checkpoints._upgrade import FORMAT, OLDEST, upgrade_resume_state
from intertwine.training.checkpoints._upgrade_step import rename_key, rename_weights
from intertwine.training.checkpoints._upgrade_steps import LAST_WITH, STEPS

STORED = Path(__file__).parent.parent / "fixtures" / "checkpoints"
FOLDERS = sorted(path.parent for path in STORED.glob("format-*/*/best"))
INPUTS = {"properties": ("numbers",), "classify": ("vectors",), "segment": ("vectors",)}


def name(folder):
    return folder.relative_to(STORED).as_posix()


def close(found, expected):
    torch.testing.assert_close(found, expected.to(found.dtype), rtol=1e-6, atol=1e-6)


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """A copy of the fixtures of format 2, as the current folder: what is trained on is named relative to it."""
    shutil.copytree(STORED / "format-2", tmp_path / "format-2")
    monkeypatch.setenv("INTERTWINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path / "format-2")
    return tmp_path / "format-2"


def test_each_format_that_is_read_has_fixtures_of_each_task():
    assert {name(folder) for folder in FOLDERS} >= {
        f"format-{number}/{task}" for number in range(OLDEST, FORMAT) for task in INPUTS
    }


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_a_stored_checkpoint_gives_the_stored_predictions(folder):
    checkpoint = load_checkpoint(folder)
    assert checkpoint.versions["format"] == int(folder.parent.name.removeprefix("format-"))
    assert load_run(folder).config == checkpoint.config
    model = tasks.get(checkpoint.task).restore(checkpoint).model
    example = load_file(folder / "example.safetensors")
    inputs = [example.get(key) for key in (*INPUTS[checkpoint.task], "positions", "edges", "batch")]
    category = [example["category"]] if "category" in example else []
    with torch.no_grad():
        close(model(*inputs, int(example["batch"].max()) + 1, *category), example["output"])


def test_reading_changes_nothing_on_disk(stored):
    before = {path: path.read_bytes() for path in stored.rglob("*") if path.is_file()}
    for folder in ("classify", "properties-resume"):
        load_checkpoint(folder)
        load_run(folder)
    load_resume_state(stored / "properties-resume" / "last")
    assert {path: path.read_bytes() for path in stored.rglob("*") if path.is_file()} == before


def test_a_stored_run_is_resumed(stored):
    """Weights, moving average, moments of the optimizer and counters: all of them matter for the next epoch."""
    folder = stored / "properties-resume"
    run, split = load_run(folder), load_checkpoint(folder / "last").split
    job = tasks.get(run.task).build(run.config, split)
    result = fit(job, folder, Settings(**{**run.settings.to_json(), "epochs": 3}), resume=True, console=SILENT)
    assert [row["epoch"] for row in result.history] == [1, 2, 3]
    resumed, expected = load_checkpoint(folder / "last"), load_file(folder / "resumed.safetensors")
    assert resumed.versions["format"] == FORMAT
    ours = sorted(resumed.weights.values(), key=lambda value: (value.shape, value.sum().item()))
    theirs = sorted(expected.values(), key=lambda value: (value.shape, value.sum().item()))
    for value, other in zip(ours, theirs, strict=True):  # by value: their names may have changed
        close(value, other)


def test_a_format_that_is_not_read_says_which_version_reads_it(stored):
    path = stored / "classify" / "best" / "checkpoint.json"
    metadata = json.loads(path.read_text())
    for number, version, advice in (
        (1, "0.1.0", "install that one, or train again"),
        (FORMAT + 1, "9.9.9", "install intertwine 9.9.9 or newer"),
        ("new", "9.9.9", "install intertwine 9.9.9 or newer"),
    ):
        path.write_text(json.dumps({**metadata, "format": number, "intertwine": version}))
        with pytest.raises(UsageError, match=advice) as caught:
            load_checkpoint(path.parent)
        assert f"in format {number} by intertwine {version}" in str(caught.value)
        assert "\n" not in str(caught.value)
    assert sorted(LAST_WITH) == list(range(1, OLDEST))


def test_every_format_has_a_step_to_the_next():
    assert {step.format for step in STEPS} == set(range(OLDEST, FORMAT))


def test_the_current_format_is_left_as_it_is(tmp_path):
    fit(Toy(), tmp_path / "x", Settings(epochs=1, batch_size=8), console=SILENT)
    state = load_resume_state(tmp_path / "x" / "last")
    content = {"format": FORMAT, "state": {"history": []}, "weights": state.weights, "average": None}
    assert upgrade_resume_state(content, "toy")["weights"] is state.weights


def test_changes_are_pure_and_leave_alone_what_is_not_there():
    config = {"encoder": {"neighbours": 3, "layers": 1}, "neighbours": 4}
    assert rename_key("encoder.neighbours", "k")(config) == {"encoder": {"k": 3, "layers": 1}, "neighbours": 4}
    assert config["encoder"] == {"neighbours": 3, "layers": 1}
    assert rename_key("model.neighbours", "k")(config) == config
    weights = {"a.radial.weight": 1, "radial": 2}
    assert rename_weights(r"\.radial\.", ".radial_network.")(weights) == {"a.radial_network.weight": 1, "radial": 2}
