"""Conformance of the task on keypoints."""

from __future__ import annotations

from drawn_photos import write_photos

from intertwine.testing import TaskTests


class TestKeypoints(TaskTests):
    task = "keypoints"
    options = {"crop": 40, "width": 1, "pairs": 1, "samples": 12, "batch_size": 2, "validation": "1", "test": "1"}  # noqa: RUF012

    def make_data(self, folder):
        return str(write_photos(folder))

    def make_bad_data(self, folder):
        found = dict(super().make_bad_data(folder))
        (folder / "text").mkdir()
        (folder / "text" / "a.png").write_text("no image")
        found["no image"] = str(folder / "text")
        found["a file of something else"] = str(folder / "notes.txt")
        (folder / "notes.txt").write_text("no image")
        found["too few"] = str(write_photos(folder / "few", 2))
        return found
