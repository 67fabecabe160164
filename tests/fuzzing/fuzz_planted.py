"""Planted faults, one of each kind: what shows that the harness would find them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from fuzz_case import RIGHT, WRONG, Case


def _replace(name: str, function: Any) -> Any:
    """Replaces a name of the module of the entry point, in the process of the input."""

    def plant() -> None:
        from intertwine.cli import _main

        setattr(_main, name, function)

    return plant


def _raise(*_: object, **__: object) -> None:
    raise RuntimeError("planted")


def _sleep(*_: object, **__: object) -> None:
    time.sleep(60)


def _burn(*_: object, **__: object) -> None:
    end = time.process_time() + 4
    while time.process_time() < end:
        pass
    from intertwine._errors import UsageError

    raise UsageError("planted and late")


def _compute(*_: object, **__: object) -> None:
    while True:
        pass


def _litter(*_: object, **__: object) -> None:
    from intertwine._errors import UsageError

    Path("litter").write_text("")
    raise UsageError("planted with a file")


PLANTED: dict[str, Case] = {
    "traceback": Case("planted", ("runs",), RIGHT, plant=_replace("_show_warnings", _raise)),
    "unexpected": Case("planted", ("runs",), RIGHT, plant=_replace("command", _raise)),
    "hang": Case("planted", ("runs",), RIGHT, plant=_replace("command", _sleep)),
    "hang, computing": Case("planted", ("runs",), RIGHT, plant=_replace("command", _compute)),
    "slow error": Case("planted", ("runs",), WRONG, plant=_replace("command", _burn)),
    "files left by an error": Case("planted", ("runs",), WRONG, plant=_replace("command", _litter)),
    "silent acceptance": Case("planted", ("--version",), WRONG),
    "refused though right": Case("planted", ("runs", "nope"), RIGHT),
    "unclear": Case("planted", ("runs", "nope"), WRONG, plant=_replace("_print_error", lambda text, code: code)),
}
"""The fault that each must be found with, before the comma if there is one."""
