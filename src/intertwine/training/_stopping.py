"""Graceful stop on SIGINT and SIGTERM: the running step is completed first."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interrupted(Exception):  # noqa: N818 - a request, not an error
    """The run was asked to stop, has saved a checkpoint, and stops."""


class StopRequest:
    """Signal handlers, while it is entered: the first SIGINT or SIGTERM sets `requested`, a second SIGINT raises.

    A process that ignores SIGINT, such as one started with nohup, continues to ignore it.

    Raises:
        KeyboardInterrupt: In the main thread, at the second SIGINT.
    """

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
            self._previous = {number: handler for number, handler in handlers.items() if handler != signal.SIG_IGN}
            self.install_handlers()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def install_handlers(self) -> None:
        """Install the handlers; again after Lightning has installed its own."""
        for number in self._previous:
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = True
