"""Damaged checkpoints and run folders."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from fuzz_base import DATA, RUNS
from fuzz_case import EITHER, WRONG, Case, Draw
from fuzz_files import BINARY, SPECIAL, broken, special

FILES = (
    "best/model.safetensors",
    "best/checkpoint.json",
    "last/resume.pt",
    "last/checkpoint.json",
    "config.json",
    "split.json",
    "best/split.json",
    "last/model.safetensors",
)


def damaged_run(draw: Draw) -> Case:
    """A run with one file damaged, and a command that reads it."""
    task = draw.choice(list(RUNS))
    run = RUNS[task]
    name = draw.choice(FILES)
    form = draw.choice(["evaluate", "predict", "audit", "export", "resume", "runs"])
    data = "new.extxyz" if task == "properties" else DATA[task]
    words = {
        "evaluate": ("evaluate", run, data),
        "predict": ("predict", run, data, "--output", "a.extxyz" if task == "potential" else "a.csv"),
        "audit": ("audit", run, data, "--samples", "2"),
        "export": ("export", run, "--output", "a.pt2"),
        "resume": ("fit", "--resume", run, "--epochs", "2", "--minutes", "1"),
        "runs": ("runs", *draw.choice([(), (run,), (run, "runs/parts-1")])),
    }[form]
    how = draw.choice(["cut", "empty", "binary", "bit", "missing", "special", "json", "random"])
    kind, place, noise = draw.choice(SPECIAL), draw.random(), Draw(str(draw.random()))

    def prepare(folder: Path) -> None:
        path = folder / run / name
        if not path.exists():
            return
        content = path.read_bytes()
        if how == "missing":
            path.unlink()
        elif how == "special":
            special(f"{run}/{name}", kind)(folder)
        elif how == "json" and name.endswith(".json"):
            path.write_text(json.dumps(edited(noise, json.loads(content))))
        elif how == "random":
            path.write_bytes(broken(noise, content))
        else:
            at = int(place * len(content))
            flipped = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :] if content else b""
            path.write_bytes({"cut": content[:at], "empty": b"", "binary": BINARY}.get(how, flipped))

    of_best = name in ("best/model.safetensors", "best/checkpoint.json")
    refused = form not in ("resume", "runs") and of_best and how in ("cut", "empty", "binary", "bit", "special")
    return Case(f"run: {form}, {name} {how}", words, WRONG if refused else EITHER, prepare)


def edited(draw: Draw, content: Any) -> Any:
    """JSON with one value replaced or one key removed, somewhere inside."""
    if isinstance(content, dict) and content and draw.random() < 0.9:
        key = draw.choice(list(content))
        if draw.random() < 0.2:
            return {name: value for name, value in content.items() if name != key}
        return {**content, key: edited(draw, content[key])}
    if isinstance(content, list) and content and draw.random() < 0.7:
        at = draw.randrange(len(content))
        return [*content[:at], edited(draw, content[at]), *content[at + 1 :]]
    return draw.choice([None, "", "x", -1, 0, 1e300, float("nan"), [], {}, True, 10**30, [1], {"a": None}])


def odd_place(draw: Draw) -> Case:
    """Runs and folders of runs that are links, pipes, empty, or hold other things."""
    how = draw.choice([*SPECIAL, "empty best", "no last", "other", "unreadable"])
    form = draw.choice(["evaluate", "audit", "resume", "runs"])
    words = {
        "evaluate": ("evaluate", "runs/odd"),
        "audit": ("audit", "runs/odd", "--samples", "2"),
        "resume": ("fit", "--resume", "runs/odd"),
        "runs": ("runs", "runs/odd"),
    }[form]

    def prepare(folder: Path) -> None:
        place = folder / "runs" / "odd"
        if how in SPECIAL:
            special("runs/odd", how)(folder)
            return
        shutil.copytree(folder / RUNS["properties"], place)
        if how == "empty best":
            shutil.rmtree(place / "best")
            (place / "best").mkdir()
        elif how == "no last":
            shutil.rmtree(place / "last", ignore_errors=True)
        elif how == "other":
            shutil.rmtree(place)
            place.mkdir()
            (place / "notes.txt").write_text("none")
        else:
            os.chmod(place, 0)

    known = EITHER if how in ("no last", "unreadable") or form == "runs" or (how == "empty best") else WRONG
    return Case(f"run: {form}, {how}", words, known, prepare)
