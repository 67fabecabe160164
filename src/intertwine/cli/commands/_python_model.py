"""Import of a model from a Python module or file, by its name."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from intertwine._errors import UsageError


def names_callable(text: str) -> bool:
    """Whether this is "package.module:name" or "path/to/file.py:name", and no folder of that name exists."""
    place, _, name = text.rpartition(":")
    dotted = all(part.isidentifier() for part in place.split("."))
    return name.isidentifier() and (dotted or place.endswith(".py")) and not os.path.exists(text)


def load_python_object(text: str) -> Any:
    """The object that "module:name" or "file.py:name" names.

    Whatever the code raises while it is imported, ``SystemExit`` included, is an error of use: a script that ends
    itself was not audited. Only ``os._exit``, which ends the process without an exception, cannot be caught.

    Raises:
        UsageError: It cannot be imported, or has no such name.
    """
    place, _, name = text.rpartition(":")
    with foreign_code(f"{place} cannot be imported:"):
        try:
            module = _module(place)
        except FileNotFoundError as error:
            if error.filename is None and str(error) == place:
                raise UsageError(f"no file {place}") from error
            raise
        except ModuleNotFoundError as error:
            raise UsageError(f'no module "{error.name}"; it is looked for in {os.getcwd()} as well') from error
        if hasattr(module, name):
            return getattr(module, name)
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise UsageError(f'{place} has no "{name}"; it has {", ".join(known[:8]) or "nothing to call"}')


@contextmanager
def foreign_code(failure: str, remedy: str = "") -> Iterator[None]:
    """Turn every exception of a user's code into a ``UsageError``: failure, exception, remedy."""
    try:
        yield
    except UsageError:
        raise
    except SystemExit as stop:
        code = "" if stop.code is None else repr(stop.code)
        advice = remedy or '; put what ends the script under if __name__ == "__main__"'
        raise UsageError(f"{failure} it ends the process, sys.exit({code}){advice}") from stop
    except BaseException as error:
        raise UsageError(f"{failure} {type(error).__name__}: {error}".rstrip(": ") + remedy) from error


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
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if sys.modules.get(path.stem) is module:
            del sys.modules[path.stem]
        raise
    return module
