"""Which tests run which line: `python tools/cover.py [arguments of pytest]` writes `build/mutants/lines.sqlite`.

The file is one of coverage.py, with one context a test, and a table `seconds` of the time that each took.
`tools/mutate.py` reads it: a mutant is tried on the tests that run its line, the quickest first.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from time import perf_counter

import coverage
import pytest
from mutate import LINES, ROOT


class Watch:
    """A plugin of pytest that says to coverage which test runs, and keeps its time."""

    def __init__(self, tracer: coverage.Coverage) -> None:
        self.tracer = tracer
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Around the set-up, the call and the end of one test."""
        self.tracer.switch_context(item.nodeid)
        start = perf_counter()
        yield
        self.seconds[item.nodeid] = perf_counter() - start
        self.tracer.switch_context("")


def main() -> int:
    """Run the tests and write what they run."""
    LINES.parent.mkdir(parents=True, exist_ok=True)
    tracer = coverage.Coverage(data_file=str(LINES), source=[str(ROOT / "src" / "intertwine")], config_file=False)
    tracer.erase()
    watch = Watch(tracer)
    tracer.start()
    code = pytest.main(["-q", "-m", "not slow", *sys.argv[1:]], plugins=[watch])
    tracer.stop()
    tracer.save()
    with sqlite3.connect(LINES) as table:
        table.execute("create table seconds (test text primary key, seconds real)")
        table.executemany("insert into seconds values (?, ?)", watch.seconds.items())
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
