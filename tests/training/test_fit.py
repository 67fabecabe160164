import csv
import errno
import io
import json
import logging
import math
import os
import random
import signal
import sys
import time
import warnings
from dataclasses import replace
from importlib.util import find_spec
from types import ModuleType

import pytest
import torch
from rich.console import Console
from torch import nn
from training_toys import SILENT, Exploding, Toy

from intertwine._errors import UsageError
from intertwine.training import Refit, Settings, _log, fit, load_checkpoint
from intertwine.training.checkpoints import _storage
from intertwine.training.checkpoints._checkpoint import load_resume_state

SETTINGS = Settings(epochs=4, batch_size=8, learning_rate=0.05, ema=0.9, seed=5)


def rows(folder):
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def without_seconds(folder):
    return [{**row, "seconds": None} for row in rows(folder)]


def resume_state(folder):
    return load_resume_state(folder / "last")


def same_run(folder, other):
    for name in ("best", "last"):
        ours, theirs = load_checkpoint(folder / name), load_checkpoint(other / name)
        assert (ours.epoch, ours.step, ours.metrics) == (theirs.epoch, theirs.step, theirs.metrics)
        assert ours.weights.keys() == theirs.weights.keys()
        assert all(torch.equal(ours.weights[key], theirs.weights[key]) for key in ours.weights)
    assert all(
        torch.equal(value, resume_state(other).weights[key]) for key, value in resume_state(folder).weights.items()
    )
    assert without_seconds(folder) == without_seconds(other)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run, with dropout and augmentation."""
    folder = tmp_path_factory.mktemp("whole") / "x"
    outcome = fit(Toy(dropout=0.3), folder, SETTINGS, console=SILENT)
    return folder, outcome


class Stumbling(Toy):
    """Something happens in the n-th training batch."""

    def __init__(self, at, what, **options):
        super().__init__(dropout=0.3, **options)
        self.at, self.what = at, what

    def train_batch(self, indices, seed):
        batch = super().train_batch(indices, seed)
        if len(self.seen) == self.at:
            self.what()
        return batch


def fail():
    raise LookupError("the data are gone")


def press_ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def test_a_run_leaves_what_it_promises(whole):
    folder, outcome = whole
    assert sorted(path.name for path in folder.iterdir() if path.name[0] != ".") == [
        "best", "config.json", "last", "metrics.csv", "split.json",
    ]  # fmt: skip
    assert json.loads((folder / "split.json").read_text())["train"] == 50
    config = json.loads((folder / "config.json").read_text())
    assert config["config"] == {"hidden": 8, "dropout": 0.3}
    assert Settings.from_json(config["settings"]) == SETTINGS
    assert not outcome.interrupted
    assert (outcome.best, outcome.last) == (folder / "best", folder / "last")
    assert [row["epoch"] for row in outcome.history] == [1, 2, 3, 4]
    assert [int(row["step"]) for row in rows(folder)] == [7, 14, 21, 28]
    assert list(rows(folder)[0]) == ["epoch", "step", "learning_rate", "train_loss", "mae", "share", "seconds"]
    for row, logged in zip(outcome.history, rows(folder), strict=True):
        assert all(float(logged[name]) == pytest.approx(value, rel=1e-7) for name, value in row.items())
    assert outcome.history[-1]["mae"] < 0.8 * outcome.history[0]["mae"]


def test_the_same_seed_gives_the_same_run_and_another_another(whole, tmp_path):
    fit(Toy(dropout=0.3), tmp_path / "same", SETTINGS, console=SILENT)
    same_run(tmp_path / "same", whole[0])
    other = Settings.from_json({**SETTINGS.to_json(), "seed": 6})
    fit(Toy(dropout=0.3), tmp_path / "other", other, console=SILENT)
    assert rows(tmp_path / "other")[0]["train_loss"] != rows(whole[0])[0]["train_loss"]


@pytest.mark.parametrize("at", [3, 7, 8, 20, 28])
def test_an_exception_and_a_resume_are_as_if_nothing_had_been(whole, tmp_path, at):
    folder = tmp_path / "x"
    with pytest.raises(LookupError, match="the data are gone"):
        fit(Stumbling(at, fail), folder, SETTINGS, console=SILENT)
    outcome = fit(Toy(dropout=0.3), folder, SETTINGS, resume=True, console=SILENT)
    same_run(folder, whole[0])
    assert [row["epoch"] for row in outcome.history] == [1, 2, 3, 4]


@pytest.mark.parametrize("save", [2, 3, 8, 9])
def test_death_between_two_saves_leaves_neither_behind(whole, tmp_path, monkeypatch, save):
    """Saves 2 and 3 are those of the first epoch, 8 and 9 those of the last; each epoch is the best so far."""
    saves = []

    def deadly(path, files):
        saves.append(path)
        if len(saves) == save:
            fail()
        _storage.replace_folder(path, files)

    monkeypatch.setattr("intertwine.training._run_callback.replace_folder", deadly)
    with pytest.raises(LookupError):
        fit(Toy(dropout=0.3), tmp_path / "x", SETTINGS, console=SILENT)
    monkeypatch.undo()
    fit(Toy(dropout=0.3), tmp_path / "x", SETTINGS, resume=True, console=SILENT)
    same_run(tmp_path / "x", whole[0])
    assert load_checkpoint(tmp_path / "x" / "best").epoch == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("at", [1, 10, 14])
def test_a_signal_saves_the_running_step_and_the_run_goes_on_exactly_there(whole, tmp_path, number, at):
    folder = tmp_path / "x"
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    job = Stumbling(at, lambda: os.kill(os.getpid(), number))
    outcome = fit(job, folder, SETTINGS, console=SILENT)
    assert outcome.interrupted
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    saved = load_checkpoint(outcome.last)
    assert (saved.epoch, saved.step) == (at // 7, at)
    assert bool(saved.metrics) == (at == 14)
    rest = Toy(dropout=0.3)
    assert not fit(rest, folder, SETTINGS, resume=True, console=SILENT).interrupted
    assert len(job.seen) + len(rest.seen) == 28
    same_run(folder, whole[0])


def test_ctrl_c_twice_stops_at_once_and_the_last_epoch_stands(whole, tmp_path):
    folder = tmp_path / "x"

    def twice():
        press_ctrl_c()
        press_ctrl_c()

    handler = signal.getsignal(signal.SIGINT)
    outcome = fit(Stumbling(10, twice), folder, SETTINGS, console=SILENT)
    assert outcome.interrupted
    assert signal.getsignal(signal.SIGINT) == handler
    assert load_checkpoint(outcome.last).step == 7
    fit(Toy(dropout=0.3), folder, SETTINGS, resume=True, console=SILENT)
    same_run(folder, whole[0])


def test_saving_within_an_epoch(whole, tmp_path):
    often = Settings.from_json({**SETTINGS.to_json(), "save_minutes": 1e-9})
    with pytest.raises(LookupError):
        fit(Stumbling(12, fail), tmp_path / "x", often, console=SILENT)
    assert load_checkpoint(tmp_path / "x" / "last").step == 11
    fit(Toy(dropout=0.3), tmp_path / "x", SETTINGS, resume=True, console=SILENT)
    same_run(tmp_path / "x", whole[0])


@pytest.mark.parametrize(("at", "epoch"), [(1, 0), (10, 1)])
def test_a_loss_that_is_not_finite_stops_and_saves_nothing(tmp_path, at, epoch):
    folder = tmp_path / "x"
    with pytest.raises(UsageError, match=rf"loss is not finite \(nan\) in epoch {epoch + 1}, step {at}") as caught:
        fit(Exploding(at), folder, SETTINGS, console=SILENT)
    assert "learning rate" in str(caught.value)
    assert "\n" not in str(caught.value)
    last = load_checkpoint(folder / "last")
    assert last.epoch == epoch
    assert all(value.isfinite().all() for value in last.weights.values())


class Kinked(Toy):
    """A finite loss whose gradient is not."""

    def loss(self, batch):
        total, count = super().loss(batch)
        return total + torch.sqrt(0 * total), count


def test_a_gradient_that_is_not_finite_stops_before_the_step(tmp_path):
    with pytest.raises(UsageError, match="gradient is not finite"):
        fit(Kinked(), tmp_path / "x", SETTINGS, console=SILENT)
    assert all(value.isfinite().all() for value in load_checkpoint(tmp_path / "x").weights.values())


class Unmeasurable(Toy):
    def metrics(self, batch):
        return {name: (math.nan * total, count) for name, (total, count) in super().metrics(batch).items()}


def test_a_metric_that_is_not_finite_stops(tmp_path):
    with pytest.raises(UsageError, match="validation mae is not finite"):
        fit(Unmeasurable(), tmp_path / "x", SETTINGS, console=SILENT)


class Worsening(Toy):
    """The metric is best in the third epoch."""

    def metrics(self, batch):
        epoch = (len(self.seen) - 1) // 7 + 1
        return {"mae": (torch.tensor(float(abs(epoch - 3)) * len(batch[0])), len(batch[0]))}


def test_patience(tmp_path):
    settings = Settings(epochs=50, batch_size=8, patience=4)
    outcome = fit(Worsening(), tmp_path / "x", settings, console=SILENT)
    assert [row["mae"] for row in outcome.history] == [2, 1, 0, 1, 2, 3, 4]
    assert outcome.reason == "no improvement for 4 epochs"
    assert load_checkpoint(outcome.best).epoch == 3
    assert load_checkpoint(outcome.last).epoch == 7
    again = fit(Worsening(), tmp_path / "x", settings, resume=True, console=SILENT)
    assert len(again.history) == 7


def test_tensorboard_has_the_metrics_of_each_epoch(tmp_path, monkeypatch):
    written = []

    class Writer:
        def __init__(self, folder):
            self.folder = folder

        def add_scalar(self, name, value, step):
            written.append((name, value, step))

        def flush(self):
            pass

    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    monkeypatch.setattr("intertwine.training._fit.check_tensorboard", lambda: None)
    settings = Settings(epochs=2, batch_size=50, tensorboard=True)
    outcome = fit(Toy(), tmp_path / "x", settings, console=SILENT)
    assert [(value, step) for name, value, step in written if name == "mae"] == [
        (row["mae"], row["step"]) for row in outcome.history
    ]


@pytest.mark.skipif(find_spec("tensorboard") is not None, reason="TensorBoard is installed")
def test_without_tensorboard_the_line_says_how_to_install_it(tmp_path):
    with pytest.raises(UsageError, match="pip install tensorboard"):
        fit(Toy(), tmp_path / "x", Settings(tensorboard=True), console=SILENT)
    assert not (tmp_path / "x").exists()


class Plateau(Toy):
    """The metric never changes."""

    def metrics(self, batch):
        return {"mae": (torch.tensor(0.25 * len(batch[0])), len(batch[0]))}


def test_a_plateau_is_no_improvement(tmp_path):
    outcome = fit(Plateau(), tmp_path / "x", Settings(epochs=9, batch_size=50, patience=2), console=SILENT)
    assert outcome.reason == "no improvement for 2 epochs"
    assert len(outcome.history) == 3
    assert load_checkpoint(outcome.best).epoch == 1


def test_the_patience_is_counted_across_a_resume(tmp_path):
    class Interrupted(Worsening):
        def train_batch(self, indices, seed):
            if len(self.seen) == 38:
                press_ctrl_c()
            return super().train_batch(indices, seed)

    settings = Settings(epochs=50, batch_size=8, patience=4)
    first = Interrupted()
    assert fit(first, tmp_path / "x", settings, console=SILENT).interrupted
    second = Worsening()
    second.seen = first.seen
    assert len(fit(second, tmp_path / "x", settings, resume=True, console=SILENT).history) == 7


def test_a_time_budget_stops_within_an_epoch_validates_and_saves(tmp_path):
    job = Toy(train=200, delay=0.01)
    begun = time.monotonic()
    outcome = fit(job, tmp_path / "x", Settings(epochs=1000, batch_size=1, minutes=0.5 / 60), console=SILENT)
    assert "time budget" in outcome.reason
    assert not outcome.interrupted
    assert time.monotonic() - begun < 30
    assert len(outcome.history) == 1
    last = load_checkpoint(outcome.last)
    assert last.epoch == 0
    assert 0 < last.step < 200
    assert set(last.metrics) == {"mae", "share"}
    assert outcome.history[0]["learning_rate"] < 0.05 * 1e-3
    assert (
        len(fit(Toy(train=200), tmp_path / "x", Settings(epochs=2, batch_size=1), resume=True, console=SILENT).history)
        == 3
    )


def full_disk(path, content=None):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("what", ["model.safetensors", "resume.pt", "checkpoint.json", "metrics.csv"])
def test_a_full_disk_keeps_the_previous_checkpoint_and_says_so(whole, tmp_path, monkeypatch, what):
    folder, write, append_log = tmp_path / "x", _storage.write_file, _log.append_log
    job = Toy(dropout=0.3)

    def filling(path, content):
        if len(job.seen) > 14 and path.name == what:
            path.write_bytes(content[:10])
            full_disk(path)
        write(path, content)

    monkeypatch.setattr(_storage, "write_file", filling)
    if what == "metrics.csv":
        monkeypatch.setattr(
            "intertwine.training._run_callback.append_log",
            lambda path, row: full_disk(path) if row["epoch"] == 3 else append_log(path, row),
        )
    with pytest.raises(UsageError, match="No space left on device") as caught:
        fit(job, folder, SETTINGS, console=SILENT)
    assert f"intertwine fit --resume {folder}" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert load_checkpoint(folder / "last").epoch == 2
    load_checkpoint(folder / "best")
    assert not list(folder.glob("*.part")) + list(folder.glob("*.old"))
    monkeypatch.undo()
    fit(Toy(dropout=0.3), folder, SETTINGS, resume=True, console=SILENT)
    same_run(folder, whole[0])


def test_a_run_is_not_written_over(whole):
    with pytest.raises(UsageError, match=r"holds a run already.*--resume"):
        fit(Toy(dropout=0.3), whole[0], SETTINGS, console=SILENT)


def test_a_run_that_never_made_a_step_may_be_written_over(tmp_path):
    with pytest.raises(LookupError):
        fit(Stumbling(1, fail), tmp_path / "x", SETTINGS, console=SILENT)
    assert len(fit(Toy(), tmp_path / "x", SETTINGS, console=SILENT).history) == 4


def test_nothing_to_resume(tmp_path):
    with pytest.raises(UsageError, match="nothing to resume"):
        fit(Toy(), tmp_path / "x", SETTINGS, resume=True, console=SILENT)


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "x"):
        with pytest.raises(UsageError, match="a file is in the way"):
            fit(Toy(), folder, SETTINGS, console=SILENT)


@pytest.mark.parametrize(("options", "what"), [({"train": 0}, "train"), ({"validation": 0}, "validate")])
def test_no_examples(tmp_path, options, what):
    with pytest.raises(UsageError, match=f"no examples to {what} on"):
        fit(Toy(**options), tmp_path / "x", SETTINGS, console=SILENT)


def test_another_job_cannot_resume_the_run(whole):
    with pytest.raises(UsageError, match=r"another config \(dropout\)"):
        fit(Toy(dropout=0.1), whole[0], SETTINGS, resume=True, console=SILENT)
    with pytest.raises(UsageError, match=r"another split \(train\)"):
        fit(Toy(dropout=0.3, train=51), whole[0], SETTINGS, resume=True, console=SILENT)


def test_a_finished_run_is_at_rest_until_it_is_given_more_epochs(tmp_path):
    folder = tmp_path / "x"
    first = fit(Toy(), folder, Settings(epochs=1, batch_size=8), console=SILENT)
    job = Toy()
    assert fit(job, folder, Settings(epochs=1, batch_size=8), resume=True, console=SILENT).history == first.history
    assert job.seen == []
    assert len(fit(job, folder, Settings(epochs=2, batch_size=8), resume=True, console=SILENT).history) == 2
    assert json.loads((folder / "config.json").read_text())["settings"]["epochs"] == 2


def test_the_model_is_left_with_the_best_weights(tmp_path):
    job = Worsening()
    outcome = fit(job, tmp_path / "x", Settings(epochs=5, batch_size=8), console=SILENT)
    best = load_checkpoint(outcome.best)
    assert best.epoch == 3
    assert all(torch.equal(value, best.weights[name]) for name, value in job.model.state_dict().items())


def test_without_an_average_the_weights_themselves_are_saved(tmp_path):
    settings = Settings(epochs=2, batch_size=8, ema=None)
    fit(Toy(), tmp_path / "x", settings, console=SILENT)
    raw = resume_state(tmp_path / "x").weights
    assert all(
        torch.equal(raw[name], value) for name, value in load_checkpoint(tmp_path / "x" / "last").weights.items()
    )


def test_the_average_is_saved_and_is_not_the_weights(whole):
    raw, saved = resume_state(whole[0]), load_checkpoint(whole[0] / "last").weights
    assert all(torch.equal(raw.average[name], value) for name, value in saved.items())
    assert not torch.equal(raw.weights["0.weight"], saved["0.weight"])


def test_the_first_step_is_adamw_on_the_mean_over_the_batch(tmp_path):
    """The slow obvious way: torch's own optimizer, the gradient by hand, clipped."""
    settings = Settings(epochs=1, batch_size=100, learning_rate=0.1, ema=None, warmup=0, clip=0.5, weight_decay=0.1)
    job = Toy()
    fit(job, tmp_path / "x", settings, console=SILENT)
    (indices, seed), slow = job.seen[0], Toy()
    optimizer = torch.optim.AdamW(slow.model.parameters(), lr=0.1, weight_decay=0.1)
    x, y = slow.train_batch(torch.tensor(indices), seed)
    ((slow.model(x) - y) ** 2).mean().backward()
    norm = nn.utils.clip_grad_norm_(slow.model.parameters(), 0.5)
    assert norm > 0.5
    optimizer.step()
    for name, value in load_checkpoint(tmp_path / "x" / "last").weights.items():
        assert torch.allclose(value, slow.model.state_dict()[name], atol=1e-6)


