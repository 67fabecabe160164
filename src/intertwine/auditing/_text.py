"""Text of a report: the table, the verdict, the line of a failure."""

from __future__ import annotations

from itertools import groupby
from math import isfinite

from intertwine.auditing._results import AuditResult, AuditRun, LayerError

_EXACT = 1e-10
"""Error in float64 that is rounding alone."""


def table(report: AuditResult) -> str:
    """The table: a line for each layer, a line for each law of the whole function, the verdict."""
    header, *rows = cells(report, shown(report))
    widths = [max(len(line[k]) for line in [header, *rows]) for k in range(len(header) - 1)]
    lines = [
        "   ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]])
        for line in [header, *rows]
    ]
    return "\n".join([*lines, verdict(report), *notes(report)])


def shown(report: AuditResult) -> list[LayerError]:
    """The rows of the table, from the first run that fails, else from the first run."""
    run = report.runs[0]
    if run.passes(report.tolerance):
        run = next((run for run in report.runs if not run.passes(report.tolerance) and not run.gradient), run)
    return [*summary(run.layers, report.tolerance), *distinct(run.output, report)]


def cells(report: AuditResult, rows: list[LayerError]) -> list[tuple[str, ...]]:
    """Header and lines, with a column for the worst component if one fails."""
    failing = [row.worst_component if row.max_error > report.tolerance else "" for row in rows]
    header: tuple[str, ...] = ("layer", "law", "max error", "worst element")
    lines = [(row.name, report.symbols[row.law], number(row), row.worst if row.max_error else "-") for row in rows]
    if not any(failing):
        return [header, *lines]
    wide = [(*line[:3], component or "-", line[3]) for line, component in zip(lines, failing, strict=True)]
    return [(*header[:3], "worst component", header[3]), *wide]


def summary(rows: tuple[LayerError, ...], tolerance: float) -> list[LayerError]:
    """One row a layer: all laws at once, or the simplest law that fails."""
    selected = []
    for _, group in groupby(rows, key=lambda row: row.name):
        laws = list(group)
        selected.append(next((row for row in laws if not row.max_error <= tolerance), laws[-1]))
    return selected


def distinct(rows: tuple[LayerError, ...], report: AuditResult) -> list[LayerError]:
    """Without "all" where it repeats the only law."""
    return [row for row in rows if row.law != "all" or len(report.symbols) > 2]


def number(row: LayerError) -> str:
    """The formatted error of a row."""
    if row.zero:
        return "zero"
    if row.max_error == 0:
        return "0"
    return f"{row.max_error:.1e}" if isfinite(row.max_error) else "not finite"


def statement(run: AuditRun, tolerance: float) -> str:
    """The comparison of a run with the tolerance, as text."""
    if not run.finite:
        return "output is not finite"
    if run.zero:
        return "output is zero, which proves nothing"
    return f"{run.max_error:.1e} {'<=' if run.max_error <= tolerance else '>'} {tolerance:.0e}"


def verdict(report: AuditResult) -> str:
    """PASS or FAIL, and by how much in each dtype."""
    first, *others = report.runs
    mark = "PASS" if report.passed else "FAIL"
    line = f"{mark}  {statement(first, report.tolerance)} over {report.samples} elements ({first.label})"
    for run in others:
        said = f"{run.max_error:.1e}" if run.passes(report.tolerance) else statement(run, report.tolerance)
        line += f"; {said} ({run.label})"
    return line


def notes(report: AuditResult) -> list[str]:
    """Notes under the table: interpolation, failing layers, randomness."""
    run = next((run for run in report.runs if not run.passes(report.tolerance)), report.runs[0])
    lines = [f"note  {remark}" for remark in report.remarks]
    if report.control > 0:
        lines.append(f"note  interpolation alone explains {report.control:.1e}: smaller errors cannot be resolved")
    layer = run.first_failing(report.tolerance)
    if layer is not None and report.passed:
        law = report.symbols[layer.law]
        lines.append(f"note  the whole function passes, but the layer {layer.name} breaks {law} by {number(layer)}")
    if layer is not None and not report.passed:
        lines.append(f"note  the first failing layer is {layer.name}")
    exact = rounding_decides(report, run)
    if exact is not None:
        lines.append(
            f"note  in float64 the error is {exact.max_error:.1e}: the function is equivariant, and in {run.dtype} "
            "rounding decides, as between neighbors at equal distances"
        )
    if run.repeat_error > report.tolerance:
        lines.append(f"note  two calls on the same input differ by {run.repeat_error:.1e}: the function is random")
    return lines


def rounding_decides(report: AuditResult, run: AuditRun) -> AuditRun | None:
    """The run in float64, where a failing one in lower precision fails by rounding alone; None where it does not."""
    if run.passes(report.tolerance) or not run.finite or run.zero or run.dtype == "float64":
        return None
    exact = next((other for other in report.runs if _conditions(other) == ("float64", *_conditions(run)[1:])), None)
    return exact if exact is not None and exact.passes(_EXACT) else None


def _conditions(run: AuditRun) -> tuple[str, str, str, bool]:
    return run.dtype, run.mode, run.execution, run.gradient


def failure(report: AuditResult, run: AuditRun, tolerance: float) -> str:
    """One line with the reason why a run fails, and the layer."""
    if run.zero and run.finite:
        return (
            f"{report.name}: output is zero ({run.label}) for every input and element, which proves nothing; "
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
        where = f"layers are not measured {'with gradients' if run.gradient else f'when {run.execution}'}"
    else:
        where = "no layer declares its output"
    component = f"worst component {row.worst_component}; " if row.worst_component and run.finite else ""
    line = f"{report.name}: {what}; {component}{where}; worst element: {row.worst}"
    if run.repeat_error > tolerance:
        line += f"; two calls on the same input differ by {run.repeat_error:.1e}: the function is random"
    return line
