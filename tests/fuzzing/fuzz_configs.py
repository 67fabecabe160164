"""Configurations of fits with wrong keys, types and syntax."""

from __future__ import annotations

import json
from typing import Any

from fuzz_base import PROPERTIES
from fuzz_case import EITHER, RIGHT, WRONG, Case, Draw
from fuzz_files import BINARY, SPECIAL, special, write

GOOD: dict[str, Any] = {
    "data": "mols.extxyz",
    "target": ["strain"],
    "hidden": "4x0e+2x1o",
    "layers": 1,
    "epochs": 1,
    "batch-size": 8,
    "cutoff": 4.0,
    "minutes": 0.05,
    "seed": 1,
    "learning-rate": 0.01,
    "encoder": "steerable",
}
MAY_BE_NULL = ("hidden", "minutes")
TEXTS = (
    "",
    "{",
    "[1]",
    "3",
    "null",
    '"a"',
    "{'a': 1}",
    '{"epochs": }',
    "{" * 100_000,
    "[" * 100_000,
    '{"data": "mols.extxyz",}',
)
TOMLS = (
    "data = [",
    "epochs = ",
    "[a",
    "a = 1\na = 2",
    "= 3",
    "data = 'mols.extxyz'\nepochs = 1979-05-27",
    "\ufeffdata = 1",
    "a.b.c = 1",
)


def config_file(draw: Draw) -> Case:
    """A file of options, for `fit --config`."""
    kind = draw.randrange(6)
    name = draw.choice(["c.json", "c.toml"])
    words = ("fit", "properties", "--config", name)
    if kind == 0:
        return Case("config: special", words, WRONG, special(name, draw.choice(SPECIAL)))
    if kind == 1:
        content = draw.choice([BINARY, *(TEXTS if name == "c.json" else TOMLS)])
        known = EITHER if content == "" and name == "c.toml" else WRONG
        return Case("config: syntax", words, known, write(name, content))
    content = dict(GOOD)
    known = RIGHT
    if kind == 2:
        key = draw.choice(list(GOOD))
        content[key] = None
        known = EITHER if key in MAY_BE_NULL else WRONG
    elif kind == 3:
        key = draw.choice(
            ["epoch", "batchsize", "Data", "", "é", "data ", "help", "version", "lr", "target ", "__class__"]
        )
        content[key] = 1
        known = WRONG
    elif kind == 4:
        key = draw.choice(list(GOOD))
        content[key], known = wrong_type(draw, GOOD[key])
    if name == "c.toml" and None in content.values():
        name, words = "c.json", (*words[:3], "c.json")
    text = json.dumps(content) if name == "c.json" else as_toml(content)
    if draw.random() < 0.1:
        words = ("fit", draw.choice(["classify", "segment"]), *words[2:])
        known = WRONG
    return Case("config: values", words, known, write(name, text))


def wrong_type(draw: Draw, usual: Any) -> tuple[Any, str]:
    """A value of another type than a usual one."""
    wrong: list[Any] = [{}, {"a": 1}, [[1]], [None]]
    if isinstance(usual, (int, float)):
        wrong += ["1", "", [1], True, float("nan"), float("inf"), -1, 1e300, -(10**30)]
    elif isinstance(usual, str):
        wrong += [1, 1.5, True, ["a", "b", 3], [], ""]
    else:
        wrong += [1, 1.5, True, [1], "", [""], ["strain", 2], [["strain"]]]
    return draw.choice(wrong), WRONG


def as_toml(content: dict[str, Any]) -> str:
    """A flat configuration as TOML."""
    lines = []
    for key, value in content.items():
        text = json.dumps(value).replace("NaN", "nan").replace("Infinity", "inf")
        text = text.replace('{"a": 1}', "{a = 1}").replace("null", '""')
        lines.append(f"{json.dumps(key)} = {text}")
    return "\n".join(lines)


def config_beside(draw: Draw) -> Case:
    """A good file of options with others on the command line, and the configuration of a run."""
    if draw.random() < 0.5:
        run = draw.choice(
            [
                "runs/mols-1/config.json",
                "runs/classes-1/config.json",
                "runs/mols-1/best/checkpoint.json",
                "runs/mols-1/split.json",
                "runs/mols-1/best/model.safetensors",
            ]
        )
        known = RIGHT if run == "runs/mols-1/config.json" else WRONG
        return Case("config: of a run", ("fit", "properties", "--config", run, "--minutes", "0.05"), known)
    extra, known = draw.choice(
        [(("--epochs", "0"), WRONG), (("--encoder", "vektor"), WRONG), (("--seed", "2"), RIGHT), (("nope.xyz",), WRONG)]
    )
    return Case(
        "config: beside", ("fit", "properties", "--config", "c.json", *extra), known, write("c.json", json.dumps(GOOD))
    )


def usual_fit() -> tuple[str, ...]:
    """The fit that a configuration stands for."""
    return PROPERTIES
