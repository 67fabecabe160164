from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from intertwine import tasks
from intertwine._errors import UsageError
from intertwine.tasks import _registry


class Classify(tasks.Task):
    name = "sort"
    summary = "Classes of clouds."

    def prepare(self, options, progress):
        raise NotImplementedError

    def build(self, config, split, progress):
        raise NotImplementedError

    def predictor_type(self):
        raise NotImplementedError


@pytest.fixture
def plugin(monkeypatch):
    """Pretend that another package has registered these entry points."""

    def install(**entries):
        found = {name: EntryPoint(name, value, tasks._registry.ENTRY_POINTS) for name, value in entries.items()}
        monkeypatch.setattr(_registry, "_foreign", lambda: found)

    monkeypatch.setitem(sys.modules, "plugin_for_tests", sys.modules[__name__])
    return install


def test_every_task_of_ours_loads_and_says_what_it_is():
    for name in tasks.names():
        task = tasks.get(name)
        assert task.name == name
        assert task.summary.endswith(".")
        assert issubclass(task.options, tasks.FitOptions)


def test_an_unknown_task_is_named_with_its_neighbor():
    with pytest.raises(UsageError, match='no task "propertys"; did you mean "properties"'):
        tasks.get("propertys")


def test_a_task_of_another_package_is_found(plugin):
    plugin(sort="plugin_for_tests:Classify")
    assert tasks.names() == (
        "classify",
        "dock",
        "images",
        "keypoints",
        "potential",
        "properties",
        "register",
        "segment",
        "sfm",
        "sort",
        "weights",
    )
    assert isinstance(tasks.get("sort"), Classify)


def test_a_broken_plugin_is_blamed_when_it_is_used_and_only_then(plugin):
    plugin(broken="nowhere_to_be_found:Task", wrong="plugin_for_tests:pytest")
    assert "broken" in tasks.names()
    assert tasks.get("properties").name == "properties"
    with pytest.raises(UsageError, match=r'"broken" \(nowhere_to_be_found:Task\) does not load'):
        tasks.get("broken")
    with pytest.raises(UsageError, match="expected a subclass of"):
        tasks.get("wrong")


def test_a_plugin_cannot_replace_ours(monkeypatch):
    entries = [EntryPoint("properties", "plugin_for_tests:Classify", _registry.ENTRY_POINTS)]
    monkeypatch.setattr(_registry, "entry_points", lambda group: entries)
    _registry._foreign.cache_clear()
    try:
        assert tasks.get("properties").summary.startswith("Scalars")
    finally:
        _registry._foreign.cache_clear()


def test_listing_tasks_and_their_options_imports_nothing_heavy():
    code = (
        "import sys; from intertwine import tasks; [tasks.get(name).options for name in tasks.names()]\n"
        "heavy = {'torch', 'lightning', 'ase', 'matplotlib', 'pandas', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
