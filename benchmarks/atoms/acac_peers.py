"""MACE and NequIP trained on a file of frames within given minutes, each in an environment of its own."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ase.io import read, write

ENVIRONMENTS = Path(__file__).resolve().parents[2] / "build"
"""Where bench-mace and bench-nequip are looked for, virtual environments with mace-torch 0.3.16 and nequip 0.19.1."""

MACE = (
    "--name=acac --model=MACE --hidden_irreps=64x0e+64x1o --correlation=3 --num_interactions=2 --r_max=5.0 "
    "--max_ell=3 --valid_fraction=0.05 --E0s=average --energy_key=energy --forces_key=forces --batch_size=5 "
    "--valid_batch_size=10 --ema --ema_decay=0.99 --amsgrad --lr=0.01 --loss=weighted --energy_weight=1 "
    "--forces_weight=1000 --scheduler=ExponentialLR --default_dtype=float32 --device=cpu --eval_interval=1"
)


class Trained(NamedTuple):
    """A trained peer: its name, the epochs it saw, its parameters, and its errors on the test file, meV and meV/A."""

    name: str
    epochs: int
    parameters: int
    energy: float
    forces: float


def python_of(name: str) -> Path | None:
    """The Python of an environment; None where it does not exist."""
    path = ENVIRONMENTS / f"bench-{name}" / "bin" / "python"
    return path if path.exists() else None


def mace(train: Path, test: Path, minutes: float, seed: int, folder: Path) -> Trained | None:
    """MACE as its authors train it on small molecules, but that the learning rate falls within the time.

    The number of epochs fills the time; how long one takes is tried on a fifth of the frames, which is not counted.
    """
    python = python_of("mace")
    if python is None:
        return None
    frames: Any = read(train, ":")
    few = max(20, len(frames) // 5)
    folder.mkdir(parents=True)
    write(folder / "few.xyz", frames[:few])
    startup, each = _trial(_mace_command(python, folder / "few.xyz", seed, folder / "trial", 3, None))
    epochs = max(4, int((60 * minutes - startup) / (each * len(frames) / few)))
    subprocess.run(_mace_command(python, train, seed, folder / "run", epochs, int(0.75 * epochs)), check=True)
    model = next(folder.glob("run/*stagetwo.model"), None) or next(folder.glob("run/*.model"))
    out = folder / "predicted.xyz"
    evaluate = [python.parent / "mace_eval_configs", f"--configs={test}", f"--model={model}", f"--output={out}"]
    subprocess.run([*map(str, evaluate), "--device=cpu", "--default_dtype=float32", "--info_prefix=MACE_"], check=True)
    count = "import torch, sys; print(sum(w.numel() for w in torch.load(sys.argv[1], weights_only=False).parameters()))"
    counted = subprocess.run([python, "-c", count, model], check=True, capture_output=True, text=True)
    true, found = read(test, ":"), read(out, ":")
    energy = [a.info["MACE_energy"] - b.get_potential_energy() for a, b in zip(found, true, strict=True)]
    forces = np.concatenate([a.arrays["MACE_forces"] - b.get_forces() for a, b in zip(found, true, strict=True)])
    return Trained("mace-torch 0.3.16", epochs, int(counted.stdout.split()[-1]), _milli(energy), _milli(forces))


def _milli(errors: Any) -> float:
    return float(1000 * np.sqrt(np.mean(np.square(errors))))


def _mace_command(python: Path, train: Path, seed: int, folder: Path, epochs: int, stage_two: int | None) -> list[str]:
    folder.mkdir(parents=True)
    command = [str(python.parent / "mace_run_train"), *MACE.split()]
    command += [f"--train_file={train}", f"--seed={seed}", f"--max_num_epochs={epochs}", f"--work_dir={folder}"]
    command += [f"--model_dir={folder}"]
    command += [f"--lr_scheduler_gamma={0.1 ** (1 / (stage_two or 1))}"]
    if stage_two is not None:
        command += ["--stage_two", f"--start_stage_two={stage_two}", "--stage_two_energy_weight=1000"]
        command += ["--stage_two_forces_weight=100", "--stage_two_lr=0.0005"]
    return command


def _trial(command: list[str]) -> tuple[float, float]:
    """Seconds until the first epoch, and of an epoch with its validation."""
    begin, seen = time.monotonic(), dict[int, float]()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if (found := re.search(r"Epoch (\d+):", line)) is not None:
                seen.setdefault(int(found[1]), time.monotonic() - begin)
            if 1 in seen:
                process.kill()
                break
    if len(seen) < 2:
        raise RuntimeError(f"the trial of {command[0]} ended before its second epoch")
    each = seen[1] - seen[0]
    return max(0.0, seen[0] - each), each


def nequip(train: Path, test: Path, minutes: float, seed: int, folder: Path) -> Trained | None:
    """NequIP with four layers of degree 2; its rate falls and its trainer stops by the clock; tests the best epoch."""
    python = python_of("nequip")
    if python is None:
        return None
    folder.mkdir(parents=True)
    frames: Any = read(train, ":")
    symbols = sorted({symbol for frame in frames for symbol in frame.symbols})
    clock = time.strftime("00:%H:%M:%S", time.gmtime(60 * minutes))
    values = {
        "SYMBOLS": symbols,
        "TRAIN": train,
        "TEST": test,
        "SEED": seed,
        "CLOCK": clock,
        "FOLDER": folder,
        "MINUTES": minutes,
    }
    values |= {"VALIDATION": round(0.05 * len(frames)), "SIZE": len(frames) - round(0.05 * len(frames))}
    text = (Path(__file__).parent / "nequip.yaml").read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    (folder / "config.yaml").write_text(text)
    command = [str(python.parent / "nequip-train"), "-cp", str(folder), "-cn", "config", f"hydra.run.dir={folder}"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    with (folder / "log.txt").open("w") as log:
        done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=environment, check=False)
    said = (folder / "log.txt").read_text()
    if done.returncode:
        raise RuntimeError(f"nequip-train ended with {done.returncode}: {said[-2000:]}")
    epochs = max((int(number) for number in re.findall(r"Epoch (\d+)", said)), default=0) + 1
    weights = re.search(r"Trainable params: ([\d.]+) ?([KM]?)", said)
    energy, forces = (
        1000 * float(re.findall(rf"test0_epoch/{name}[^0-9\n]*([0-9.eE+-]+)", said)[-1])
        for name in ("total_energy_rmse", "forces_rmse")
    )
    factor = {"": 1, "K": 1e3, "M": 1e6}
    count = round(float(weights[1]) * factor[weights[2]]) if weights is not None else 0
    return Trained("nequip 0.19.1", epochs, count, energy, forces)
