"""The clock of a run: a time budget keeps back what the longest validation took."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from intertwine.training import _run_callback
from intertwine.training._run_callback import RunCallback


@pytest.fixture
def clock(monkeypatch):
    times = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(_run_callback.time, "monotonic", lambda: times.now)
    return times


def validate(callback, clock, seconds):
    callback.on_validation_start(None, None)
    clock.now += seconds
    callback.on_validation_end(None, None)


def test_the_longest_validation_is_kept_back(clock):
    callback = RunCallback.__new__(RunCallback)
    callback._validation_seconds, callback._seconds_before, callback._start_time = 0.0, 30.0, 1000.0
    callback.stop = SimpleNamespace(requested=False)
    callback.state, callback.module = SimpleNamespace(seconds=0.0), SimpleNamespace(seconds_used=0.0)
    for seconds in (2.0, 7.0, 3.0):
        validate(callback, clock, seconds)
    assert not callback._synchronize(SimpleNamespace(world_size=1))
    assert callback.state.seconds == 30 + 12
    assert callback.module.seconds_used == 30 + 12 + 7
