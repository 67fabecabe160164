"""Energy and forces, and a step of training on them, beside MACE and NequIP: seconds in turn, and memory.

    python benchmarks/atoms/speed.py FRAMES.xyz --threads 1

One frame of the file, five of them (a step of training), and a rattled cell of 512 silicon atoms. All potentials have
two layers and 64 channels within 5 A: MACE and ours 64x0e+64x1o, harmonics to degree 3 and body order 4; NequIP
features to degree 2. They are not the same function and have new weights: rows compare what an evaluation costs, not
what it is worth. Peers run in build/bench-mace and build/bench-nequip, virtual environments with mace-torch 0.3.16 and
nequip 0.19.1, and are left out where these do not exist; compiled ones are given --patience seconds to compile. Then
ours alone on larger cells, with the exponent of the growth of time.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import torch
from acac_peers import python_of
from ase.build import bulk
from ase.io import read, write

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from measure import machine, require_idle, table

from intertwine.ase import NeighborList
from intertwine.models import Potential

REPEATS = 7
SIZES = (4, 7, 10, 13)
"""Cubic cells of silicon along each axis: 512 to 17,576 atoms."""


class Peer:
    """A potential in a process of its own: call it for the seconds of one evaluation.

    Attributes:
        found: The number of parameters and the seconds until the second result; None where it did not come in time.
        peak: Megabytes of the process at most.
    """

    def __init__(self, name: str, mode: str, task: str, path: Path, threads: int, patience: float) -> None:
        script = Path(__file__).with_name("speed_peers.py")
        command = [str(python_of(name)), str(script), name, mode, task, str(path), str(threads)]
        clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=clean
        )
        self.found, self.peak = self._read("READY", patience), 0.0

    def __call__(self) -> float:
        assert self._process.stdin is not None, "opened with a pipe"
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        said = self._read("STEP", math.inf)
        assert said is not None, "the process of a peer ended"
        self.peak = said["peak"]
        return float(said["seconds"])

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _read(self, head: str, patience: float) -> dict[str, float] | None:
        out, end = self._process.stdout, time.monotonic() + patience
        assert out is not None, "opened with a pipe"
        while (left := end - time.monotonic()) > 0:
            ready, _, _ = select.select([out], [], [], min(left, 1.0))
            if ready:
                line = out.readline()
                if line.startswith(head):
                    found: dict[str, float] = json.loads(line.removeprefix(head))
                    return found
                if not line:
                    return None
        return None


def ours(task: str, frames: list[Any]) -> tuple[int, Callable[[], object]]:
    """Our potential's parameters, and its evaluation or step of training."""
    torch.manual_seed(0)
    numbers = sorted({int(number) for frame in frames for number in frame.numbers})
    model = Potential(numbers, "64x0e + 64x1o", lmax=3, layers=2, cutoff=5.0).train(task == "train")
    parts, start = [], 0
    for number, frame in enumerate(frames):
        found = NeighborList(5.0, 0.0)(frame.positions, frame.cell[:], frame.pbc)
        edges = torch.tensor([found.source.tolist(), found.target.tolist()]) + start
        shifts = torch.tensor(found.shifts @ frame.cell[:], dtype=torch.float32)
        positions = torch.tensor(frame.positions, dtype=torch.float32)
        parts.append((torch.tensor(frame.numbers), positions, edges, shifts, torch.full((len(frame),), number)))
        start += len(frame)
    atoms, positions, edges, shifts, structures = (
        torch.cat(list(some), 1 if name == 2 else 0) for name, some in enumerate(zip(*parts, strict=True))
    )

    def step() -> None:
        out = model(atoms, positions, edges, shifts, structures, len(frames))
        if task == "train":
            assert out.forces is not None, "forces are computed unless they are declined"
            model.zero_grad()
            (out.energy.square().sum() + out.forces.square().sum()).backward()

    return sum(weight.numel() for weight in model.parameters()), step


