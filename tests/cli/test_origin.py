"""The table at the end of a page that a command writes: where the page comes from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from intertwine import __version__
from intertwine.cli._main import main
from intertwine.cli._origin import page_origin

MODEL = """
from intertwine.groups import O3

def identity(x):
    return x

identity.rep_in = identity.rep_out = O3().vector
"""


def test_rows():
    rows = dict(page_origin(["a b.pdb", None, "c"], seed=3))
    assert list(rows) == ["intertwine", "date", "seed", "command", "data"]
    assert (rows["intertwine"], rows["seed"], rows["data"]) == (__version__, "3", "a b.pdb, c")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", rows["date"])
    assert "data" not in dict(page_origin([None]))


def test_the_page_of_an_audit(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    Path("my model.py").write_text(MODEL)
    words = ["audit", "my model.py:identity", "--samples", "2", "--seed", "5", "--output", "out"]
    assert main(words) == 0
    page = Path("out", "audit.html").read_text()
    cells = dict(re.findall(r"<tr><td>(\w+)</td><td>([^<]*)</td></tr>", page[page.index("<h2>Run</h2>") :]))
    assert cells["command"] == "intertwine audit &#x27;my model.py:identity&#x27; --samples 2 --seed 5 --output out"
    assert (cells["seed"], cells["data"], cells["intertwine"]) == ("5", "my model.py:identity", __version__)
