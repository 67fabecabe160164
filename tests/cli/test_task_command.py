"""A task of another kind, from another package, gets its command line from its options alone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest

from intertwine import tasks
from intertwine._errors import UsageError
from intertwine.cli._signature import command_from
from intertwine.tasks import FitOptions, _registry, option

SEEN = []


@dataclass(kw_only=True)
class CloudOptions(FitOptions):
    group: str = option("SO3", help="What acts.", group="Model", choices=("O3", "SO3"))
    points: int = option(256, help="Points of a cloud.", group="Clouds", minimum=8)
    noise: float | None = option(None, help="Added to them.", group="Clouds")
    classes: Sequence[str] = option((), help="Only these.", group="Clouds")
    normals: bool = option(False, help="Use them.", group="Clouds")


class Classify(tasks.Task):
    name = "sort"
    summary = "Classes of clouds."
    options = CloudOptions

    def prepare(self, options, progress):
        SEEN.append(options)
        raise UsageError("this task stops here")

    def build(self, config, split, progress):
        raise NotImplementedError

    def predictor_type(self):
        raise NotImplementedError


@pytest.fixture(autouse=True)
def plugin(monkeypatch):
    SEEN.clear()
    monkeypatch.setitem(sys.modules, "plugin_of_clouds", sys.modules[__name__])
    entry = EntryPoint("sort", "plugin_of_clouds:Classify", _registry.ENTRY_POINTS)
    monkeypatch.setattr(_registry, "_foreign", lambda: {"sort": entry})


def test_its_options_arrive_with_their_types(run, here):
    words = [
        "--points",
        "64",
        "--noise",
        "0.1",
        "--classes",
        "chair",
        "--classes",
        "table",
        "--normals",
        "--epochs",
        "7",
    ]
    run("fit", "sort", "mine.extxyz", *words, code=2)
    (options,) = SEEN
    assert isinstance(options, CloudOptions)
    assert (options.data, options.group, options.points, options.noise) == ("mine.extxyz", "SO3", 64, 0.1)
    assert (list(options.classes), options.normals, options.epochs) == (["chair", "table"], True, 7)


def test_its_defaults_are_those_of_the_dataclass(run, here):
    run("fit", "sort", "mine.extxyz", code=2)
    expected = CloudOptions(data="mine.extxyz")
    (options,) = SEEN
    options.classes = tuple(options.classes)
    assert options == expected


def test_its_rules_hold(run, here):
    assert 'no group "SO4"; did you mean "SO3"?' in run("fit", "sort", "mine.extxyz", "--group", "SO4", code=2).err
    assert "--points expects at least 8" in run("fit", "sort", "mine.extxyz", "--points", "3", code=2).err
    assert not SEEN


def test_it_is_listed_and_explained(run):
    assert "sort" in run("fit", "--help").out
    shown = run("fit", "sort", "--help").out
    for word in ("--points", "O3|SO3", "[default: 256]", "--normals", "Clouds", "--learning-rate"):
        assert word in shown
    assert shown.index("Clouds") < shown.index("Training")


def test_nothing_is_left_behind_when_it_stops(run, here):
    run("fit", "sort", "mine.extxyz", code=2)
    assert [path.name for path in Path().iterdir()] == ["mine.extxyz"]


def test_a_command_has_the_name_and_help_it_was_given():
    made = command_from(CloudOptions, lambda **values: values["points"], "sort", "Classes.")
    assert (made.__name__, made.__doc__) == ("sort", "Classes.")
    assert (
        made(SimpleNamespace(get_parameter_source=lambda name: SimpleNamespace(name="COMMANDLINE")), data="x", points=9)
        == 9
    )
