"""Ctrl-C and SIGTERM ask a run to stop; it does so when the running step is done."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interrupted(Exception):  # noqa: N818 - it is no error
    """The run was asked to stop, has saved, and stops."""


class StopRequest:
    """While it is entered, the first Ctrl-C or SIGTERM is noted in `asked`; a second Ctrl-C is a KeyboardInterrupt.

    A process that ignores SIGINT, such as one that was started with nohup, goes on ignoring it.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
            self._before = {number: handler for number, handler in before.items() if handler != signal.SIG_IGN}
            self.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def listen(self) -> None:
        """Take the signals; again, after Lightning has taken them for itself."""
        for number in self._before:
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True