def test_the_callers_world_is_left_as_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(3)
    random.seed(3)
    expected = torch.rand(3), random.random()
    torch.manual_seed(3)
    random.seed(3)
    level = logging.getLogger("lightning.pytorch").level
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(Toy(), "x", SETTINGS, console=SILENT)
    assert torch.equal(torch.rand(3), expected[0])
    assert random.random() == expected[1]
    assert logging.getLogger("lightning.pytorch").level == level
    assert [str(warning.message) for warning in caught] == []
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_pipe_gets_one_plain_line_an_epoch_and_a_terminal_a_bar(tmp_path, capfd):
    plain = io.StringIO()
    fit(Toy(), tmp_path / "x", SETTINGS, console=Console(file=plain, width=200))
    lines = plain.getvalue().splitlines()
    assert [line.split()[:2] for line in lines[:4]] == [["epoch", f"{n}/4"] for n in (1, 2, 3, 4)]
    assert all(word in lines[0] for word in ("loss", "val mae", "ETA"))
    assert lines[4] == "stopped       after epoch 4: all 4 epochs done"
    assert len(lines) == 5
    terminal = io.StringIO()
    fit(Toy(), tmp_path / "y", SETTINGS, console=Console(file=terminal, width=200, force_terminal=True))
    assert "epoch 4/4" in terminal.getvalue()
    assert "val mae" in terminal.getvalue()
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_an_interrupted_run_says_how_to_go_on(tmp_path):
    text = io.StringIO()
    fit(Stumbling(10, press_ctrl_c), tmp_path / "x", SETTINGS, console=Console(file=text, width=20))
    expected = f"interrupted   in epoch 2; go on with: intertwine fit --resume {tmp_path / 'x'}"
    assert text.getvalue().splitlines()[-1] == expected


