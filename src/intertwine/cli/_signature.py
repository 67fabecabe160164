"""Command signatures from dataclasses of options."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import typer

from intertwine.tasks import OPTION, flag

_SHARED = ("Model", "Data", "Training", "Run")
"""Headings that all tasks share, in the order of `--help`; the task's own come before."""


def command_from(options: type, run: Callable[..., int], name: str, help: str) -> Callable[..., int]:
    """Make a function with one parameter for each field of `options`.

    Args:
        options: A dataclass made of `intertwine.tasks.option` fields.
        run: Called by name with the values that were given; the defaults are left to `options`.
        name: Name of the command.
        help: Help text of the command.

    Returns:
        A function that `typer` accepts as a command.
    """

    def command(context: typer.Context, **values: Any) -> int:
        return run(**{name: value for name, value in values.items() if _was_given(context, name)})

    hints = get_type_hints(options)
    items = sorted((item for item in fields(options) if OPTION in item.metadata), key=_help_order)
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    parameters = [context, *(_parameter(item, hints[item.name]) for item in items)]
    command.__name__ = name
    command.__doc__ = help
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return command


def _was_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _help_order(item: Any) -> int:
    """Position in `--help`: arguments, the task's own options, then those of all tasks."""
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
        default: Any = None  # it may stand in the file of --config
    else:
        shown = not any(item.default is nothing for nothing in (None, (), False))
        flags = [flag(item.name), *([rules["spelling"]] if rules["spelling"] else [])]
        info = typer.Option(*flags, **common, show_default=shown, rich_help_panel=rules["group"])
        default = list(item.default) if isinstance(item.default, tuple) else item.default
    plain = _plain(hint) | None if rules["argument"] else _plain(hint)
    annotation: Any = Annotated[plain, info]
    return inspect.Parameter(item.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _plain(hint: Any) -> Any:
    """The type as `typer` understands it: sequences become lists."""
    origin, inside = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        alternatives = [part for part in inside if part is not type(None)]
        first = _plain(alternatives[0])
        return first | None if len(alternatives) < len(inside) else first
    if origin is not None and issubclass(origin, Sequence):
        return types.GenericAlias(list, inside)
    return hint
