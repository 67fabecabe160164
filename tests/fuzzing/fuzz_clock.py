"""The time of one input: what it computes and what it waits for, which a busy machine does not add to."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_EVERY = 0.25
"""Seconds between two looks at the processes."""
_TICKS = os.sysconf("SC_CLK_TCK")
_PROCESSES = Path("/proc")


class Clock:
    """Tells whether the processes of a session compute or wait for longer than a limit.

    Time passes while a process has the processor (the sum over processes counts), and while all of them sleep: a child
    that waits for what never comes. It does not pass while a process is ready and other programs have the processor, or
    while it waits for a disk. Where the system has no table of processes, the clock on the wall counts.

    Args:
        session: Number of the session, which is that of its first process.
        limit: Seconds.
    """

    def __init__(self, session: int, limit: float) -> None:
        self.session, self.limit = session, limit
        self.begin = self.looked = time.monotonic()
        self.asleep = 0.0
        self.computed = 0.0

    def is_over(self) -> bool:
        """Whether the limit is exceeded; looks at the processes four times a second."""
        now = time.monotonic()
        if not _PROCESSES.is_dir():
            return now - self.begin > self.limit
        if now - self.looked < _EVERY:
            return False
        states, computed = [], 0.0
        for state, seconds in _processes(self.session):
            states.append(state)
            computed += seconds
        if states and not set(states) & {"R", "D"} and computed <= self.computed:
            self.asleep += now - self.looked
        self.looked, self.computed = now, computed
        return max(self.computed, self.asleep) > self.limit


def _processes(session: int) -> Iterator[tuple[str, float]]:
    """State and processor time of each process of a session, that of its ended children included."""
    for name in os.listdir(_PROCESSES):
        if name.isdigit():
            with suppress(OSError):
                fields = (_PROCESSES / name / "stat").read_text().rpartition(")")[2].split()
                if session in (int(name), int(fields[3])):
                    yield fields[0], sum(map(int, fields[11:15])) / _TICKS
