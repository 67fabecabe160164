"""Summaries of run folders, whole and damaged."""

from __future__ import annotations

import json

import pytest

from intertwine._errors import UsageError
from intertwine.tasks.runs._run_summary import differing_options, find_runs, summarize


def write_run(folder, **content):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"task": "properties", "settings": {"epochs": 3}} | content))
    return folder


def test_a_run_before_its_first_epoch(tmp_path):
    folder = write_run(tmp_path / "a", options={"seed": 1}, config={"data": {"given": "mine.extxyz"}})
    found = summarize(folder)
    assert (found.task, found.data, found.epochs, found.planned) == ("properties", "mine.extxyz", 0, 3)
    assert (found.seconds, found.monitor, found.metrics) == (0.0, "", {})
    assert found.options == {"epochs": 3, "seed": 1}


@pytest.mark.parametrize("content", [{"task": None}, {"settings": [1]}, {"options": "seed"}])
def test_a_damaged_configuration_is_refused(tmp_path, content):
    folder = write_run(tmp_path / "a", **content)
    with pytest.raises(UsageError, match=r"config\.json is damaged: it has no task, or no settings"):
        summarize(folder)


def test_a_folder_without_a_configuration_is_no_run(tmp_path):
    with pytest.raises(UsageError, match="is not a run"):
        summarize(tmp_path)


def test_damaged_runs_are_left_out_of_the_list(tmp_path):
    write_run(tmp_path / "late", started="2026-02-01")
    write_run(tmp_path / "early", started="2026-01-01")
    write_run(tmp_path / "damaged", task=None)
    assert [run.folder.name for run in find_runs(tmp_path)] == ["early", "late"]


def test_only_options_that_differ_are_compared(tmp_path):
    runs = [
        summarize(write_run(tmp_path / name, options={"seed": seed, "widths": [1, 2], **more}))
        for name, seed, more in (("a", 0, {}), ("b", 3, {"cutoff": None}), ("c", 0, {"cutoff": 5}))
    ]
    assert differing_options(runs) == [("seed", ["0", "3", "0"]), ("cutoff", ["-", "-", "5"])]


def test_a_finished_run(tmp_path):
    folder = write_run(tmp_path / "a", started="2026-01-01", config={"data": "text"}, settings={"epochs": 5, "seed": 2})
    (folder / "metrics.csv").write_text("epoch,loss,seconds\n1,0.5,10\n4,,25.5\n")
    for name, loss in (("last", 0.3), ("best", 0.25)):
        (folder / name).mkdir()
        (folder / name / "checkpoint.json").write_text(json.dumps({"monitor": "loss", "metrics": {"loss": loss}}))
        found = summarize(folder)
        assert (found.monitor, found.metrics) == ("loss", {"loss": loss})  # the best, else the last
    assert (found.started, found.epochs, found.planned, found.seconds) == ("2026-01-01", 4, 5, 25.5)
    assert found.data == ""
    assert found.options == {"epochs": 5, "seed": 2}
    assert find_runs(tmp_path / "nothing") == []
