"""Several processes on one machine: this one is the first, and it starts the others.

Lightning would run the command line again for each, which a notebook or a test cannot bear, or spawn all of them and
keep this process waiting, without the console and with Ctrl-C at large. So this process trains too, the others are
spawned beside it, each runs Lightning's DDP, and only this one listens to signals, writes and shows.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any

from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment

from intertwine._errors import UsageError
from intertwine.training._job import Job
from intertwine.training._settings import Settings
from intertwine.training._state import State


@dataclass(frozen=True)
class ProcessRank:
    """The place of one process among those of this machine."""

    rank: int
    world: int
    rendezvous: str


class LocalEnvironment(ClusterEnvironment):
    """Tells Lightning that the processes are there already, without a word in the process's environment."""

    creates_processes_externally = True
    main_address = "127.0.0.1"
    main_port = 0

    def __init__(self, seat: ProcessRank) -> None:
        self.seat = seat

    @staticmethod
    def detect() -> bool:
        """Never chosen by Lightning itself."""
        return False

    def world_size(self) -> int:
        """All processes."""
        return self.seat.world

    def set_world_size(self, size: int) -> None:
        """It is what it is."""

    def global_rank(self) -> int:
        """Which this one is."""
        return self.seat.rank

    def set_global_rank(self, rank: int) -> None:
        """It is what it is."""

    def local_rank(self) -> int:
        """There is one machine."""
        return self.seat.rank

    def node_rank(self) -> int:
        """There is one machine."""
        return 0


class WorkerProcesses:
    """The other processes, from their start to their end.

    Args:
        job: Pickled once for all of them.
        settings: Of the run.
        state: Where to begin.
        folder: The run folder, for messages.
    """

    def __init__(self, job: Job, settings: Settings, state: State, folder: Path) -> None:
        self.folder = folder
        self.world = settings.devices
        try:
            self._payload = pickle.dumps((job, settings, state, folder))
        except Exception as error:
            raise TypeError(
                f"with {settings.devices} processes the job is pickled for each, and this one cannot be: {error}"
            ) from error
        self._processes: list[BaseProcess] = []
        self._lines: list[Connection] = []

    def __enter__(self) -> ProcessRank:
        self._meeting = tempfile.TemporaryDirectory(prefix="intertwine-")
        rendezvous = Path(self._meeting.name, "meeting").as_uri()
        context = multiprocessing.get_context("spawn")
        with _signals_held_back():
            for rank in range(1, self.world):
                line, far_end = context.Pipe()
                arguments = (ProcessRank(rank, self.world, rendezvous), self._payload, far_end)
                process = context.Process(target=_accompany, args=arguments, daemon=True)
                process.start()
                far_end.close()
                self._processes.append(process)
                self._lines.append(line)
        self._payload = b""
        try:
            for rank, line in enumerate(self._lines, 1):
                if not line.poll(600) or not self._is_ready(line):
                    raise self._complaint(rank)
        except BaseException:
            self._end(patience=0.0)
            raise
        return ProcessRank(0, self.world, rendezvous)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        complaint = self._first_complaint() if _is_lost_connection(error) else None
        self._end(patience=30.0 if error is None else 0.0)
        if complaint is not None:
            raise complaint from error

    def _is_ready(self, line: Connection) -> bool:
        try:
            return bool(line.recv() == "ready")
        except EOFError:
            return False

    def _first_complaint(self) -> Exception | None:
        """Why another process has broken off; it is the likely cause when the connection to it is lost here."""
        ended = wait([process.sentinel for process in self._processes], timeout=10)
        for rank, process in enumerate(self._processes, 1):
            if process.sentinel in ended:
                process.join(10)
                if process.exitcode != 0:
                    return self._complaint(rank)
        return None

    def _complaint(self, rank: int) -> Exception:
        process, line = self._processes[rank - 1], self._lines[rank - 1]
        process.join(10)
        try:
            message = line.recv() if line.poll() else None
        except EOFError:
            message = None
        if isinstance(message, Exception):
            return message
        name = f"process {rank + 1} of {self.world}"
        if message is not None:
            return RuntimeError(f"{name} failed:\n{message}")
        code = process.exitcode
        if code is not None and code < 0:
            return UsageError(
                f"{name} was killed (signal {-code}), perhaps for want of memory; go on with: "
                f"intertwine fit --resume {self.folder}"
            )
        return RuntimeError(
            f"{name} ended before it trained (exit code {code}); a script that trains in several processes must do so "
            'under if __name__ == "__main__":'
        )

    def _end(self, patience: float) -> None:
        for process in self._processes:
            process.join(patience)
            if process.is_alive():
                process.kill()
                process.join()
        for line in self._lines:
            line.close()
        self._meeting.cleanup()


@contextmanager
def joined(seat: ProcessRank, device: str) -> Iterator[None]:
    """The process group, entered and left."""
    import torch

    torch.distributed.init_process_group(
        "nccl" if device == "gpu" else "gloo", init_method=seat.rendezvous, rank=seat.rank, world_size=seat.world
    )
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


def _accompany(seat: ProcessRank, payload: bytes, line: Connection) -> None:
    """The life of another process."""
    parent = multiprocessing.parent_process()

    def outlive_nobody() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=outlive_nobody, daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    from intertwine.training._stopping import Interrupted
    from intertwine.training._trainer import train

    try:
        job, settings, state, folder = pickle.loads(payload)
        line.send("ready")
        train(job, folder, settings, state, seat=seat)
    except Interrupted:
        pass
    except BaseException as error:
        line.send(_portable(error))
        line.close()
        os._exit(1)


def _is_lost_connection(error: BaseException | None) -> bool:
    return isinstance(error, RuntimeError) and any(
        word in str(error).lower() for word in ("gloo", "nccl", "connection")
    )


def _portable(error: BaseException) -> Any:
    """A usage error as itself, anything else as the text of its traceback."""
    import traceback

    return error if isinstance(error, UsageError) else "".join(traceback.format_exception(error))


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Processes that are started within never hear of Ctrl-C and SIGTERM; this one hears of them afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
