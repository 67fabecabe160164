"""The scripts under examples/ run, and stay short."""

import runpy
import sys
from pathlib import Path

import pytest
from PIL import Image

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5, EXAMPLES


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_runs(path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(path)])
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out, f"{path.name} prints what it found"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_is_short(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 60, f"{path.name} has {len(lines)} lines; 60 at most"


def test_filters_and_keypoints_of_a_photo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, script = Image.new("RGB", (48, 40)), EXAMPLES[0].with_name("steerable_filters.py")
    photo.paste((200, 90, 30), (18, 14, 30, 26))
    photo.save(tmp_path / "photo.png")
    monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path / "photo.png")])
    runpy.run_path(str(script), run_name="__main__")
    assert "keypoints, drawn in" in capsys.readouterr().out
