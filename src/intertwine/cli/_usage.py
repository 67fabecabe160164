"""One-line messages for errors of the argument parser and for missing packages."""

from __future__ import annotations

from typing import Any

import typer

from intertwine.tasks import nearest

# Old versions of typer use click, newer ones carry their own: the bases of the public BadParameter are right in both.
ClickUsageError: type[Exception] = typer.BadParameter.__mro__[1]
ClickError: type[Exception] = typer.BadParameter.__mro__[2]

_EXTRAS = {
    "train": ("lightning", "safetensors", "rich"),
    "atoms": ("ase", "qm9pack"),
    "report": ("matplotlib",),
    "patterns": ("PIL", "spglib"),
}


def explain(error: Any) -> str:
    """Describe an error of the argument parser, with the --help to read.

    Args:
        error: An exception of the argument parser.

    Returns:
        One line, without the word "error".
    """
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "intertwine"
    kind = type(error).__name__
    if kind == "NoSuchOption":
        text = _no_option(error.option_name, context, path)
    elif kind == "MissingParameter":
        text = f"missing {_name(error)}"
    elif kind == "BadParameter" and (expected := _expected(error.message)):
        text = f"{_name(error)} expects {expected}"
    else:
        text = error.format_message().strip().rstrip(".")
        text = text[:1].lower() + text[1:]
    return f"{text}; see {path} --help"


def _no_option(typed: str, context: Any, path: str) -> str:
    if typed == "--resume" and path.startswith("intertwine fit "):
        return 'no option "--resume" here: to resume, write intertwine fit --resume RUN'
    known = [] if context is None else [name for item in context.command.get_params(context) for name in item.opts]
    match = nearest(typed, [name for name in known if name.startswith("--")])
    return f'no option "{typed}"' + (f'; did you mean "{match}"?' if match else "")


def _name(error: Any) -> str:
    parameter = error.param
    if parameter is None:
        return "a parameter"
    if parameter.param_type_name == "argument":
        return f"argument {(parameter.metavar or parameter.name or '').upper()}"
    return f"option {parameter.opts[0]}"


def _expected(message: str) -> str | None:
    """The expected type, from the message of the parser."""
    if "valid int" in message:
        return "a whole number"
    return "a number" if "valid number" in message or "valid float" in message else None


def missing_extra(error: ModuleNotFoundError) -> str | None:
    """Name the extra that installs a missing package.

    Args:
        error: The failed import.

    Returns:
        One line; None if no extra contains the package.

    >>> missing_extra(ModuleNotFoundError("no", name="ase.io"))
    'this needs the package ase, which is not installed; pip install "intertwine[atoms]"'
    """
    package = (error.name or "").partition(".")[0]
    for extra, packages in _EXTRAS.items():
        if package in packages:
            return f'this needs the package {package}, which is not installed; pip install "intertwine[{extra}]"'
    return None
