"""The command line on seeded inputs, right, wrong and odd; and the harness on planted faults."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz_base import RUNS
from fuzz_clock import Clock
from fuzz_harness import make_case

from intertwine import tasks
from intertwine.cli._app import COMMANDS

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="each input runs in a fork")
TOOL = Path(__file__).parents[2] / "tools" / "fuzz_cli.py"
COUNT, SEED = 45, 0


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


def fuzz(*words):
    return subprocess.run([sys.executable, TOOL, *map(str, words)], capture_output=True, text=True, check=False)


def test_no_input_makes_a_fault(base):
    done = fuzz("--count", COUNT, "--seed", SEED, "--base", base, "--json", base / "counts.json")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    counts = json.loads((base / "counts.json").read_text())["counts"]
    assert counts["tried"] == COUNT
    assert counts["known wrong"] > COUNT // 4
    assert counts["known right"] > COUNT // 40
    assert counts["exit code 2"] > COUNT // 4
    assert counts["exit code 0"] > COUNT // 20


def test_planted_faults_are_found(base):
    done = fuzz("--planted", "--hang", 5, "--base", base)
    found = json.loads(done.stdout)
    assert {name for name, kinds in found.items() if name.split(",")[0] in kinds} == set(found), done.stdout
    assert len(found) == 9


def test_every_command_and_task_is_tried():
    """With the seed of the suite and 2,000 inputs; what a generator names is not enough."""
    cases = [make_case(SEED, number).arguments for number in range(2000)]
    words = {case[0] for case in cases if case}
    assert set(COMMANDS) <= words
    assert set(tasks.names()) <= {case[1] for case in cases if case[:1] == ("fit",) and len(case) > 2}
    assert {path.split("/")[1].removesuffix("-1") for path in RUNS.values()} <= {
        case[1].split("/")[1].removesuffix("-1") for case in cases if len(case) > 1 and case[1].startswith("runs/")
    }


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="needs a table of processes")
def test_a_process_that_is_kept_from_the_processor_is_not_over(monkeypatch):
    """Ready, or waiting for a disk, for an hour: neither computed nor slept; asleep for a minute: over."""
    now, state = 0.0, "R"
    monkeypatch.setattr("fuzz_clock.time.monotonic", lambda: now)
    monkeypatch.setattr("fuzz_clock._processes", lambda session: [("S", 0.0), (state, 0.0)])
    clock = Clock(0, 20)
    now += 3600
    assert not clock.is_over()
    state = "D"
    now += 3600
    assert not clock.is_over()
    state = "S"
    now += 60
    assert clock.is_over()
