"""Conformance tests of tasks: options, training, resuming, evaluation, prediction, audit, errors of use."""

from __future__ import annotations

import copy
import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

import intertwine.testing._task_contract as contract
from intertwine._errors import UsageError
from intertwine.tasks import OPTION, FitOptions, Task, get, load, names
from intertwine.training import FitResult, Job, Settings


@dataclass(frozen=True)
class TaskRun:
    """A short run of a task on small data.

    Attributes:
        task: The task.
        data: The data that it was trained on.
        job: The trained job.
        settings: Settings of the run.
        folder: Folder of the run.
        result: Checkpoints and history.
    """

    task: Task
    data: str
    job: Job
    settings: Settings
    folder: Path
    result: FitResult


class TaskTests:
    """Conformance tests of a task, to be inherited by a test class.

    The task must be registered, in the library or by an entry point of the group ``intertwine.tasks``. A subclass
    defines the attribute ``task`` and the method :meth:`make_data`:

        class TestMyTask(TaskTests):
            task = "my-task"
            options = {"layers": 1, "hidden": "4x0e + 2x1o"}

            def make_data(self, folder):
                write_small_data(folder / "data")
                return str(folder / "data")

    Attributes:
        task: Name of the task.
        options: Options of ``intertwine fit TASK``, with underscores; they should make the model small.
        epochs: Number of epochs of the run.
        samples: Number of random group elements in the audit.
        tolerance: The largest relative equivariance error.
    """

    task: str
    options: Mapping[str, Any] = {}
    epochs: int = 2
    samples: int = 32
    tolerance: float | None = None
    _class_folder: ClassVar[Path]
    _run: ClassVar[TaskRun]

    def make_data(self, folder: Path) -> str:
        """Write small data into a folder. Override this.

        Args:
            folder: An empty folder.

        Returns:
            What ``intertwine fit TASK`` takes as its argument DATA.
        """
        raise NotImplementedError(f"{type(self).__name__} must define make_data")

    def make_bad_data(self, folder: Path) -> Mapping[str, str]:
        """Data that the task must refuse with a ``UsageError``, by description.

        Args:
            folder: An empty folder.
        """
        (folder / "empty").touch()
        (folder / "folder").mkdir()
        return {
            "missing": str(folder / "missing"),
            "empty file": str(folder / "empty"),
            "empty folder": str(folder / "folder"),
        }

    @pytest.fixture(autouse=True)
    def class_folder(self, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A folder for all tests of the class, with a cache of its own instead of the user's."""
        cls = type(self)
        if "_class_folder" not in cls.__dict__:
            cls._class_folder = tmp_path_factory.mktemp(cls.__name__)
        monkeypatch.setenv("INTERTWINE_CACHE", str(cls._class_folder / "cache"))
        return cls._class_folder

    @pytest.fixture
    def run(self, class_folder: Path) -> TaskRun:
        """The trained run, one for all tests of the class."""
        cls = type(self)
        if "_run" not in cls.__dict__:
            cls._run = self._train(class_folder)
        return cls._run

    def _train(self, folder: Path) -> TaskRun:
        task = get(self.task)
        (folder / "data").mkdir()
        data = self.make_data(folder / "data")
        job, settings = contract.prepare(task, data, self._options())
        result = contract.train(job, folder / "run", settings)
        return TaskRun(task, data, job, settings, folder / "run", result)

    def _options(self) -> dict[str, Any]:
        return {"epochs": self.epochs, **self.options}

    def test_is_registered(self) -> None:
        """The task has a name, a summary and options."""
        assert self.task in names(), f'no task "{self.task}"; registered: {", ".join(names())}'
        task = get(self.task)
        assert task.name == self.task, f'the task "{self.task}" calls itself "{task.name}"'
        assert task.summary.endswith("."), f"expected a sentence as summary, got {task.summary!r}"
        assert issubclass(task.options, FitOptions), f"expected options derived from FitOptions, got {task.options}"

    def test_options_have_help(self) -> None:
        """Every option of the command line has a help text."""
        for item in fields(get(self.task).options):
            text = item.metadata.get(OPTION, {}).get("help", "")
            assert text.endswith((".", ")")), f"expected a sentence as help of the option {item.name}, got {text!r}"

    def test_trains(self, run: TaskRun) -> None:
        """Training gives a checkpoint and a finite loss in each epoch."""
        assert not run.result.interrupted, f"training was interrupted: {run.result.reason}"
        assert len(run.result.history) == self.epochs, f"expected {self.epochs} epochs, got {run.result.history}"
        assert all(math.isfinite(row["train_loss"]) for row in run.result.history), "a loss is not finite"
        assert run.result.best.is_dir(), f"no checkpoint in {run.result.best}"

    def test_builds_the_same_job_from_json(self, run: TaskRun) -> None:
        """``build`` gives the same job from the configuration and the split, which are JSON."""
        config, split = (json.loads(json.dumps(values)) for values in (run.job.config, run.job.split))
        job = contract.build(run.task, config, split)
        assert job.config == run.job.config, "the configuration changes on the way through JSON"
        sizes, expected = ((some.train_size(), some.validation_size()) for some in (job, run.job))
        assert sizes == expected, f"expected {expected} examples to train and validate on, got {sizes}"
        job.model.load_state_dict(run.job.model.state_dict())
        left, right = _validation_metrics(job), _validation_metrics(run.job)
        assert job.monitor in left, f'the monitored metric "{job.monitor}" is not among {", ".join(left)}'
        same = pytest.approx(right, rel=1e-4, abs=1e-6, nan_ok=True)
        assert left == same, f"the metrics of validation change: {left} after {right}"

    def test_resumes(self, run: TaskRun, tmp_path: Path) -> None:
        """A run can be made longer."""
        folder = shutil.copytree(run.folder, tmp_path / "run")
        job = contract.build(run.task, copy.deepcopy(run.job.config), copy.deepcopy(run.job.split))
        result = contract.resume(job, folder, run.settings, self.epochs + 1)
        assert len(result.history) == self.epochs + 1, f"expected one more epoch, got {result.history}"

    def test_evaluates(self, run: TaskRun) -> None:
        """The test split gives a table and metrics that are JSON."""
        found = contract.evaluate(load(run.result.best), None)
        assert found.rows, "the table has no rows"
        assert all(len(row) == len(found.columns) for row in found.rows), "the rows do not fit the columns"
        assert json.loads(json.dumps(found.metrics)), "there are no metrics"

    def test_predicts(self, run: TaskRun, tmp_path: Path) -> None:
        """Predictions are written in each format."""
        predictor = load(run.result.best)
        for index, suffix in enumerate(predictor.suffixes):
            output = tmp_path / f"{index}{suffix}"
            assert contract.predict(predictor, run.data, output) > 0, f"no predictions in {output.name}"
            assert output.exists(), f"{output.name} was not written"

    def test_is_equivariant(self, run: TaskRun) -> None:
        """The trained model obeys its law on the test split."""
        contract.audit(load(run.result.best), self.samples).check(self.tolerance)

    def test_refuses_bad_data(self, tmp_path: Path) -> None:
        """Bad data cause a ``UsageError`` of one line."""
        task = get(self.task)
        for what, data in self.make_bad_data(tmp_path).items():
            with pytest.raises(UsageError) as caught:
                contract.prepare(task, data, self._options())
            assert "\n" not in str(caught.value), f"expected one line for {what}, got {caught.value}"

    def test_refuses_bad_options(self) -> None:
        """A bad option causes a ``UsageError`` before anything is read."""
        with pytest.raises(UsageError, match="epochs"):
            contract.prepare(get(self.task), "missing", {**self._options(), "epochs": 0})


def _validation_metrics(job: Job) -> dict[str, float]:
    """Mean metrics over the validation set."""
    training = job.model.training
    job.model.eval()
    with torch.no_grad():
        batch = job.validation_batch(torch.arange(job.validation_size()))
        found = {name: float(total) / max(count, 1) for name, (total, count) in job.metrics(batch).items()}
    job.model.train(training)
    return found
