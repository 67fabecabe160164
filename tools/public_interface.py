"""The public interface as a table: `python tools/public_interface.py` writes `tests/public_interface.json`.

The table has every public name with its parameters and their defaults, the public constants, the options of every task
with their bounds, and the parameters of every command. `tests/test_public_interface.py` compares it with what is there,
so that a default, a bound or a name changes only where the change is meant: run this then, and read the difference.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import pkgutil
import re
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

TABLE = Path(__file__).resolve().parent.parent / "tests" / "public_interface.json"
Section = dict[str, Any]


def public_packages() -> list[ModuleType]:
    """All packages below `intertwine` without a private part in their names, sorted."""
    import intertwine

    found = pkgutil.walk_packages(intertwine.__path__, "intertwine.")
    names = ["intertwine", *(each.name for each in found if each.ispkg and "._" not in each.name)]
    return [import_module(name) for name in sorted(names)]


def show(value: object) -> str:
    """A default or a constant as text that does not depend on where objects lie in memory."""
    if isinstance(value, type) or inspect.isroutine(value):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(map(repr, value))) + "}"
    text = re.sub(r" at 0x[0-9a-f]+", "", repr(value))
    return text.replace(str(Path.cwd()), ".").replace(str(Path.home()), "~")


def parameters(function: Any) -> str:
    """The parameters of a function or of a constructor with their kinds and defaults, without annotations."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return "(...)"
    plain = [
        each.replace(
            annotation=each.empty, default=_Shown(each.default) if each.default is not each.empty else each.empty
        )
        for each in signature.parameters.values()
    ]
    return str(signature.replace(parameters=plain, return_annotation=signature.empty))


class _Shown:
    """Prints a default as `show` does."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __repr__(self) -> str:
        return show(self.value)


def _is_told(value: object) -> bool:
    return value is not None and value is not False and value != []


def _members(kind: type, public: set[type]) -> Section:
    """The public methods and constants of a class, without those that it has from a public class."""
    owners = [each for each in kind.__mro__ if each is kind or each not in public]
    found: Section = {}
    for owner in reversed([each for each in owners if each.__module__.startswith("intertwine")]):
        for name, value in vars(owner).items():
            plain = value.__func__ if isinstance(value, classmethod | staticmethod) else value
            if name.startswith("_"):
                continue
            if inspect.isfunction(plain):
                found[name] = parameters(plain)
            elif isinstance(value, bool | int | float | str | tuple):
                found[name] = show(value)
    return found


def python_names() -> Section:
    """Every name in the `__all__` of a public package: parameters and members of what it is, or its value.

    What stands in several packages is described in the one that is nearest to its definition.
    """
    places = {
        f"{package.__name__}.{name}": getattr(package, name)
        for package in public_packages()
        for name in getattr(package, "__all__", ())
    }
    definitions = {
        place: value for place, value in places.items() if isinstance(value, type) or inspect.isroutine(value)
    }
    homes: dict[int, str] = {}
    for place, value in sorted(definitions.items(), key=lambda item: (-item[0].count("."), item[0])):
        homes.setdefault(id(value), place)
    public = {value for value in definitions.values() if isinstance(value, type)}
    table: Section = {}
    for place, value in sorted(places.items()):
        if place in definitions and homes[id(value)] != place:
            table[place] = f"is {homes[id(value)]}"
        elif place in definitions:
            table[place] = parameters(value)
            members = _members(value, public) if isinstance(value, type) else {}
            table |= {f"{place}.{member}": text for member, text in sorted(members.items())}
        elif not isinstance(value, ModuleType):
            table[place] = show(value)
    return table


def task_options() -> Section:
    """The default, the bounds and the choices of every option of every task."""
    from intertwine.tasks import OPTION, get, names

    table: Section = {}
    for task in names():
        for item in dataclasses.fields(get(task).options):
            rules = dict(item.metadata.get(OPTION, {}))
            choices = rules.pop("choices", None)
            rules["choices"] = list(choices() if callable(choices) else choices or ())
            told = {key: value for key, value in rules.items() if key != "help" and _is_told(value)}
            table[f"{task} {item.name}"] = f"{show(item.default)} {told}"
    return table


def command_parameters() -> Section:
    """The flags, the type and the default of every parameter of every command."""
    import typer

    from intertwine.cli._app import command

    table: Section = {}

    def add(words: str, what: Any) -> None:
        for each in what.params:
            rules = {name: getattr(each, name, None) for name in ("min", "max", "required", "is_flag", "multiple")}
            told = {name: value for name, value in rules.items() if _is_told(value)}
            table[f"{words} {each.name}"] = f"{each.opts + each.secondary_opts} default {show(each.default)} {told}"
        if isinstance(what, typer.core.TyperGroup):
            context = typer.Context(what)
            for name in sorted(what.list_commands(context)):
                add(f"{words} {name}", what.get_command(context, name))

    add("intertwine", command())
    return table


def public_interface() -> dict[str, Section]:
    """The whole table."""
    return {"python": python_names(), "options": task_options(), "commands": command_parameters()}


if __name__ == "__main__":
    sys.path.insert(0, str(TABLE.parent.parent / "src"))
    TABLE.write_text(json.dumps(public_interface(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
