"""What `intertwine data` says of a set of shapes; sets of molecules are in the tests of the demo."""

from __future__ import annotations

import pytest
import torch

from intertwine.data import RECIPES, Recipe, Split
from intertwine.data import shapes as make_shapes


@pytest.mark.parametrize("parts", [False, True])
def test_shapes(run, monkeypatch, tmp_path, parts):
    monkeypatch.setenv("INTERTWINE_CACHE", str(tmp_path / "cache"))
    shapes = make_shapes(
        torch.zeros(8, 3),
        torch.tensor([0, 2, 4, 6, 8]),
        torch.tensor([0, 1, 1, 0]),
        ("chair", "table"),
        torch.tensor([0, 1] * 4) if parts else None,
        ("leg", "top") if parts else (),
        split=Split(4, *torch.tensor([0, 1, 2, 3]).split([2, 1, 1]), seed=0),
    )
    monkeypatch.setitem(RECIPES, "furniture", Recipe("made", lambda progress: shapes))
    found = run("data", "furniture")
    expected = [
        "furniture     4 shapes in 2 classes",
        "classes       chair 2, table 2",
        *(["points        leg 50.0%, top 50.0%"] if parts else []),
        "split         2 / 1 / 1 (training, validation, test), near-duplicates together",
        f"cached        {tmp_path / 'cache'}",
    ]
    assert found.out.splitlines() == expected


def test_all_are_listed(run):
    assert [line.split()[0] for line in run("data").out.splitlines()] == list(RECIPES)


def test_a_set_that_cannot_be_had_is_one_line(run, monkeypatch, tmp_path):
    monkeypatch.setenv("INTERTWINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "")
    for name in ("furniture", "circuit-parts"):
        found = run("data", name, code=2)
        assert found.err.count("\n") == 1
        assert "is a Debian package and there is no apt-get here; put " in found.err
