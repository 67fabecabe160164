"""From a dataclass of options to the signature of a command."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import typer

from intertwine.tasks import OPTION, flag

_SHARED = ("Model", "Data", "Training", "Run")
"""Headings that tasks share, in the order of `--help`; others come before."""


def command_from(options: type, run: Callable[..., int], name: str, help: str) -> Callable[..., int]:
    """A function with one keyword parameter for each field of `options`, that calls `run` with them.

    Args:
        options: A dataclass made of `intertwine.tasks.option` fields.
        run: Called with the values by name.
        name: Name of the command.
        help: Its help.

    Returns:
        What `typer` takes for a command.
    """

    def command(**values: Any) -> int:
        return run(**values)

    hints = get_type_hints(options)
    items = sorted((item for item in fields(options) if OPTION in item.metadata), key=_place)
    parameters = [_parameter(item, hints[item.name]) for item in items]
    command.__name__ = name
    command.__doc__ = help
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return command


def _place(item: Any) -> int:
    """Arguments first, then what is the task's own, then what every task has."""
    rules = item.metadata[OPTION]
    if rules["argument"]:
        return -1
    return _SHARED.index(rules["group"]) + 1 if rules["group"] in _SHARED else 0


def _parameter(item: Any, hint: Any) -> inspect.Parameter:
    rules = item.metadata[OPTION]
    choices = rules["choices"]() if callable(rules["choices"]) else rules["choices"]
    metavar = rules["metavar"] or ("|".join(choices) if choices else None)
    common = {"help": rules["help"], "metavar": metavar}
    if rules["argument"]:
        info: Any = typer.Argument(**common, show_default=False)
        default: Any = inspect.Parameter.empty
    else:
        shown = not any(item.default is nothing for nothing in (None, (), False))
        info = typer.Option(flag(item.name), **common, show_default=shown, rich_help_panel=rules["group"])
        default = list(item.default) if isinstance(item.default, tuple) else item.default
    annotation: Any = Annotated[_plain(hint), info]
    return inspect.Parameter(item.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _plain(hint: Any) -> Any:
    """What `typer` understands of a type: sequences are lists."""
    origin, inside = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        kept = [part for part in inside if part is not type(None)]
        return _plain(kept[0]) | None if len(kept) < len(inside) else _plain(kept[0])
    if origin is not None and issubclass(origin, Sequence):
        return types.GenericAlias(list, inside)
    return hint
