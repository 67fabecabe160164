"""Audit of a model in a Python module or file, by its name."""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer

from intertwine._errors import UsageError

PASS, FAIL = 0, 1


def names_callable(text: str) -> bool:
    """Whether this is "package.module:name" or "path/to/file.py:name", and no folder of that name exists."""
    place, _, name = text.rpartition(":")
    dotted = all(part.isidentifier() for part in place.split("."))
    return name.isidentifier() and (dotted or place.endswith(".py")) and not os.path.exists(text)


def audit_callable(
    model: str,
    tolerance: float = 1e-5,
    samples: int = 64,
    seed: int = 0,
    full: bool = False,
    folder: Path | None = None,
) -> int:
    """Measure the equivariance error of a model in Python, and print the table.

    Args:
        model: "module:name" or "file.py:name" of a model, or of a function without arguments that returns one.
        tolerance: Largest relative error that passes.
        samples: Number of random group elements.
        seed: Random seed of the group elements.
        full: Whether to measure in training mode, compiled, and gradients as well.
        folder: Where to write audit.json and audit.html, if given.

    Returns:
        The exit code: 0 if every error is within the tolerance, else 1.

    Raises:
        UsageError: The model cannot be imported, does not declare its actions, or raises.
    """
    from intertwine.auditing import audit

    arguments = _audit_arguments(model)
    if full:
        arguments = {"modes": ("eval", "train"), "execution": ("eager", "compiled"), "gradients": True, **arguments}
    try:
        report = audit(**{"tolerance": tolerance, "samples": samples, "seed": seed, **arguments})
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"{model}: {error}") from error
    typer.echo(str(report))
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        report.to_json(folder / "audit.json")
        if find_spec("matplotlib") is not None:
            report.to_html(folder / "audit.html")
        typer.echo(f"written       {folder}")
    return PASS if report.passed else FAIL


def _audit_arguments(text: str) -> dict[str, Any]:
    """The arguments of `audit`, from a model that declares its actions, a tuple (f, in, out[, inputs]), or a dict."""
    found = _load(text)
    if inspect.isclass(found) or (
        callable(found) and not _declared(found, "in") and not _has_required_parameters(found)
    ):
        try:
            found = found()
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            raise UsageError(f"{text} raised {message}; it is called without arguments") from error
    if isinstance(found, dict):
        return found
    if isinstance(found, tuple) and len(found) in (3, 4):
        return dict(zip(("f", "input_action", "output_action", "inputs"), found, strict=False))
    source, target = _declared(found, "in"), _declared(found, "out")
    if not callable(found) or source is None or target is None:
        raise UsageError(
            f"{text} is a {type(found).__name__} that declares no actions: give it rep_in and rep_out (or "
            "action_in and action_out), or name a function of no arguments that returns (model, input action, output "
            "action)"
        )
    return {"f": found, "input_action": source, "output_action": target}


def _load(text: str) -> Any:
    place, _, name = text.rpartition(":")
    try:
        module = _module(place)
    except FileNotFoundError as error:
        raise UsageError(f"no file {place}") from error
    except ModuleNotFoundError as error:
        raise UsageError(f'no module "{error.name}"; it is looked for in {os.getcwd()} as well') from error
    except Exception as error:
        raise UsageError(f"{place} cannot be imported: {type(error).__name__}: {error}") from error
    if not hasattr(module, name):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise UsageError(f'{place} has no "{name}"; it has {", ".join(known[:8]) or "nothing to call"}')
    return getattr(module, name)


def _module(place: str) -> Any:
    if not place.endswith(".py"):
        if "" not in sys.path and os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
        return import_module(place)
    path = Path(place)
    if not path.is_file():
        raise FileNotFoundError(place)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None, "a .py file has a loader"
    assert spec.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module


def _declared(found: Any, side: str) -> Any:
    from intertwine.actions import Action
    from intertwine.reps import Rep

    for name in (f"action_{side}", f"rep_{side}"):
        value = getattr(found, name, None)
        if isinstance(value, Action | Rep):
            return value
    return None


def _has_required_parameters(function: Any) -> bool:
    """Whether a function has parameters without defaults."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)