def timed(step: Callable[[], object]) -> float:
    begun = time.perf_counter()
    step()
    return time.perf_counter() - begun


def our_peak(task: str, path: str, threads: int, queue: Any) -> None:
    """Megabytes of a fresh process that computes three times."""
    torch.set_num_threads(threads)
    frames: Any = read(path, ":")
    _, step = ours(task, frames)
    for _ in range(3):
        step()
    with open("/proc/self/status") as status:
        queue.put(next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM")))


def rows(name: str, task: str, frames: list[Any], threads: int, patience: float) -> list[str]:
    """Ours and every peer in turn."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frames.xyz"
        write(path, frames)
        kinds = [(peer, mode) for peer in ("mace", "nequip") for mode in ("eager", "compiled")]
        peers = {
            f"{peer}, {mode}": Peer(peer, mode, task, path, threads, patience)
            for peer, mode in kinds
            if python_of(peer) is not None
        }
        parameters, step = ours(task, frames)
        step(), step()
        ready = {peer: each for peer, each in peers.items() if each.found is not None}
        for peer in peers.keys() - ready.keys():  # it would go on compiling beside what is measured
            peers[peer].close()
        times: dict[str, list[float]] = {"ours": []} | {peer: [] for peer in ready}
        for _ in range(REPEATS):
            times["ours"].append(timed(step))
            for peer, each in ready.items():
                times[peer].append(each())
        for each in peers.values():
            each.close()
        queue = get_context("spawn").Queue()
        process = get_context("spawn").Process(target=our_peak, args=(task, str(path), threads, queue))
        process.start()
        peak = queue.get()
        process.join()
    fast = median(times["ours"])
    lines = [f"| {name} | ours | {parameters:,} | {1000 * fast:.1f} ms | 1 | {peak:.0f} MB | |"]
    for peer, each in peers.items():
        if each.found is None:
            lines.append(f"| {name} | {peer} | | no result within {patience:.0f} s | | | |")
            continue
        slow = median(times[peer])
        lines.append(
            f"| {name} | {peer} | {each.found['parameters']:,} | {1000 * slow:.1f} ms | {slow / fast:.1f} | "
            f"{each.peak:.0f} MB | {each.found['seconds']:.0f} s |"
        )
    print(*lines, sep="\n", flush=True)
    return lines


def growth() -> str:
    """Times of ours on larger cells, and the exponent."""
    found = []
    for size in SIZES:
        frame = silicon(size)
        _, step = ours("evaluate", [frame])
        step()
        found.append((len(frame), min(timed(step) for _ in range(2))))
    (small, first), (large, last) = found[0], found[-1]
    exponent = math.log(last / first) / math.log(large / small)
    return ", ".join(f"{atoms:,} atoms {taken:.2f} s" for atoms, taken in found) + f"; exponent {exponent:.2f}"


def silicon(size: int) -> Any:
    """A rattled cell of diamond with this many cubic cells along each axis."""
    frame = bulk("Si", cubic=True) * (size, size, size)
    frame.rattle(0.05, seed=0)
    return frame


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--patience", type=float, default=300, help="seconds that a peer may compile")
    parser.add_argument("--force", action="store_true", help="measure beside other work")
    chosen = parser.parse_args()
    require_idle(chosen.force)
    torch.set_num_threads(chosen.threads)
    frames: Any = read(chosen.frames, ":5")
    cases = [
        ("a frame", "evaluate", frames[:1]),
        ("512 silicon atoms", "evaluate", [silicon(4)]),
        ("training, 5 frames", "train", frames),
    ]
    lines = [line for case in cases for line in rows(*case, chosen.threads, chosen.patience)]
    print(machine())
    heads = "system|potential|parameters|time|over ours|peak memory of the process|until the second result"
    print(table(heads, lines))
    print(growth())


if __name__ == "__main__":
    main()
