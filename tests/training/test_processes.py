import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
import training_toys
from training_toys import SILENT, Dying, Failing, Toy

from intertwine._errors import UsageError
from intertwine.models import ScalarBatchNorm
from intertwine.nn.norm._synchronize import _ROWS_COUNT
from intertwine.training import Settings, fit, load_checkpoint
from intertwine.training.checkpoints._checkpoint import load_resume_state


def resume_state(folder):
    return load_resume_state(folder / "last")


def moments(folder):
    """AdamW's first moments: with next to no learning rate, a fixed mean of the gradients of all steps."""
    return [entry["exp_avg"] for _, entry in sorted(resume_state(folder).optimizer["state"].items())]


def is_alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


class Partial(Toy):
    """One parameter is never used."""

    def __init__(self, **options):
        super().__init__(**options)
        self.model.register_parameter("idle", torch.nn.Parameter(torch.ones(2)))


def test_two_processes_have_the_gradients_of_the_joined_batch(tmp_path, capfd):
    """Steps of 2, 2 and 1 examples: the second process has none in the last, nor in the last of the validation."""
    settings = {"epochs": 1, "batch_size": 2, "learning_rate": 1e-7, "weight_decay": 0.1, "clip": None}
    for devices in (1, 2):
        job = Partial(train=5, validation=3)
        fit(job, tmp_path / str(devices), Settings(**settings, devices=devices), console=SILENT)
    one, two = (moments(tmp_path / name) for name in "12")
    assert len(one) == 4
    for ours, theirs in zip(one, two, strict=True):
        assert ours.norm() > 0.01
        assert (ours - theirs).norm() <= 1e-5 * ours.norm()
    one, two = (load_checkpoint(tmp_path / name / "last") for name in "12")
    assert two.metrics["mae"] == pytest.approx(one.metrics["mae"], rel=1e-5)
    assert torch.equal(two.weights["idle"], torch.ones(2))
    losses = [resume_state(tmp_path / name).state.history[0]["train_loss"] for name in "12"]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""
    assert not torch.distributed.is_initialized()


class Rows(Toy):
    """Four rows an example, with statistics over all rows of a batch."""

    def __init__(self, **options):
        super().__init__(**options)
        generator = torch.Generator().manual_seed(2)
        scales = torch.rand(len(self.x), 1, 1, generator=generator)
        self.x = scales * torch.randn(len(self.x), 4, 3, generator=generator)
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.model = torch.nn.Sequential(
                torch.nn.Linear(3, 8),
                torch.nn.Flatten(0, 1),
                ScalarBatchNorm(8),
                torch.nn.SiLU(),
                torch.nn.Linear(8, 1),
            )

    def train_batch(self, indices, seed):
        return self.x[indices], self.y[indices, 0]

    def loss(self, batch):
        x, y = batch
        return ((self.model(x).reshape(len(x), 4).mean(1) - y) ** 2).sum(), len(x)

    def metrics(self, batch):
        loss, count = self.loss(batch)
        return {"mae": (loss.detach(), count)}

    def validation_batch(self, indices):
        return self.train_batch(indices + self.train, 0)


class CountingPadding(Rows):
    """Padding counts in the statistics."""

    def loss(self, batch):
        token = _ROWS_COUNT.set(True)
        try:
            return super().loss(batch)
        finally:
            _ROWS_COUNT.reset(token)


def gradient_difference(job_class, folder):
    """Relative difference of the gradients of two processes and one, in steps of 2, 2 and 1 examples."""
    settings = {"epochs": 1, "batch_size": 2, "learning_rate": 1e-7, "weight_decay": 0.1, "clip": None}
    found = []
    for devices in (1, 2):
        fit(
            job_class(train=5, validation=2),
            folder / str(devices),
            Settings(**settings, devices=devices),
            console=SILENT,
        )
        found.append(torch.cat([moment.flatten() for moment in moments(folder / str(devices))]))
    running = [load_checkpoint(folder / name / "last").weights["2.running_var"] for name in "12"]
    return float((found[0] - found[1]).norm() / found[0].norm()), float((running[0] - running[1]).abs().max())


def test_a_process_without_examples_does_not_count_in_the_statistics(tmp_path):
    """The second process computes on an example of the first in the last step: its rows must not count twice."""
    gradients, running = gradient_difference(Rows, tmp_path / "right")
    assert gradients <= 1e-5
    assert running <= 1e-6
    # twice the rows have the same mean and variance; the running variance, which is unbiased, tells them apart
    _, running = gradient_difference(CountingPadding, tmp_path / "wrong")
    assert running > 1e-4


def test_ctrl_c_on_the_terminal_stops_all_processes_and_saves_once(tmp_path):
    """A terminal sends SIGINT to the whole group."""
    command = [sys.executable, training_toys.__file__, str(tmp_path / "x"), "--job", '{"delay": 0.005}']
    command += ["--settings", json.dumps({"epochs": 500, "batch_size": 8, "devices": 2})]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    log = tmp_path / "x" / "metrics.csv"
    while process.poll() is None and not (log.exists() and len(log.read_text().splitlines()) > 1):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert err == ""
    assert process.returncode == 0
    assert json.loads(out.splitlines()[-1])["interrupted"]
    assert "go on with: intertwine fit --resume" in out.splitlines()[-2]
    assert load_checkpoint(tmp_path / "x" / "last").step >= 7
    deadline = time.monotonic() + 20
    while is_alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(process.pid)


def test_what_goes_wrong_in_another_process_is_told_here(tmp_path):
    with pytest.raises(RuntimeError, match=r"process 2 of 2 failed(.|\n)*a page is missing"):
        fit(Failing(), tmp_path / "x", Settings(epochs=2, devices=2), console=SILENT)


def test_a_process_that_is_killed_ends_the_run_with_one_line(tmp_path):
    with pytest.raises(UsageError, match=r"process 2 of 2 was killed \(signal 9\)") as caught:
        fit(Dying(), tmp_path / "x", Settings(epochs=2, batch_size=8, devices=2), console=SILENT)
    assert "\n" not in str(caught.value)
    assert f"intertwine fit --resume {tmp_path / 'x'}" in str(caught.value)
    load_checkpoint(tmp_path / "x" / "last")


def test_a_job_that_cannot_be_sent_is_refused_at_once(tmp_path):
    job = Toy()
    job.line = open(os.devnull)  # noqa: SIM115
    with pytest.raises(TypeError, match="cannot be"), job.line:
        fit(job, tmp_path / "x", Settings(devices=2), console=SILENT)


def test_usage_errors_travel_as_themselves():
    import pickle

    error = pickle.loads(pickle.dumps(UsageError("one line")))
    assert isinstance(error, UsageError)
    assert str(error) == "one line"
