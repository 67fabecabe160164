"""The page about a comparison: the table, learning curves, errors under rotation, parity plots, and the audits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from intertwine import _figures as figures
from intertwine import _page as page
from intertwine.auditing import html_section
from intertwine.tasks.properties.comparison._compare import ANGLES, ArmResult

_COLORS = (figures.BLUE, figures.ORANGE, figures.GREEN)


def comparison_table(results: Sequence[ArmResult], unit: str) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The table of a comparison: headings and cells, the composition-only fit last."""
    columns = ("model", f"test MAE ({unit})", "rotated", "equivariance error", "parameters", "seconds")
    cells = [
        (
            result.arm.name,
            f"{result.error(result.given):.4f}",
            f"{result.error(result.rotated):.4f}",
            f"{result.report.max_error:.1e}",
            f"{result.parameters:,}",
            f"{result.seconds:.0f}",
        )
        for result in results
    ]
    composition = f"{results[0].error(results[0].composition):.4f}"
    return columns, [*cells, ("composition only", composition, composition, "0", "-", "-")]


def write_page(
    results: Sequence[ArmResult],
    target: str,
    unit: str,
    lead: Sequence[str],
    path: Path,
    origin: Sequence[tuple[str, str]] = (),
) -> None:
    """Write the self-contained page of a comparison.

    Args:
        results: What :func:`compare` measured.
        target: Name of what is predicted.
        unit: Its unit.
        lead: Paragraphs that say what was done.
        path: Where to.
        origin: Rows of a table about the run: version, date, seed, command and data.

    Raises:
        ValueError: If matplotlib is not installed.
    """
    learning = page.illustration(
        figures.svg(curves_figure(results, unit), "learning curves and error under rotation"),
        "Left: validation error after each epoch. Right: test error after rotating each molecule about a random axis. "
        "An equivariant network cannot tell the difference, so its line is flat.",
    )
    parity = page.illustration(
        figures.svg(parity_figure(results, target, unit), "parity of predictions and references"),
        "Test molecules: predicted against reference, and below what is left, as given and rotated at random.",
    )
    audits = [
        fragment
        for result in results
        for fragment in (page.heading(f"Audit: {result.arm.name}"), html_section(result.report))
    ]
    body = [*map(page.paragraph, lead), page.table(*comparison_table(results, unit)), learning, parity, *audits]
    body += [page.heading("Run"), page.table(("", ""), origin)] if origin else []
    path.write_text(page.page(f"{target.capitalize()}, equivariant and not", body), encoding="utf-8")


def curves_figure(results: Sequence[ArmResult], unit: str) -> Any:
    """Validation error against epochs, and test error against the angle of a rotation."""

    def draw(figure: Any) -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        for result, color in zip(results, _COLORS, strict=False):
            epochs = [row["epoch"] for row in result.history]
            left.plot(epochs, [row["mae"] for row in result.history], color=color, lw=1.6, label=result.arm.name)
            right.plot(ANGLES, result.by_angle, color=color, lw=1.6, marker="o", ms=4, mew=0)
        composition = results[0].error(results[0].composition)
        for axes in (left, right):
            axes.axhline(composition, color=figures.GRAY, lw=1.1, ls=(0, (4, 3)))
            axes.grid(axis="y", color=figures.INK, alpha=0.1, lw=0.6)
            axes.set_axisbelow(True)
        left.text(left.get_xlim()[1], composition, "composition only ", ha="right", va="bottom", color=figures.GRAY)
        left.set_ylim(0, 1.35 * composition)
        left.set(xlabel="epoch", ylabel=f"mean absolute error ({unit})")
        right.set(xlabel="rotation angle (degrees)", xticks=ANGLES)
        figure.legend(loc="outside upper left", ncols=4, handlelength=1.6, columnspacing=1.6)

    return figures.figure(draw, 7.6, 3.2)


def parity_figure(results: Sequence[ArmResult], target: str, unit: str) -> Any:
    """Predictions against references for each arm, and their differences below."""

    def draw(figure: Any) -> None:
        grid = figure.subplots(
            2, len(results), sharex=True, sharey="row", squeeze=False, gridspec_kw={"height_ratios": [3, 2]}
        )
        spread = max(float((p - r.truth).abs().quantile(0.995)) for r in results for p in (r.given, r.rotated))
        for (above, below), result, color in zip(grid.T, results, _COLORS, strict=False):
            truth = result.truth
            low, high = float(truth.min()), float(truth.max())
            above.plot([low, high], [low, high], color=figures.INK, alpha=0.4, lw=0.6)
            below.axhline(0, color=figures.INK, alpha=0.4, lw=0.6)
            dots: dict[str, Any] = {"ls": "none", "marker": ".", "ms": 3.6, "mew": 0, "alpha": 0.55, "rasterized": True}
            for predictions, ink in ((result.rotated, figures.GRAY), (result.given, color)):
                above.plot(truth, predictions, color=ink, **dots)
                below.plot(truth, predictions - truth, color=ink, **dots)
            above.set_title(result.arm.name, fontsize=9.5)
            below.set(ylim=(-spread, spread), xlabel=f"reference ({unit})")
        grid[0, 0].set_ylabel(f"predicted ({unit})")
        grid[1, 0].set_ylabel("difference")
        figure.legend(
            handles=[_dot("as given", _COLORS[0]), _dot("rotated at random", figures.GRAY)],
            loc="outside upper left",
            ncols=2,
        )

    return figures.figure(draw, 7.6, 4.4)


def _dot(label: str, color: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], ls="none", marker="o", ms=4, mew=0, color=color, label=label)
