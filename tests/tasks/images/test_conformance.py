"""Conformance of the task on images: classes, numbers and masks."""

from __future__ import annotations

from drawn_shapes import write_classes, write_masks, write_numbers

from intertwine.testing import TaskTests

SPLIT = {"validation": "4", "test": "4", "batch_size": 8}


class TestClasses(TaskTests):
    task = "images"
    options = {**SPLIT, "group": "C8", "widths": "2,3", "kernel_size": "5", "augment": "rotate+shift"}  # noqa: RUF012

    def make_data(self, folder):
        return str(write_classes(folder))

    def make_bad_data(self, folder):
        found = dict(super().make_bad_data(folder))
        found["one class"] = str(write_classes(folder / "one", kinds=("square",)))
        (folder / "text.csv").write_text("no images here\n")
        found["a table of something else"] = str(folder / "text.csv")
        return found


class TestNumbers(TaskTests):
    task = "images"
    options = {**SPLIT, "model": "harmonic", "widths": "2,3", "corners": "blank"}  # noqa: RUF012

    def make_data(self, folder):
        return str(write_numbers(folder))


class TestMasks(TaskTests):
    task = "images"
    options = {**SPLIT, "group": "D4", "widths": "1,2", "augment": "rotate+flip+elastic"}  # noqa: RUF012

    def make_data(self, folder):
        return str(write_masks(folder))
