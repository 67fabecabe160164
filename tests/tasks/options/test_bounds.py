"""Every option of every task at its bounds, and the bounds that options share."""

import dataclasses
import json
import re
import types
from typing import Union, get_args, get_origin, get_type_hints

import pytest

from intertwine.tasks import OPTION, get, names
from intertwine.tasks.options import FitOptions, check_rules
from intertwine.tasks.options._bounds import (
    check_below_one,
    check_devices,
    check_features,
    check_nodes,
    check_split_size,
)
from intertwine.tasks.options._config_file import options_to_json, read_config

NUMBERS = (int, float)


def numeric_options():
    for task in names():
        options = get(task).options
        hints = get_type_hints(options)
        for item in dataclasses.fields(options):
            hint = hints[item.name]
            kinds = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
            kinds = [kind for kind in kinds if kind is not type(None)]
            if OPTION in item.metadata and set(kinds) <= {*NUMBERS}:
                yield pytest.param(options, item, float in kinds, id=f"{task} {item.name}")


def beyond(value, step, real):
    return value * (1 + step * 1e-6) + step * 1e-12 if real else value + step


@pytest.mark.parametrize(("options", "item", "real"), numeric_options())
def test_numbers_are_held_to_their_bounds(options, item, real):
    """The bound itself is a value, what is beyond it is not; the line names the flag, the bound and the value."""
    rules, flag = item.metadata[OPTION], "--" + item.name.replace("_", "-")

    def check(value):
        check_rules(dataclasses.replace(options(data="x"), **{item.name: value}))

    for key, step, words in (("minimum", -1, "at least"), ("maximum", 1, "at most")):
        if rules[key] is None:
            continue
        check(rules[key])
        with pytest.raises(ValueError, match=rf"^{flag} expects (more than|{words}) "):
            check(beyond(rules[key], step, real))
    if rules["above"] is not None:
        check(beyond(rules["above"], 1, real) if rules["minimum"] is None else rules["minimum"])
        with pytest.raises(ValueError, match=rf"^{flag} expects (more than {rules['above']}|at least)"):
            check(rules["above"])
    if rules["maximum"] is None:
        with pytest.raises(ValueError, match=rf"^{flag} expects at most 9,223,372,036,854,775,807, got"):
            check(1e19 if real else 2**63)
    for wrong in ("3", True, [3]):
        with pytest.raises(ValueError, match=rf"^{flag} expects a (whole )?number, got "):
            check(wrong)
    for wrong in (float("nan"), float("inf")) if real else (2.5,):
        with pytest.raises(ValueError, match=rf"^{flag} expects a (finite|whole) number, got "):
            check(wrong)


@pytest.mark.parametrize("task", names())
def test_choices_are_held(task):
    options = get(task).options
    for item in dataclasses.fields(options):
        rules = item.metadata.get(OPTION, {})
        choices = rules.get("choices")
        known = choices() if callable(choices) else choices
        for value in known or ():
            check_rules(dataclasses.replace(options(data="x"), **{item.name: value}))
        if known:
            with pytest.raises(ValueError, match=f'no {item.name.replace("_", " ")} "qqq"'):
                check_rules(dataclasses.replace(options(data="x"), **{item.name: "qqq"}))


def refused(message):
    return pytest.raises(ValueError, match=re.escape(message))


def test_devices_and_nodes(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    check_devices(4)
    with refused("--devices 5: this machine has 4 processors; expected at most 4"):
        check_devices(5)
    for count in (1, None):
        monkeypatch.setattr("os.cpu_count", lambda count=count: count)
        check_devices(2)  # two processes on one processor are good for a test
        with refused("expected at most 2"):
            check_devices(3)
    check_nodes(1, {})
    for name in ("TORCHELASTIC_RUN_ID", "SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "LSB_JOBID", "MASTER_ADDR"):
        check_nodes(2, {name: "1"})
    with refused("--nodes 2 needs a launcher that starts this command on every node, such as torchrun --nnodes 2"):
        check_nodes(2, {"PATH": "x"})


def test_features_and_shares():
    for text in ("4096x0e + 3x11o", "4096", "", None, "1x11e"):
        check_features("--hidden", text)
    for text, line in [
        ("4097x0e", "--hidden expects at most 4096 copies of each irrep, got 4097"),
        ("4097", "--hidden expects at most 4096 copies of each irrep, got 4097"),
        ("1x0e + 1x12o", "--hidden expects degrees up to 11, got 12"),
    ]:
        with refused(line):
            check_features("--hidden", text)
    check_below_one({"--dropout": 0.999})
    with refused("--dropout expects a share below 1, got 1.0"):
        check_below_one({"--noise": 0.0, "--dropout": 1.0})


def test_more_of_a_public_set_than_it_has():
    check_split_size("qm9", [130_831, 0, 0])
    with refused("asked for 100,000 + 30,832 of 130,831 structures: ask for fewer (--train, --validation, --test)"):
        check_split_size("qm9", [100_000, 30_832])


def test_files_of_options(tmp_path):
    def read(name, text, task="classify"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return read_config(tmp_path / name, task)

    assert read("a.toml", 'task = "classify"\nbatch-size = 8\n') == {"batch_size": 8}
    assert read("a.json", '{"data": "x", "learning_rate": 0.1}') == {"data": "x", "learning_rate": 0.1}
    run = {"settings": {}, "config": {}, "task": "classify", "options": {"data": "y"}}
    assert read("b.JSON", json.dumps(run)) == {"data": "y"}
    for name, text, line in [
        ("c.toml", 'task = "images"', "is of the task images, not of classify: intertwine fit images --config"),
        ("c.json", json.dumps({**run, "task": "images"}), "is of the task images, not of classify"),
        ("d.json", json.dumps({**run, "options": None}), "does not hold the options of its run: an older version"),
        ("e.json", "[1]", "does not hold options: expected names with values"),
        ("f.json", "{", "does not hold options: "),
        ("f.toml", "= 3", "does not hold options: "),
        ("g.yaml", "a: 3", "expected options in a file that ends in .toml or .json"),
    ]:
        with refused(line):
            read(name, text)
    with refused("no file of options"):
        read_config(tmp_path / "none.toml", "classify")
    with (tmp_path / "large.toml").open("wb") as file:
        file.truncate((1 << 24) + 1)
    with refused("is too large to be a file of options"):
        read_config(tmp_path / "large.toml", "classify")


def test_options_as_json_leave_out_what_is_of_one_run():
    options = FitOptions(data="x", output="runs/a", config="b.toml", minutes=3.0)
    found = options_to_json(options)
    assert (found["data"], found["minutes"], found["epochs"]) == ("x", 3.0, 60)
    assert not {"output", "config", "patience"} & found.keys()
