"""The conformance tests of tasks fail on each kind of defect."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import intertwine.testing._tasks as suite
from intertwine.auditing import EquivarianceError
from intertwine.testing import TaskTests


class Classify(TaskTests):
    __test__ = False
    task = "classify"
    epochs = 1
    samples = 4
    options = {"points": 16, "layers": 1, "neighbors": 6, "hidden": "4x0e+2x1o", "validation": "4", "test": "4"}  # noqa: RUF012

    def make_data(self, folder):
        random = np.random.default_rng(0)
        for name, axes in (("balls", (1, 1, 1)), ("discs", (1, 1, 0.1))):
            (folder / name).mkdir()
            for index in range(6):
                np.savetxt(folder / name / f"{index}.xyz", random.normal(size=(20, 3)) * axes)
        return str(folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return Classify()._train(tmp_path_factory.mktemp("run"))


def see_height(module, inputs, logits):
    """A hook that adds a coordinate of the first two points to the logits."""
    positions = inputs[1]
    return logits + 0.01 * (positions[0, 2] - positions[1, 2])


class TestPlantedDefects:
    def test_the_run_itself_passes(self, run, tmp_path):
        tests = Classify()
        tests.test_trains(run)
        tests.test_builds_the_same_job_from_json(run)
        tests.test_is_equivariant(run)

    def test_a_model_that_breaks_its_law(self, run, monkeypatch):
        def load(checkpoint):
            predictor = suite_load(checkpoint)
            predictor.model.register_forward_hook(see_height)
            return predictor

        suite_load = suite.load
        monkeypatch.setattr(suite, "load", load)
        with pytest.raises(EquivarianceError, match=r"O\(3\)"):
            Classify().test_is_equivariant(run)

    def test_a_build_with_another_configuration(self, run, monkeypatch):
        def build(task, config, split):
            job = run.task.build(config, split)
            job.config = {**job.config, "points": 17}
            return job

        monkeypatch.setattr(suite.contract, "build", build)
        with pytest.raises(AssertionError, match="the configuration changes"):
            Classify().test_builds_the_same_job_from_json(run)

    def test_a_build_with_another_split(self, run, monkeypatch):
        def build(task, config, split):
            return run.task.build(config, {**split, "validation": split["validation"][:-1]})

        monkeypatch.setattr(suite.contract, "build", build)
        with pytest.raises(AssertionError):
            Classify().test_builds_the_same_job_from_json(run)

    def test_a_build_whose_model_computes_otherwise(self, run, monkeypatch):
        def build(task, config, split):
            job = run.task.build(config, split)
            job.model.register_forward_hook(lambda module, inputs, output: -output)
            return job

        monkeypatch.setattr(suite.contract, "build", build)
        with pytest.raises(AssertionError):
            Classify().test_builds_the_same_job_from_json(run)

    def test_a_loss_that_is_not_finite(self, run):
        broken = replace(run.result, history=[{**row, "train_loss": float("nan")} for row in run.result.history])
        with pytest.raises(AssertionError, match="not finite"):
            Classify().test_trains(replace(run, result=broken))

    def test_a_model_that_is_random(self, run, monkeypatch):
        def load(checkpoint):
            predictor = suite_load(checkpoint)
            predictor.model.register_forward_hook(lambda module, inputs, out: out + 0.1 * torch.randn_like(out))
            return predictor

        suite_load = suite.load
        monkeypatch.setattr(suite, "load", load)
        with pytest.raises(EquivarianceError, match="random"):
            Classify().test_is_equivariant(run)
