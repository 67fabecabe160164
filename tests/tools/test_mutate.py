"""The mutation tool: what it changes, which tests it runs, and that it tells a survivor from a killed mutant."""

import ast
import importlib
import sqlite3
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

SOURCE = '''"""Sum of 1 + 1."""


def clip(x, low=0, high=9):
    """Clip."""
    if x < low:
        raise ValueError(f"{x + 1}")
    total = x
    total += 0 if not low else -1
    zip([low], [high], strict=True)
    print(total)
    return min(total, high) if x > 3 and high else x * 2  # a < b
'''


@pytest.fixture(scope="module")
def tools():
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        yield importlib.import_module("mutants"), importlib.import_module("mutate")
    finally:
        sys.path.remove(str(ROOT / "tools"))


def test_every_mutant_is_one_change_of_code(tools, tmp_path):
    file = tmp_path / "clip.py"
    file.write_text(SOURCE)
    found = tools[0].mutants(file, tmp_path)
    assert {mutant.kind for mutant in found} == {
        "arithmetic", "boolean operator", "comparison", "condition", "constant", "dropped assignment", "dropped call",
        "dropped raise", "negation", "sign",
    }  # fmt: skip
    for mutant in found:
        changed = mutant.apply(SOURCE)
        assert changed != SOURCE
        ast.parse(changed)
        assert mutant.before in SOURCE.splitlines()[mutant.line - 1]
    # neither docstrings, defaults, messages nor comments
    assert not any(mutant.line in (1, 4, 5) or "a < b" in mutant.before for mutant in found)
    assert not any(mutant.line == 7 and mutant.kind == "arithmetic" for mutant in found)
    assert not any(mutant.before == "True" for mutant in found)  # strict=


def test_all_sources_can_be_mutated_and_samples_repeat(tools):
    mutants = tools[0]
    sample = list(mutants.select(ROOT, "", 150, seed=3))
    assert sample == list(mutants.select(ROOT, "", 150, seed=3))
    assert sample != list(mutants.select(ROOT, "", 150, seed=4))
    assert {one.path for one in mutants.select(ROOT, "hom/_basis.py", 9, seed=3)} == {"src/intertwine/hom/_basis.py"}
    assert len({Path(mutant.path).parts[2] for mutant in sample}) > 8  # packages
    for mutant in sample:
        ast.parse(mutant.apply((ROOT / mutant.path).read_text(encoding="utf-8")))


def test_the_mirroring_test_comes_first(tools):
    nearest, farther = tools[1].nearest_tests(ROOT, "src/intertwine/ops/functions/_safe_norm.py")
    assert nearest[0] == "tests/ops/functions/test_safe_norm.py"
    assert farther
    assert not set(nearest) & set(farther)


@pytest.mark.parametrize(
    ("check", "result"), [("assert clip(0) == 0 and clip(4) == 4", "survived"), ("assert clip(3) == 6", "killed")]
)
def test_survivors_and_killed(tools, tmp_path, check, result):
    mutants, mutate = tools
    source, test = tmp_path / "src" / "clip.py", tmp_path / "test_clip.py"
    source.parent.mkdir()
    source.write_text("def clip(x):\n    return x if x > 3 else x * 2\n")
    test.write_text(f"from clip import clip\n\n\ndef test_clip():\n    {check}\n")
    mutant = next(found for found in mutants.mutants(source, tmp_path) if found.after == ">=")
    other = tmp_path / "test_other.py"
    other.write_text("def test_nothing():\n    pass\n")
    row = mutate.try_mutant(tmp_path, mutant, limit=60, tests=[[other.name], [test.name]])
    assert row["result"] == result
    assert source.read_text() == "def clip(x):\n    return x if x > 3 else x * 2\n"
    text = mutate.summary([{**row, "path": str(mutant.path)}], {}, tmp_path)
    assert ("100.0 %" in text) == (result == "killed")
    assert ("+    return x if x >= 3 else x * 2" in text) == (result == "survived")


def test_equivalent_mutants_are_counted_apart(tools, tmp_path):
    mutants, mutate = tools
    source = tmp_path / "a.py"
    source.write_text("def f(x):\n    return x > 3\n")
    mutant = next(found for found in mutants.mutants(source, tmp_path) if found.after == ">=")
    row = {**mutant._asdict(), "result": "survived"}
    assert "1 survived" in mutate.summary([row], {}, tmp_path)
    assert mutant.change(source.read_text()) == "a.py: return x > 3 => return x >= 3"
    assert "1 equivalent, 0 survived" in mutate.summary([row], {"a.py: return x > 3 => return x >= 3": "why"}, tmp_path)


@pytest.mark.parametrize(("line", "lines"), [(2, [2, 3]), (3, [2, 3]), (4, [4, 5]), (5, [4, 5]), (6, [6])])
def test_the_lines_of_a_statement(tools, line, lines):
    text = "def f(x):\n    if (x\n        > 3):\n        return (x\n            * 2)\n    return x\n"
    assert list(tools[1].statement_lines(text, line)) == lines


def test_tests_that_run_the_line_come_quickest_first(tools, tmp_path):
    mutants, mutate = tools
    source, lines = tmp_path / "src" / "clip.py", tmp_path / "lines.sqlite"
    source.parent.mkdir()
    source.write_text("def clip(x):\n    if x > 3:\n        return 3\n    return x\n")
    tracer = importlib.import_module("coverage").Coverage(
        data_file=str(lines), config_file=False, source=[str(tmp_path)]
    )
    tracer.start()
    scope = {}
    exec(compile(source.read_text(), str(source), "exec"), scope)
    for test, value in (("t.py::low[1]", 1), ("t.py::low[2]", 2), ("t.py::high", 4), ("t.py::other", None)):
        tracer.switch_context(test)
        if value is not None:
            scope["clip"](value)
    tracer.stop()
    tracer.save()
    with sqlite3.connect(lines) as table:
        table.execute("create table seconds (test text primary key, seconds real)")
        times = {"t.py::low[1]": 0.1, "t.py::low[2]": 0.2, "t.py::high": 50, "t.py::other": 0.1}
        table.executemany("insert into seconds values (?, ?)", times.items())
    at = {mutant.line: mutant for mutant in mutants.mutants(source, tmp_path)}
    assert mutate.covering_tests(lines, tmp_path, at[3]) == [["t.py::high"], []]
    assert mutate.covering_tests(lines, tmp_path, at[2]) == [["t.py::low[1]"], ["t.py::high", "t.py::low[2]"]]
