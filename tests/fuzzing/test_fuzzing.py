"""The command line on seeded inputs, right, wrong and odd; and the harness on planted faults."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="each input runs in a fork")
TOOL = Path(__file__).parents[2] / "tools" / "fuzz_cli.py"
COUNT, SEED = 160, 0


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
    done = fuzz("--planted", "--hang", 12, "--base", base)
    found = json.loads(done.stdout)
    assert {name for name, kinds in found.items() if name in kinds} == set(found), done.stdout
    assert len(found) == 8
