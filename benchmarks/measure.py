"""Two functions in turn, A B A B ..., and the ratio pair by pair: a comparison that holds when the machine drifts."""

from __future__ import annotations

import multiprocessing
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import torch


@dataclass(frozen=True)
class Ratio:
    """Medians of seconds, and of the ratio peer / ours."""

    ours: float
    peer: float
    ratio: float


def paired(ours: Callable[[], object], peer: Callable[[], object], repeats: int = 5) -> Ratio:
    """Time two functions in turn after one warm-up of each."""
    ours(), peer()
    pairs = [(seconds(ours), seconds(peer)) for _ in range(repeats)]
    return Ratio(median(a for a, _ in pairs), median(b for _, b in pairs), median(b / a for a, b in pairs))


def in_turn(steps: dict[str, Callable[[], float]], repeats: int, slow: float = 3.0) -> dict[str, float]:
    """Medians of steps that give their seconds, A A B B C C A A B B C C ..., after one warm-up of each.

    Of two in a row the second counts: as in a training run, a step follows one of its own, and finds the caches and the
    memory as that left them. A step whose warm-up takes longer than `slow` seconds has that one time.
    """
    found = {name: [step()] for name, step in steps.items()}
    quick = [name for name, (warm_up,) in found.items() if warm_up < slow]
    for name in quick:
        found[name].clear()
    for _ in range(repeats):
        for name in quick:
            steps[name]()
            found[name].append(steps[name]())
    return {name: median(times) for name, times in found.items()}


@contextmanager
def busy_processor() -> Iterator[None]:
    """Keep one processor busy meanwhile."""
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        busy.kill()
        busy.wait()


def require_idle(force: bool, limit: float = 0.5) -> None:
    """Refuse to measure beside other work."""
    load = os.getloadavg()[0]
    if load > limit and not force:
        sys.exit(
            f"error: the load of the last minute is {load:.2f}, above {limit}: other programs would be measured too. "
            "Wait, or measure all the same: make bench FORCE=1 (python benchmarks/run.py --force)"
        )


def seconds(function: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def peak_megabytes(make: Callable[..., Callable[[], object]], *arguments: object) -> float:
    """Peak memory of one call above what stood before it, in a fresh process.

    Args:
        make: Builds the function to call; importable.
        arguments: What it is built from.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_peak, make, arguments).result()


def _peak(make: Callable[..., Callable[[], object]], arguments: tuple[object, ...]) -> float:
    function = make(*arguments)
    before = _memory("VmRSS")
    function()
    return _memory("VmHWM") - before


def _memory(what: str) -> float:
    """Megabytes of this process, from the kernel; its own peak, unlike getrusage, does not inherit the parent's."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(what))


def difference(ours: torch.nn.Module, peer: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> float:
    """Relative difference of two outputs; refuses to go on where it is not the same function."""
    with torch.no_grad():
        expected = peer(*inputs)
        found = float((ours(*inputs) - expected).norm() / expected.norm())
    assert found < 1e-5, f"not the same function, relative difference {found:.1e}"
    return found


def largest(step: Callable[[], object]) -> str:
    """The item that takes most of a step's time by itself, and its share."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        step()
    items = profile.key_averages()
    first = max(items, key=lambda item: item.self_cpu_time_total)
    share = first.self_cpu_time_total / sum(item.self_cpu_time_total for item in items)
    return f"{first.key.removeprefix('aten::')} {100 * share:.0f} %"


def table(heads: str, lines: list[str]) -> str:
    """A Markdown table."""
    names = heads.split("|")
    return "\n".join([f"| {' | '.join(names)} |", "|" + "---|" * len(names), *lines])


def machine() -> str:
    """What this ran on, in one line."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as info:
            model = next(line.split(":")[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{model}, {torch.get_num_threads()} threads, Python {platform.python_version()}, torch {torch.__version__}"
