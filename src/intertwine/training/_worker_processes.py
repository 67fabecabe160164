"""Worker processes for distributed data-parallel training on one machine; this process has rank 0.

Lightning's own launchers run the command line again for each process, which does not work in a notebook or a test, or
spawn all of them and keep this process waiting without the console and without handling Ctrl-C. Here this process
trains as well, the others are spawned, each runs Lightning's DDP, and only this one handles signals, writes files and
shows progress.
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
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any

from intertwine._errors import UsageError
from intertwine.training._job import Job
from intertwine.training._process_group import ProcessRank
from intertwine.training._settings import Settings
from intertwine.training.checkpoints import ResumeState


class WorkerProcesses:
    """The processes of rank 1 and above: started when it is entered, ended when it is left.

    Args:
        job: Pickled once for all of them.
        settings: Of the run.
        resume_state: Where to start.
        folder: The run folder, for messages.
    """

    def __init__(self, job: Job, settings: Settings, resume_state: ResumeState, folder: Path) -> None:
        self.folder = folder
        self.world_size = settings.devices
        try:
            self._payload = pickle.dumps((job, settings, resume_state, folder))
        except Exception as error:
            raise TypeError(
                f"with {settings.devices} processes the job is pickled for each, and this one cannot be: {error}"
            ) from error
        self._processes: list[BaseProcess] = []
        self._connections: list[Connection] = []

    def __enter__(self) -> ProcessRank:
        self._init_folder = tempfile.TemporaryDirectory(prefix="intertwine-")
        init_method = Path(self._init_folder.name, "init").as_uri()
        context = multiprocessing.get_context("spawn")
        with _signals_blocked():
            for rank in range(1, self.world_size):
                connection, worker_end = context.Pipe()
                arguments = (ProcessRank(rank, self.world_size, init_method), self._payload, worker_end)
                process = context.Process(target=_run_worker, args=arguments, daemon=True)
                process.start()
                worker_end.close()
                self._processes.append(process)
                self._connections.append(connection)
        self._payload = b""
        try:
            for rank, connection in enumerate(self._connections, 1):
                if not connection.poll(600) or not self._is_ready(connection):
                    raise self._worker_error(rank)
        except BaseException:
            self._end(patience=0.0)
            raise
        return ProcessRank(0, self.world_size, init_method)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        worker_error = self._first_worker_error() if _is_lost_connection(error) else None
        self._end(patience=30.0 if error is None else 0.0)
        if worker_error is not None:
            raise worker_error from error

    def _is_ready(self, connection: Connection) -> bool:
        try:
            return bool(connection.recv() == "ready")
        except EOFError:
            return False

    def _first_worker_error(self) -> Exception | None:
        """The error of the first worker that failed: the likely cause when its connection is lost in this process."""
        ended = wait([process.sentinel for process in self._processes], timeout=10)
        for rank, process in enumerate(self._processes, 1):
            if process.sentinel in ended:
                process.join(10)
                if process.exitcode != 0:
                    return self._worker_error(rank)
        return None

    def _worker_error(self, rank: int) -> Exception:
        process, connection = self._processes[rank - 1], self._connections[rank - 1]
        process.join(10)
        try:
            message = connection.recv() if connection.poll() else None
        except EOFError:
            message = None
        if isinstance(message, Exception):
            return message
        name = f"process {rank + 1} of {self.world_size}"
        if message is not None:
            return RuntimeError(f"{name} failed:\n{message}")
        code = process.exitcode
        if code is not None and code < 0:
            return UsageError(
                f"{name} was killed (signal {-code}), perhaps because it ran out of memory; go on with: "
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
        for connection in self._connections:
            connection.close()
        self._init_folder.cleanup()


def _run_worker(process_rank: ProcessRank, payload: bytes, connection: Connection) -> None:
    """The main function of a worker."""
    parent = multiprocessing.parent_process()

    def exit_with_parent() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=exit_with_parent, daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    from intertwine.training._stopping import Interrupted
    from intertwine.training._trainer import train

    try:
        job, settings, resume_state, folder = pickle.loads(payload)
        connection.send("ready")
        train(job, folder, settings, resume_state, process_rank)
    except Interrupted:
        pass
    except BaseException as error:
        connection.send(_picklable_error(error))
        connection.close()
        os._exit(1)


def _is_lost_connection(error: BaseException | None) -> bool:
    return isinstance(error, RuntimeError) and any(
        word in str(error).lower() for word in ("gloo", "nccl", "connection")
    )


def _picklable_error(error: BaseException) -> Any:
    """A usage error unchanged, any other error as the text of its traceback."""
    import traceback

    return error if isinstance(error, UsageError) else "".join(traceback.format_exception(error))


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Block SIGINT and SIGTERM: in processes started meanwhile for good, in this one until the end."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
