"""Conformance of the task on registration."""

from __future__ import annotations

import pytest
from shape_files import write_shapes

from intertwine.testing import TaskTests

pytest.importorskip("trimesh")

SMALL = {"points": 32, "superpoints": 8, "hidden": "4x0e+2x1o", "layers": 1, "neighbors": 6, "blocks": 1, "pairs": 2,
         "batch_size": 3, "validation": "1", "test": "1"}  # fmt: skip


class TestRegister(TaskTests):
    task = "register"
    options = SMALL

    def make_data(self, folder):
        return str(write_shapes(folder / "shapes", 4))

    def make_bad_data(self, folder):
        found = dict(super().make_bad_data(folder))
        (folder / "text").mkdir()
        (folder / "text" / "a.xyz").write_text("no cloud\n")
        found["no cloud"] = str(folder / "text")
        (folder / "equal").mkdir()
        for name in "abc":
            (folder / "equal" / f"{name}.xyz").write_text("1 1 1\n1 1 1\n")
        found["equal points"] = str(folder / "equal")
        (folder / "lines").mkdir()
        for name in "abcd":
            (folder / "lines" / f"{name}.xyz").write_text("0 0 0\n1 2 3\n2 4 6\n3 6 9\n")
        found["lines"] = str(folder / "lines")
        found["too few"] = str(write_shapes(folder / "few", 2))
        found["one file"] = str(folder / "few" / "0.xyz")
        return found
