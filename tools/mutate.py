"""Mutation testing: `python tools/mutate.py --count 120 --seed 0`, or `make mutate`.

Each mutant is one small change of the sources in a copy of the tree. Where `tools/cover.py` has written which tests run
which line, those that run the changed line are tried, the quickest first; else the tests that are nearest to the file,
and if they pass those that are farther off. A mutant whose tests still pass has survived: either a test is missing, or
the change makes no difference, in which case it is listed with the reason in `tools/equivalent_mutants.json`.
Results are written line by line to `build/mutants/`; a run that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from mutants import Mutant, select

ROOT = Path(__file__).resolve().parent.parent
LINES = ROOT / "build" / "mutants" / "lines.sqlite"
"""Which tests run which line, as `tools/cover.py` writes it."""
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.json")
COPIED = ("src", "tests", "tools", "docs", "examples", "pyproject.toml", "README.md", "CHANGELOG.md")
NEAREST = 6
"""How many test files are tried on one mutant at first, besides those for all files."""
FARTHER = 24
"""How many further ones are tried on a mutant that survives these."""
FOR_ALL = ("tests/test_public_interface.py",)
"""Test files that are about all sources."""
BUDGETS = (20.0, 100.0)
"""Seconds of tests that run the changed line which are tried at first, and on a mutant that survives these."""
MEMORY = 12_000_000
"""KB of address space for the tests of one mutant; a loop without an end would take all there is."""


def nearest_tests(root: Path, source: str) -> list[list[str]]:
    """The test files that are likeliest to notice a change of a source file: the nearest, then those farther off.

    The file that mirrors it comes first, then those that stand in the mirroring folder and those that mention most of
    the classes, functions and methods of the source. Those of ``FOR_ALL`` are among the nearest.

    Args:
        root: The folder of the project.
        source: The path of the source below it.
    """
    below = Path(source).relative_to("src/intertwine")
    text = (root / source).read_text(encoding="utf-8")
    names = _words(re.findall(r"^(?:class|def) ([A-Za-z]\w+)", text, re.MULTILINE))
    methods = _words(re.findall(r"^    (?:def ([A-Za-z]\w+))", text, re.MULTILINE))
    mirror = f"test_{below.stem.strip('_')}.py"
    scores = Counter[str]()
    for test in sorted((root / "tests").rglob("test_*.py")):
        place = test.relative_to(root / "tests")
        content = test.read_text(encoding="utf-8")
        folders = sum(a == b for a, b in zip(place.parent.parts, below.parent.parts, strict=False))
        mentions = 4 * len(set(names.findall(content))) + min(8, len(set(methods.findall(content))))
        same_folder = place.parent == below.parent
        scores[str(test.relative_to(root))] = (
            50 * (same_folder and place.name == mirror) + 5 * same_folder + 3 * folders + mentions
        )
    for_all = [name for name in FOR_ALL if (root / name).exists()]
    ranked = [name for name, score in scores.most_common() if score and name not in for_all]
    return [ranked[:NEAREST] + for_all, ranked[NEAREST : NEAREST + FARTHER]]


def covering_tests(lines: Path, root: Path, mutant: Mutant) -> list[list[str]]:
    """The tests that run the changed line: the quickest, then slower ones; none if it runs at its import only.

    Of the cases of one test function the quickest comes first, and the next only after one of every other function.

    Args:
        lines: The file that `tools/cover.py` writes.
        root: The folder of the project.
        mutant: The change.
    """
    numbers = statement_lines((root / mutant.path).read_text(encoding="utf-8"), mutant.line)
    with sqlite3.connect(lines) as table:
        rows = table.execute(
            "select test, seconds, numbits from line_bits join file on file.id = file_id join context on context.id = "
            "context_id join seconds on test = context where file.path like ? order by seconds",
            (f"%/{mutant.path}",),
        )
        tests = [(test, seconds) for test, seconds, bits in rows if any(_bit(bits, number) for number in numbers)]
    rounds = Counter[str]()
    queue = []
    for test, seconds in tests:
        function = test.split("[")[0]
        queue.append((rounds[function], seconds, test))
        rounds[function] += 1
    groups: list[list[str]] = []
    queue.sort()
    for budget in BUDGETS:
        group, total = [], 0.0
        while queue and (not group or total + queue[0][1] <= budget):
            _, seconds, test = queue.pop(0)
            group.append(test)
            total += seconds
        groups.append(group)
    return groups


def statement_lines(text: str, line: int) -> range:
    """The lines of the innermost statement around a line; of a compound one, those before its body."""
    found = range(line, line + 1)
    for node in ast.walk(ast.parse(text)):  # outer ones come first
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            body = getattr(node, "body", None)
            end = max(node.lineno, body[0].lineno - 1) if body else node.end_lineno or node.lineno
            if line <= end:
                found = range(node.lineno, end + 1)
    return found


def _bit(bits: bytes, number: int) -> bool:
    """Whether a line is among those of a row of coverage.py, one bit a line."""
    return number // 8 < len(bits) and bool(bits[number // 8] >> number % 8 & 1)


def _words(names: list[str]) -> re.Pattern[str]:
    """A pattern that finds each of the names as a whole word; nothing if there are none."""
    return re.compile(rf"\b(?:{'|'.join(sorted(set(names)))})\b" if names else r"(?!)")


def copy_tree(tree: Path) -> None:
    """A fresh copy of what tests need."""
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy2(source, tree / name)


def run_tests(tree: Path, tests: list[str], limit: float) -> tuple[str, str]:
    """("passed" | "failed" | "timeout", the last line of the output)."""
    environment = os.environ | {"PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    pytest = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", *tests]
    command = ["sh", "-c", f'ulimit -v {MEMORY}; exec "$@"', "sh", *pytest]
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return "timeout", f"more than {limit:g} s"
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    last = (failed or done.stdout.strip().splitlines() or done.stderr.strip().splitlines() or [""])[-1]
    return ("passed" if done.returncode == 0 else "failed"), last


def try_mutant(tree: Path, mutant: Mutant, limit: float, tests: list[list[str]]) -> dict[str, object]:
    """Run groups of tests with the change in place until one fails, and take it back."""
    file = tree / mutant.path
    original = file.read_text(encoding="utf-8")
    start = time.monotonic()
    outcome, last, group = "passed", "no test names it", list[str]()
    file.write_text(mutant.apply(original), encoding="utf-8")
    try:
        for group in filter(None, tests):
            outcome, last = run_tests(tree, group, limit)
            if outcome != "passed":
                break
    finally:
        file.write_text(original, encoding="utf-8")
    if outcome == "timeout":  # of the change, or of a slow machine?
        outcome = "timeout" if run_tests(tree, group, limit)[0] == "passed" else "undecided"
    result = {"passed": "survived", "failed": "killed"}.get(outcome, outcome)
    return {
        **mutant._asdict(),
        "result": result,
        "by": last,
        "tests": group,
        "seconds": round(time.monotonic() - start, 1),
    }


def difference(mutant: Mutant, root: Path) -> str:
    """The change as a unified diff."""
    before = (root / mutant.path).read_text(encoding="utf-8")
    if before[mutant.start : mutant.end] != mutant.before:
        return f"{mutant.key} (the file has changed since)\n"
    lines = (before.splitlines(keepends=True), mutant.apply(before).splitlines(keepends=True))
    return "".join(difflib.unified_diff(*lines, mutant.path, mutant.path, n=1))


def _change(mutant: Mutant, root: Path) -> str:
    text = (root / mutant.path).read_text(encoding="utf-8")
    return mutant.change(text) if text[mutant.start : mutant.end] == mutant.before else ""


def summary(rows: list[dict[str, object]], equivalent: dict[str, str], root: Path) -> str:
    """The score, below every survivor.

    Args:
        rows: Results, as `try_mutant` gives them.
        equivalent: The reason why a change makes no difference, by `Mutant.change`.
        root: The folder of the project.
    """
    counts = Counter(str(row["result"]) for row in rows)
    survivors = [Mutant(*(row[name] for name in Mutant._fields)) for row in rows if row["result"] == "survived"]
    real = [mutant for mutant in survivors if _change(mutant, root) not in equivalent]
    killed = counts["killed"] + counts["timeout"]
    head = (
        f"{len(rows)} mutants: {counts['killed']} killed, {counts['timeout']} stopped by the time limit, "
        f"{counts['undecided']} undecided, {len(survivors) - len(real)} equivalent, {len(real)} survived; "
        f"score {100 * killed / max(1, killed + len(real)):.1f} %"
    )
    return "\n".join([*(difference(mutant, root) for mutant in real), head])


def main() -> None:
    """Make, run and judge the mutants of a seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--package", default="", help="Folder or file below src/intertwine, such as hom or hom/_basis.py. [all]"
    )
    parser.add_argument("--count", type=int, default=120, help="Number of mutants. [120]")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the sample. [0]")
    parser.add_argument("--limit", type=float, default=180, help="Seconds for the tests of one mutant. [180]")
    parser.add_argument("--minutes", type=float, default=None, help="Stop after this time; run again to go on.")
    options = parser.parse_args()
    name = f"{options.package.replace('/', '-') or 'all'}-{options.count}-{options.seed}"
    folder = ROOT / "build" / "mutants"
    output, tree = folder / f"{name}.jsonl", folder / f"tree-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in output.read_text().splitlines()] if output.exists() else []
    done = {(row["path"], row["start"], row["after"]) for row in rows}
    copy_tree(tree)
    stop = time.monotonic() + 60 * (options.minutes or 1e9)
    for mutant in select(ROOT, options.package, options.count, options.seed):
        if (mutant.path, mutant.start, mutant.after) in done:
            continue
        if time.monotonic() > stop:
            break
        tests = covering_tests(LINES, ROOT, mutant) if LINES.exists() else []
        row = try_mutant(tree, mutant, options.limit, tests if any(tests) else nearest_tests(ROOT, mutant.path))
        rows.append(row)
        with output.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(f"{len(rows):4d}  {row['result']:8s}  {row['seconds']:5.1f} s  {mutant.key}", flush=True)
    shutil.rmtree(tree, ignore_errors=True)
    equivalent = json.loads(EQUIVALENT.read_text(encoding="utf-8")) if EQUIVALENT.exists() else {}
    print(summary(rows, equivalent, ROOT))


if __name__ == "__main__":
    main()
