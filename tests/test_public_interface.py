"""Names, parameters, defaults, bounds of options and flags are those of the committed table.

A change that is meant is written into the table by `python tools/public_interface.py`.
"""

import importlib.util
import json
from pathlib import Path

import pytest

TABLE = Path(__file__).with_name("public_interface.json")
TOOL = Path(__file__).resolve().parent.parent / "tools" / "public_interface.py"
EXPECTED = json.loads(TABLE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("public_interface", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("section", "function"),
    [("python", "python_names"), ("options", "task_options"), ("commands", "command_parameters")],
)
def test_the_interface_is_the_committed_one(section, function, tool):
    found, expected = getattr(tool, function)(), EXPECTED[section]
    assert sorted(expected.keys() - found.keys()) == [], "gone"
    assert sorted(found.keys() - expected.keys()) == [], "new: python tools/public_interface.py"
    assert {name: text for name, text in found.items() if text != expected[name]} == {}


def test_the_table_shows_defaults_bounds_and_flags(tool):
    def function(a, *rest, size: int = 3, kind: type = int, **more) -> int: ...

    assert tool.parameters(function) == "(a, *rest, size=3, kind=builtins.int, **more)"
    assert EXPECTED["python"]["intertwine.groups.SO3.sample"] == "(self, n=None, *, generator=None)"
    assert "'minimum': 1" in EXPECTED["options"]["classify epochs"]
    assert "['--batch-size']" in EXPECTED["commands"]["intertwine fit classify batch_size"]
