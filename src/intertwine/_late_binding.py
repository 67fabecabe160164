"""Late binding: modules that implement an interface of a lower package, loaded when they are first asked for.

Imports go down only. Where a lower package needs a function of a higher one, as a group needs its irreps, it declares
an interface and asks for its implementation by name; the root package says which module that is.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

_modules: dict[str, str] = {}


def bind(interface: str, module: str) -> None:
    """Say which module implements an interface; nothing is imported yet."""
    _modules[interface] = module


@cache
def implementation(interface: str) -> Any:
    """The module that implements an interface, imported on first use."""
    return import_module(_modules[interface])
