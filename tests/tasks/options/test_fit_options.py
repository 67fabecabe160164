from __future__ import annotations

from dataclasses import dataclass

import pytest

from intertwine._errors import UsageError
from intertwine.tasks import FitOptions, nearest, option, share, unknown
from intertwine.tasks.options import check_rules, flag
from intertwine.training import Settings


@pytest.mark.parametrize(
    ("text", "value"),
    [("4000", 4000), ("0.8", 0.8), ("80%", 0.8), ("1", 1), ("1.0", 1.0), ("0", 0), (None, None), (7, 7)],
)
def test_a_share_is_a_count_or_a_fraction(text, value):
    found = share("train", text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["2.5", "-1", "-0.1", "nan", "inf", "many", "120%", "", "%"])
def test_what_is_neither_is_refused(text):
    with pytest.raises(UsageError, match=r"--train expects a count such as 4000 or a fraction"):
        share("train", text)


@dataclass(kw_only=True)
class Options(FitOptions):
    group: str = option("SO3", help="Group.", choices=lambda: ("SO3", "O3"))
    radius: float = option(1.0, help="Radius.", above=0)


def test_rules_are_held_against_values():
    check_rules(Options(data="x"))
    with pytest.raises(UsageError, match=r'no group "so"; did you mean "SO3"\? Known: O3, SO3'):
        check_rules(Options(data="x", group="so"))
    with pytest.raises(UsageError, match="--radius expects more than 0, got 0"):
        check_rules(Options(data="x", radius=0))
    with pytest.raises(UsageError, match="--radius expects a finite number"):
        check_rules(Options(data="x", radius=float("nan")))
    with pytest.raises(UsageError, match="--epochs expects at least 1, got 0"):
        check_rules(Options(data="x", epochs=0))


def test_several_machines_need_a_common_folder_and_a_launcher(monkeypatch):
    with pytest.raises(UsageError, match="--output"):
        FitOptions(data="x", nodes=2).check()
    with pytest.raises(UsageError, match="--nodes 2 needs a launcher"):
        FitOptions(data="x", nodes=2, output="shared/run").check()
    monkeypatch.setenv("SLURM_NTASKS", "2")
    FitOptions(data="x", nodes=2, output="shared/run").check()


def test_defaults_are_those_of_the_training_floor():
    assert FitOptions(data="x").settings == Settings()


def test_every_option_reaches_the_settings():
    given = {"epochs": 3, "batch_size": 5, "learning_rate": 0.1, "minutes": 2.0, "patience": 4, "seed": 9, "devices": 2}
    settings = FitOptions(data="x", nodes=3, output="here", **given).settings
    assert {name: getattr(settings, name) for name in given} == given
    assert settings.nodes == 3


def test_near_names_are_found_and_far_ones_are_not():
    assert nearest("STEERABEL", ["message", "steerable"]) == "steerable"
    assert nearest("mess", ["message", "steerable"]) == "message"
    assert nearest("xyz", ["message", "steerable"]) is None
    assert "did you mean" not in str(unknown("encoder", "xyz", ["message"]))
    assert flag("batch_size") == "--batch-size"
