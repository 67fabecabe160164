"""Plots of a report, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, floor, inf, isfinite, log10
from typing import Any

from intertwine._figures import BLUE, GRAY, GREEN, INK, ORANGE, RED, figure, svg
from intertwine.auditing._results import AuditResult, LayerError

_COLORS = {"rotation": BLUE, "translation": ORANGE, "permutation": GREEN, "all": GRAY}
_TOLERANCE = RED
_RUNS = 2
"""Number of runs in the plots of layers and angles; the plot of conditions shows all."""


def error_figure(report: AuditResult) -> Any:
    """The error of each layer and of the whole under each law on a log scale, with the tolerance."""
    laws = [law for law in report.symbols if law != "all" or len(report.symbols) > 2]
    found = {(row in report.output, row.name, row.law): row for row in [*report.layers, *report.output]}
    names = list(dict.fromkeys((whole, name) for whole, name, _ in found))
    errors = [row.max_error for run in report.runs[:_RUNS] for row in [*run.layers, *run.output]]
    low, high = _limits(errors, report.tolerance)
    step = 0.72 / len(laws)

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        axes.set_xscale("log")
        _decades(axes.xaxis, low, high)
        for place, (whole, name) in enumerate(names):
            for k, law in enumerate(laws):
                if row := found.get((whole, name, law)):
                    _stem(axes, row, place + (k - (len(laws) - 1) / 2) * step, low)
            for run in report.runs[1:_RUNS]:
                error = max((r.max_error for r in (run.output if whole else run.layers) if r.name == name), default=inf)
                if isfinite(error):
                    axes.plot(max(error, low), place, "o", ms=4.5, mfc="none", mec=INK, mew=0.9, clip_on=False)
        if len(names) > 1:
            axes.axhline(len(names) - 1.5, color=INK, alpha=0.35, lw=0.6)
        axes.axvline(report.tolerance, color=_TOLERANCE, lw=1.1, ls=(0, (4, 3)))
        axes.set_yticks(range(len(names)), [name for _, name in names])
        axes.set_ylim(len(names) - 0.45, -0.55)
        axes.tick_params(axis="y", length=0, pad=8)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x", which="major", color=INK, alpha=0.1, lw=0.6)
        axes.set_axisbelow(True)
        axes.set_xlabel("largest relative error")
        _legend(figure, report, laws)

    return figure(draw, 7.6, 1.1 + len(names) * (0.075 * len(laws) + 0.1))


def _stem(axes: Any, row: LayerError, y: float, low: float) -> None:
    """A bar with a dot at its end, or a text if the error is not finite."""
    if row.zero or not isfinite(row.max_error):
        label = "output is zero" if row.zero else "not finite"
        axes.annotate(label, (low, y), xytext=(6, 0), textcoords="offset points", va="center", color=_TOLERANCE)
        return
    error, color = max(row.max_error, low), _COLORS.get(row.law, INK)
    axes.plot([low, error], [y, y], "-", color=color, alpha=0.45, lw=1.5, solid_capstyle="butt")
    axes.plot(error, y, "o", ms=3.6, color=color, mew=0, clip_on=False)


def _legend(figure: Any, report: AuditResult, laws: list[str]) -> None:
    from matplotlib.lines import Line2D

    def dot(label: str, color: str, face: str) -> Any:
        return Line2D([], [], ls="none", marker="o", ms=5, mfc=face, mec=color, mew=0.9, label=label)

    handles = [dot(report.symbols[law], _COLORS.get(law, INK), _COLORS.get(law, INK)) for law in laws]
    handles += [dot(f"{run.label}, worst law", INK, "none") for run in report.runs[1:_RUNS]]
    handles.append(Line2D([], [], color=_TOLERANCE, ls=(0, (4, 3)), lw=1.1, label=f"tolerance {report.tolerance:.0e}"))
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), handlelength=1.4, columnspacing=1.4)


def angle_figure(report: AuditResult) -> Any | None:
    """The error of the whole function against the angle of the rotation; None where no element has an angle."""
    series = [
        (run.label, improper, [e for e in run.elements if e.law == "rotation" and e.improper == improper])
        for run in report.runs[:_RUNS]
        for improper in (False, True)
    ]
    points = [
        (dtype, improper, [(e.angle, e.error) for e in part if e.angle is not None and isfinite(e.error)])
        for dtype, improper, part in series
    ]
    if not any(part for _, _, part in points):
        return None
    low, high = _limits((error for _, _, part in points for _, error in part), report.tolerance)

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        axes.set_yscale("log")
        _decades(axes.yaxis, low, high)
        color = _COLORS["rotation"]
        for dtype, improper, part in points:
            if part:
                first = dtype == report.runs[0].label
                style = {
                    "ls": "none",
                    "marker": "D" if improper else "o",
                    "ms": 4.5 if improper else 5,
                    "clip_on": False,
                }
                ink = {"mfc": color if first else "none", "mec": color if first else INK, "mew": 0.9}
                angles, errors = zip(*part, strict=True)
                axes.plot(
                    angles,
                    [max(error, low) for error in errors],
                    **style,
                    **ink,
                    label=f"{dtype}{', improper' if improper else ''}",
                )
        axes.axhline(report.tolerance, color=_TOLERANCE, lw=1.1, ls=(0, (4, 3)))
        axes.set_xlim(0, 180)
        axes.set_xticks(range(0, 181, 30))
        axes.grid(axis="y", which="major", color=INK, alpha=0.1, lw=0.6)
        axes.set_axisbelow(True)
        axes.set_xlabel("rotation angle (degrees)")
        axes.set_ylabel("relative error")
        figure.legend(loc="outside upper left", ncols=4, handletextpad=0.2, columnspacing=1.4)

    return figure(draw, 7.6, 3.2)


def component_figure(report: AuditResult) -> Any | None:
    """The error of each irrep of the output in each run; None where there is but one."""
    names = list(report.irreps)
    runs = [run for run in report.runs if any(row.components for row in run.output)]
    worst = [
        {name: max(dict(row.components).get(name, 0.0) for row in run.output) for name in names} for run in runs[:_RUNS]
    ]
    series = [(run.label, found) for run, found in zip(runs, worst, strict=False)]
    return _dots(names, series, report) if names else None


def condition_figure(report: AuditResult) -> Any | None:
    """The error of the whole in each run; None where the other figures show them all."""
    if len(report.runs) <= _RUNS:
        return None
    return _dots(list(report.errors), [("", report.errors)], report)


def _dots(names: list[str], series: list[tuple[str, dict[str, float]]], report: AuditResult) -> Any:
    """A dot for each name and series on a log scale."""
    low, high = _limits((error for _, found in series for error in found.values()), report.tolerance)

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        axes.set_xscale("log")
        _decades(axes.xaxis, low, high)
        for place, (label, found) in enumerate(series):
            values = [min(max(found[name], low), high) for name in names]
            face = _COLORS["rotation"] if place == 0 else "none"
            style: dict[str, Any] = {"ls": "none", "marker": "o", "ms": 5, "mew": 0.9, "clip_on": False}
            axes.plot(values, range(len(names)), mfc=face, mec=INK if place else face, label=label or None, **style)
        axes.axvline(report.tolerance, color=_TOLERANCE, lw=1.1, ls=(0, (4, 3)))
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.45, -0.55)
        axes.tick_params(axis="y", length=0, pad=8)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x", which="major", color=INK, alpha=0.1, lw=0.6)
        axes.set_axisbelow(True)
        axes.set_xlabel("largest relative error")
        if len(series) > 1:
            figure.legend(loc="outside upper left", ncols=4, handletextpad=0.2, columnspacing=1.4)

    return figure(draw, 7.6, 1.0 + 0.24 * len(names))


def _decades(axis: Any, low: float, high: float) -> None:
    """A tick at every other power of ten, and zero at the edge."""
    first, last = round(log10(low)), round(log10(high))
    powers = range(last if (last - first) % 2 else last - 1, first, -2)
    axis.set_ticks([low, *(10.0**k for k in powers)], ["0", *(f"1e{k:+03d}" for k in powers)])
    axis.set_ticks([], minor=True)
    axis.axes.set(**{f"{axis.axis_name}lim": (low, high)})


def _limits(errors: Iterable[float], tolerance: float) -> tuple[float, float]:
    """Whole decades around the tolerance and every error but zero, which stands at the lower edge."""
    shown = [tolerance, *(error for error in errors if 0 < error < inf)]
    low = max(floor(log10(min(shown))), -17) - 1
    return 10.0**low, 10.0 ** (ceil(log10(max(shown)) + 0.3))


def figures(report: AuditResult) -> list[tuple[str, str]]:
    """The figures of a report.

    Args:
        report: The report.

    Returns:
        Pairs of a caption and an inline SVG.

    Raises:
        ValueError: If matplotlib is not installed.
    """
    drawn = [
        (
            "Largest error of each layer, in order, and of the whole function",
            "error by layer",
            error_figure(report),
        ),
        ("Largest error of each irrep of the output, by its own norm", "error by irrep", component_figure(report)),
        ("Error of the whole function for each group element", "error by angle", angle_figure(report)),
        ("Largest error of the whole function under each condition", "error by condition", condition_figure(report)),
    ]
    return [(caption, svg(figure, label)) for caption, label, figure in drawn if figure is not None]
