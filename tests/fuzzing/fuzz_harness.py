"""The fuzzer's harness: each input in a process of its own, with limits of time and memory, and a verdict on each.

One process imports torch and the command line once and forks for every input, so that an input costs no import. The
child works in a fresh copy of the base folder; its time is its own, which a busy machine does not add to (`Clock`).
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from fuzz_base import FITS, RUNS, write_base
from fuzz_case import RIGHT, WRONG, Case, Draw
from fuzz_clock import Clock
from fuzz_configs import config_beside, config_file
from fuzz_files import image_file, python_file, shape_folder, structure_file
from fuzz_options import misspelled, one_option, several_options, wrong_run
from fuzz_questions import listing, pattern, public_set, question
from fuzz_runs import damaged_run, odd_place
from fuzz_scenes import damaged_file, write_scenes

HANG = 20.0
"""Seconds of processor time, or of waiting, after which an input is ended."""
SLOW_ERROR = 3.0
"""Seconds of processor time that an error may take without the import of torch, on the slowest processor that the tests
have run on; on one that is twice as fast the whole command then ends within three seconds."""
_MEMORY = 10 << 30
_POLL = 0.002
GENERATORS: tuple[tuple[int, Callable[[Draw], Case]], ...] = (
    (10, one_option),
    (3, misspelled),
    (2, several_options),
    (2, wrong_run),
    (4, structure_file),
    (3, shape_folder),
    (1, image_file),
    (2, python_file),
    (3, config_file),
    (1, config_beside),
    (3, damaged_run),
    (1, odd_place),
    (5, damaged_file),
    (5, question),
    (1, pattern),
    (1, public_set),
    (1, listing),
)
"""How often each generator is used, and the generator."""


class Outcome(NamedTuple):
    """What an input did."""

    code: int | None
    """The exit code; None where the process did not come to one."""
    out: str
    err: str
    seconds: float
    """Processor time."""
    end: str
    """How the process ended: "exit", "exception", "killed", "signal N"."""
    left: tuple[str, ...]
    """Files that were not there before."""


def make_case(seed: int, number: int) -> Case:
    """The input of this number."""
    draw = Draw(f"{seed} {number}")
    weights, generators = zip(*GENERATORS, strict=True)
    (generator,) = draw.choices(generators, weights)
    return generator(draw)


def faults(case: Case, outcome: Outcome) -> list[str]:
    """The kinds of fault that an outcome shows; none if it is as it must be."""
    found = []
    if outcome.end == "killed":
        return ["hang"]
    if outcome.end != "exit" or "Traceback (most recent call last)" in outcome.err:
        found.append("traceback")
    elif "error: unexpected" in outcome.err:
        found.append("unexpected")
    lines = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    if outcome.code == 2 and (len(lines) != 1 or len(lines[0]) < 15):
        found.append("unclear")
    if outcome.code == 2 and outcome.seconds > SLOW_ERROR:
        found.append("slow error")
    if case.known == WRONG and outcome.code == 0:
        found.append("silent acceptance")
    if case.known == WRONG and outcome.code == 2 and outcome.left:
        found.append("files left by an error")
    if case.known == RIGHT and outcome.code == 2:
        found.append("refused though right")
    return found


def run_case(case: Case, base: Path, hang: float = HANG) -> Outcome:
    """Run one input in a child process, in a copy of the base folder."""
    root = base.parent / "work"  # the same for all: runs know their data by the whole path
    shutil.rmtree(root, ignore_errors=True)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        folder = root / "folder"
        root.mkdir()
        shutil.copytree(base, folder, symlinks=True)
        try:
            case.prepare(folder)
        except Exception as error:
            raise AssertionError(f"{case}: its preparation failed") from error
        before = set(_files(folder))
        streams = [root / name for name in ("out", "err", "code")]
        child = os.fork()
        if child == 0:
            _child(case, folder, streams)
        status, usage, killed = _wait(child, hang)
        out, err, code = (path.read_text("utf-8", "replace") if path.exists() else "" for path in streams)
        left = tuple(sorted(set(_files(folder)) - before))
        end = "killed" if killed else "exit" if code.lstrip("-").isdigit() else code or f"signal {os.WTERMSIG(status)}"
        number = int(code) if end == "exit" else None
        return Outcome(number, out, err, usage.ru_utime + usage.ru_stime, end, left)


def _files(folder: Path) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        for name in [*files, *(name for name in folders if (Path(parent) / name).is_symlink())]:
            if name != ".lock":
                yield os.path.relpath(os.path.join(parent, name), folder)


def _child(case: Case, folder: Path, streams: list[Path]) -> None:
    """Run the command line and end the process; what it returns is written to a file."""
    end = "exception"
    try:
        os.setsid()
        os.chdir(folder)
        os.environ["INTERTWINE_CACHE"] = str(folder.parent / "cache")
        os.environ["TMPDIR"] = str(folder.parent)
        tempfile.tempdir = None
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        for number, path in ((1, streams[0]), (2, streams[1])):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.argv = ["intertwine", *case.arguments]
        from intertwine import cli

        case.plant()
        end = str(cli.main(list(case.arguments)))
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        streams[2].write_text(end)
        os._exit(0)


def _wait(child: int, limit: float) -> tuple[int, resource.struct_rusage, bool]:
    """The status and the usage of a child, and whether it had to be killed."""
    clock = Clock(child, limit)
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)  # what it left running
            return status, usage, False
        if clock.is_over():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            _, status, usage = os.wait4(child, 0)
            return status, usage, True
        time.sleep(_POLL)


def preload() -> None:
    """Import what commands import, so that children need not."""
    import intertwine.cli
    import intertwine.hom
    import intertwine.patterns
    import intertwine.training
    from intertwine import tasks

    for name in FITS:
        tasks.get(name)

    for package in (
        "lightning.pytorch",
        "ase.io",
        "matplotlib.figure",
        "trimesh",
        "PIL.Image",
        "cv2",
        "safetensors.torch",
        "rich.progress",
    ):
        with contextlib.suppress(ImportError):
            __import__(package)
    import torch

    torch.set_num_threads(1)
    with contextlib.redirect_stdout(io.StringIO()):
        intertwine.cli.main(["--version"])


def make_base(folder: Path) -> Path:
    """The base folder, with a run of each task."""
    base = folder / "base"
    base.mkdir(parents=True)
    write_base(base)
    write_scenes(base)
    for task, words in FITS.items():
        outcome = run_case(Case("base", (*words, "--output", str(base / RUNS[task])), RIGHT), base, 120)
        if outcome.code != 0:
            raise AssertionError(f"the run of {task} failed: {outcome.end} {outcome.err}")
    return base


@dataclass
class Tally:
    """Counts of a run of the fuzzer, and each fault with its input."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    seconds: list[tuple[float, str]] = field(default_factory=list)

    def add(self, case: Case, outcome: Outcome, name: str) -> None:
        """Count one outcome."""
        self.counts["tried"] += 1
        self.counts[f"known {case.known}"] += 1
        self.counts[f"exit code {outcome.code}"] += 1
        self.seconds.append((outcome.seconds, f"{name} {case}"))
        for fault in faults(case, outcome):
            self.counts[f"FAULT {fault}"] += 1
            said = " | ".join((outcome.err.strip() or outcome.out.strip()).splitlines()[-3:])[-400:]
            left = f" left {outcome.left[:3]}" if "files" in fault else ""
            self.faults.append(
                f"{fault}: {name} {case}: {outcome.end} {outcome.code}, {outcome.seconds:.1f} s{left}: {said}"
            )


def fuzz(numbers: range, seed: int, base: Path, hang: float = HANG, say: Callable[[str], None] | None = None) -> Tally:
    """Run the inputs of these numbers, or those before an interruption."""
    tally = Tally()
    for number in numbers:
        case = make_case(seed, number)
        before = len(tally.faults)
        try:
            tally.add(case, run_case(case, base, hang), f"{seed}/{number}")
        except KeyboardInterrupt:  # the counts of what was tried are worth more than the rest
            break
        for fault in tally.faults[before:] if say else ():
            say(fault)
    return tally