def test_a_process_that_ignores_ctrl_c_goes_on_ignoring_it(whole, tmp_path):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert not fit(Stumbling(10, press_ctrl_c), tmp_path / "x", SETTINGS, console=SILENT).interrupted
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    same_run(tmp_path / "x", whole[0])


class Refitted(Toy):
    """Its refit gives any metric that is asked for."""

    def __init__(self, seconds=0.0, metric=1e-9, **options):
        super().__init__(**options)
        self.seconds, self.metric = seconds, metric

    def refit(self):
        with torch.no_grad():
            for weight in self.model.parameters():
                weight.fill_(0.5 + self.metric)
        return Refit({"mae": self.metric, "share": 1.0}, "done")

    def refit_seconds(self):
        return self.seconds


def test_a_resumed_run_keeps_the_better_refit(tmp_path):
    settings = Settings(epochs=2, batch_size=10)
    assert fit(Refitted(), tmp_path / "run", settings, console=SILENT).refit == "done"
    for epochs, metric, kept in ((4, 1e-6, 1e-9), (6, 1e-12, 1e-12)):
        job = Refitted(metric=metric)
        found = fit(job, tmp_path / "run", replace(settings, epochs=epochs), resume=True, console=SILENT)
        assert len(found.history) == epochs
        assert found.refit == "done"
        assert load_checkpoint(found.best).metrics["mae"] == kept
        assert all(bool((weight == 0.5 + kept).all()) for weight in job.model.parameters())


def test_a_refit_has_its_part_of_the_time(tmp_path):
    settings = Settings(epochs=100_000, batch_size=10, minutes=0.1)
    begin = time.monotonic()
    found = fit(Refitted(seconds=4.0), tmp_path / "run", settings, console=SILENT)
    assert "time budget" in found.reason
    assert found.history[-1]["seconds"] < 4.0  # half of the budget at most is left to it
    assert time.monotonic() - begin < 60
