"""Audit of a model in a Python module or file, by its name."""

from __future__ import annotations

import inspect
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from intertwine._errors import UsageError
from intertwine.cli._origin import page_origin
from intertwine.cli.commands._python_model import foreign_code, load_python_object

if TYPE_CHECKING:
    from intertwine.auditing import Declaration

PASS, FAIL = 0, 1


def audit_callable(
    model: str,
    tolerance: float = 1e-5,
    samples: int = 64,
    seed: int = 0,
    full: bool = False,
    folder: Path | None = None,
    rep_in: str | None = None,
    rep_out: str | None = None,
    group: str = "O3",
) -> int:
    """Measure the equivariance error of a model in Python, and print the table.

    Args:
        model: "module:name" or "file.py:name" of a model, or of a function without arguments that returns one.
        tolerance: Largest relative error that passes.
        samples: Number of random group elements.
        seed: Random seed of the group elements.
        full: Whether to measure in training mode, compiled, and gradients as well.
        folder: Where to write audit.json and audit.html, if given.
        rep_in: How the input moves, as text; what the model declares if None.
        rep_out: How the output moves, as text; what the model declares if None.
        group: The group of these texts.

    Returns:
        The exit code: 0 if every error is within the tolerance, else 1.

    Raises:
        UsageError: The model cannot be imported, does not declare its actions, or raises.
    """
    from intertwine.auditing import audit

    arguments = _audit_arguments(model, rep_in, rep_out, group)
    if full:
        arguments = {"modes": ("eval", "train"), "execution": ("eager", "compiled"), "gradients": True, **arguments}
    try:
        report = audit(**{"tolerance": tolerance, "samples": samples, "seed": seed, **arguments})
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"{model}: {error}") from error
    except SystemExit as stop:
        raise UsageError(f"{model}: it ends the process, sys.exit({stop.code!r}); it must return its output") from stop
    typer.echo(str(report))
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        report.to_json(folder / "audit.json")
        if find_spec("matplotlib") is not None:
            report.to_html(folder / "audit.html", origin=page_origin([model], seed))
        typer.echo(f"written       {folder}")
    return PASS if report.passed else FAIL


def _audit_arguments(text: str, rep_in: str | None, rep_out: str | None, group: str) -> dict[str, Any]:
    """The arguments of `audit`, from a model that declares its actions, a tuple (f, in, out[, inputs]), or a dict."""
    from intertwine.auditing import declaration

    found = load_python_object(text)
    if (rep_in is None) != (rep_out is None):
        given, missing = ("--rep-in", "--rep-out") if rep_out is None else ("--rep-out", "--rep-in")
        raise UsageError(f'{given} needs {missing} beside it, such as --rep-in "5x0e + 1x1o" --rep-out "1x1o"')
    with foreign_code(f"{text} raised", "; it is called without arguments"):
        found = found() if _is_factory(found, stated=rep_in is not None) else found
    if isinstance(found, dict):
        return found
    if isinstance(found, tuple) and len(found) in (3, 4):
        return dict(zip(("f", "input_action", "output_action", "inputs"), found, strict=False))
    if callable(found) and rep_in is not None and rep_out is not None:
        return _arguments(_stated(found, rep_in, rep_out, group))
    with foreign_code(f"{text} raised"):
        said = declaration(found) if callable(found) else None
    if said is None:
        raise UsageError(
            f"{text} is a {type(found).__name__} that declares no actions: give it rep_in and rep_out (or action_in "
            'and action_out), or state them, --rep-in "5x0e + 1x1o" --rep-out "1x1o" for features, --rep-in '
            '"cloud: 5x0e" --rep-out "points: 1x1o" for points; or name a function of no arguments that returns '
            "(model, input action, output action)"
        )
    return _arguments(said)


def _arguments(said: Declaration) -> dict[str, Any]:
    return {
        "f": said.function,
        "input_action": said.input_action,
        "output_action": said.output_action,
        "inputs": said.inputs,
        "dtypes": said.dtypes,
    }


def _stated(found: Any, rep_in: str, rep_out: str, group: str) -> Declaration:
    from intertwine.auditing import stated
    from intertwine.hom import parse_group

    try:
        return stated(found, rep_in, rep_out, parse_group(group)[0])
    except (TypeError, ValueError) as error:
        raise UsageError(f"--rep-in, --rep-out: {error}") from error


def _is_factory(found: Any, *, stated: bool) -> bool:
    """Whether to call an object for the model: a class, or a function without parameters. Never a module."""
    from torch import nn

    from intertwine.auditing import declaration, required_parameters

    if inspect.isclass(found):
        return True
    if not callable(found) or isinstance(found, nn.Module):
        return False
    if stated and _accepts_arguments(found):
        return False
    return declaration(found) is None and required_parameters(found) == [] and _has_signature(found)


def _has_signature(function: Any) -> bool:
    try:
        inspect.signature(function)
    except (TypeError, ValueError):
        return False
    return True


def _accepts_arguments(function: Any) -> bool:
    return not _has_signature(function) or bool(inspect.signature(function).parameters)
