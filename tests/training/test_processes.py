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
