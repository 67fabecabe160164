"""The main job in small: the command, its table, its page, and what it does when it is run again."""

import re
from pathlib import Path

import pytest

from intertwine.cli.commands._demo import demo


def test_a_small_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("INTERTWINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    assert demo(train=48, test=24, epochs=1) == 0
    said = capsys.readouterr().out
    table = {line.split("  ")[0]: re.findall(r"\d\S*", line) for line in said.splitlines() if "  " in line}
    given, rotated = (float(figure) for figure in table["steerable"][:2])
    assert given == pytest.approx(rotated, abs=2e-4)
    assert "composition only" in table
    assert (tmp_path / "runs/demo-1/report.html").stat().st_size > 20_000
    assert demo(train=48, test=24, epochs=1, output="runs/demo-1") == 0  # nothing is trained twice
    assert capsys.readouterr().out.count("epoch 1/1") == 0
