import json
import subprocess
import sys

import torch
import training_toys
from training_toys import SILENT, Toy

from intertwine.training import Settings, fit, load_checkpoint
from intertwine.training.checkpoints._checkpoint import load_resume_state


def log_without_seconds(folder):
    return [line.rsplit(",", 1)[0] for line in (folder / "metrics.csv").read_text().splitlines()]


def test_a_run_killed_again_and_again_comes_to_the_very_same_end(tmp_path):
    """SIGKILL at random moments, while training and while saving; then the run without any."""
    settings = {"epochs": 28, "batch_size": 8, "ema": 0.9, "learning_rate": 0.05}
    command = [sys.executable, training_toys.__file__, str(tmp_path / "killed"), "--under-fire", "1"]
    command += ["--job", json.dumps({"dropout": 0.3}), "--settings", json.dumps(settings)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["status"] == 0
    assert len(result["kills"]) >= 4
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        fit(Toy(dropout=0.3), tmp_path / "whole", Settings(**settings), console=SILENT)
    finally:
        torch.set_num_threads(threads)
    for name in ("best", "last"):
        killed, whole = (load_checkpoint(tmp_path / run / name) for run in ("killed", "whole"))
        assert (killed.epoch, killed.metrics) == (whole.epoch, whole.metrics)
        assert all(torch.equal(value, killed.weights[key]) for key, value in whole.weights.items())
    killed, whole = (load_resume_state(tmp_path / run / "last") for run in ("killed", "whole"))
    assert all(torch.equal(value, killed.weights[key]) for key, value in whole.weights.items())
    assert log_without_seconds(tmp_path / "killed") == log_without_seconds(tmp_path / "whole")
    left = {path.name for path in (tmp_path / "killed").iterdir()}
    assert left - {".lock"} == {"best", "config.json", "last", "metrics.csv", "split.json"}
