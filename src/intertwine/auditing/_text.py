"""The report as a table and as one line."""

from __future__ import annotations

from itertools import groupby
from math import isfinite

from intertwine.auditing._report import Report, LayerError, AuditRun


def table(report: Report) -> str:
    """The table: a line for each layer, a line for each law of the whole, the verdict."""
    header, *rows = cells(report, shown(report))
    widths = [max(len(line[k]) for line in [header, *rows]) for k in range(len(header) - 1)]
    lines = [
        "   ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]])
        for line in [header, *rows]
    ]
    return "\n".join([*lines, verdict(report), *notes(report)])


def shown(report: Report) -> list[LayerError]:
    """The rows of the table: those of the first run that fails, else of the first run."""
    run = report.runs[0]
    if run.passes(report.tolerance):
        run = next((run for run in report.runs if not run.passes(report.tolerance) and not run.gradient), run)
    return [*summary(run.layers, report.tolerance), *distinct(run.output, report)]


def cells(report: Report, rows: list[LayerError]) -> list[tuple[str, ...]]:
    """Header and lines; with a column for the worst irrep, where one fails."""
    failing = [row.worst_component if row.max_error > report.tolerance else "" for row in rows]
    header: tuple[str, ...] = ("layer", "law", "max error", "worst element")
    lines = [(row.name, report.symbols[row.law], number(row), row.worst if row.max_error else "-") for row in rows]
    if not any(failing):
        return [header, *lines]
    wide = [(*line[:3], part or "-", line[3]) for line, part in zip(lines, failing, strict=True)]
    return [(*header[:3], "worst part", header[3]), *wide]


def summary(rows: tuple[LayerError, ...], tolerance: float) -> list[LayerError]:
    """One row a layer: all laws at once, or the simplest law that fails."""
    kept = []
    for _, group in groupby(rows, key=lambda row: row.name):
        laws = list(group)
        kept.append(next((row for row in laws if not row.max_error <= tolerance), laws[-1]))
    return kept


def distinct(rows: tuple[LayerError, ...], report: Report) -> list[LayerError]:
    """Without "all" where it repeats the only law."""
    return [row for row in rows if row.law != "all" or len(report.symbols) > 2]


def number(row: LayerError) -> str:
    """A row's error as it is printed."""
    if row.zero:
        return "zero"
    if row.max_error == 0:
        return "0"
    return f"{row.max_error:.1e}" if isfinite(row.max_error) else "not finite"


def statement(run: AuditRun, tolerance: float) -> str:
    """One run against its tolerance, in words."""
    if not run.finite:
        return "output is not finite"
    if run.zero:
        return "output is zero, which proves nothing"
    return f"{run.max_error:.1e} {'<=' if run.max_error <= tolerance else '>'} {tolerance:.0e}"


def verdict(report: Report) -> str:
    """PASS or FAIL, and by how much in each dtype."""
    first, *others = report.runs
    mark = "PASS" if report.passed else "FAIL"
    line = f"{mark}  {statement(first, report.tolerance)} over {report.samples} elements ({first.label})"
    for run in others:
        said = f"{run.max_error:.1e}" if run.passes(report.tolerance) else statement(run, report.tolerance)
        line += f"; {said} ({run.label})"
    return line


def notes(report: Report) -> list[str]:
    """What a reader should know beside the figures."""
    run = next((run for run in report.runs if not run.passes(report.tolerance)), report.runs[0])
    lines = []
    if report.control > 0:
        lines.append(f"note  interpolation alone explains {report.control:.1e}: what is smaller cannot be seen")
    layer = run.first_failing(report.tolerance)
    if layer is not None and report.passed:
        law = report.symbols[layer.law]
        lines.append(f"note  the whole passes, but the layer {layer.name} breaks {law} by {number(layer)}")
    if layer is not None and not report.passed:
        lines.append(f"note  the first failing layer is {layer.name}")
    if run.repeat_error > report.tolerance:
        lines.append(f"note  two calls on the same input differ by {run.repeat_error:.1e}: the function is random")
    return lines


def failure(report: Report, run: AuditRun, tolerance: float) -> str:
    """One line that says why a run fails, and where."""
    if run.zero and run.finite:
        return (
            f"{report.audited}: output is zero ({run.label}) for every input and element, which proves nothing; "
            "give inputs= on which it is not"
        )
    row = next((row for row in run.output if not row.max_error <= tolerance), run.output[-1])
    law = report.symbols[row.law]
    if run.finite:
        what = f"not equivariant under {law}: error {row.max_error:.1e} > {tolerance:.0e} ({run.label})"
    else:
        what = f"output is not finite under {law} ({run.label})"
    layer = run.first_failing(tolerance)
    if layer is not None:
        where = f"first failing layer {layer.name} ({number(layer)}, {report.symbols[layer.law]})"
    elif run.layers:
        where = f"every layer that declares its output passes, the last is {run.layers[-1].name}"
    elif run.gradient or run.execution != "eager":
        where = f"layers are not seen in {'gradients' if run.gradient else f'{run.execution} form'}"
    else:
        where = "no layer declares its output"
    part = f"worst part {row.worst_component}; " if row.worst_component and run.finite else ""
    line = f"{report.audited}: {what}; {part}{where}; worst element: {row.worst}"
    if run.repeat_error > tolerance:
        line += f"; two calls on the same input differ by {run.repeat_error:.1e}: the function is random"
    return line
