"""Conformance tests of the tasks."""

import numpy as np

from intertwine.testing import TaskTests


class TestClassify(TaskTests):
    task = "classify"
    options = {"points": 24, "layers": 1, "neighbors": 6, "hidden": "4x0e+4x1o", "validation": "4", "test": "4"}  # noqa: RUF012

    def make_data(self, folder):
        random = np.random.default_rng(0)
        for name, axes in (("balls", (1, 1, 1)), ("discs", (1, 1, 0.1))):
            (folder / name).mkdir()
            for index in range(10):
                np.savetxt(folder / name / f"{index}.xyz", random.normal(size=(40, 3)) * axes)
        return str(folder)
