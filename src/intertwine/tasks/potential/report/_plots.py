"""Parity plots and learning curves of a potential."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from intertwine import _figures as figures

COLORS = (figures.BLUE, figures.ORANGE, figures.GREEN, figures.RED, "#8c6bb1", "#4aa3a2", "#a6761d", figures.GRAY)
_MOST_POINTS = 1500


class Parity(NamedTuple):
    """True and predicted values of one quantity in groups.

    title; unit; groups: name -> (true (n,), predicted (n,)).
    """

    title: str
    unit: str
    groups: Mapping[str, tuple[Tensor, Tensor]]


def parity_figure(parity: Parity, text: str) -> Any:
    """Predicted against true values with the diagonal, and the errors beneath.

    Args:
        parity: The values.
        text: Written into the plot: the error in words.
    """
    shown = {name: _thinned(*pair, len(parity.groups)) for name, pair in list(parity.groups.items())[: len(COLORS)]}
    everything = torch.cat([value for pair in parity.groups.values() for value in pair])
    low, high = float(everything.min()), float(everything.max())
    margin = 0.04 * (high - low) or 1.0

    def draw(figure: Any) -> None:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        limits = (low - margin, high + margin)
        top.plot(limits, limits, color=figures.INK, lw=0.6, alpha=0.4)
        bottom.axhline(0, color=figures.INK, lw=0.6, alpha=0.4)
        for (name, (true, predicted)), color in zip(shown.items(), COLORS, strict=False):
            style = {"color": color, "s": 6, "lw": 0, "alpha": 0.55}
            top.scatter(true, predicted, label=name, **style)
            bottom.scatter(true, 1000 * (predicted - true), **style)
        top.set(xlim=limits, ylim=limits, ylabel=f"predicted, {parity.unit}")
        bottom.set(xlabel=f"{parity.title}, true, {parity.unit}", ylabel=f"error, m{parity.unit}")
        top.text(0.97, 0.06, text, transform=top.transAxes, ha="right", va="bottom")
        if len(shown) > 1:
            top.legend(loc="upper left", handletextpad=0.1, borderpad=0, labelspacing=0.3, markerscale=2)

    return figures.figure(draw, 4.0, 4.6)


def curve_figure(history: Sequence[dict[str, float]], label: str, curves: Mapping[str, str]) -> Any:
    """Quantities against epochs, on a logarithmic scale.

    Args:
        history: One row an epoch.
        label: Of the axis.
        curves: Text of the legend -> column of the history.
    """

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for (name, column), color in zip(curves.items(), COLORS, strict=False):
            rows = [row for row in history if row.get(column, 0) > 0]
            axes.plot(
                [row["epoch"] for row in rows], [row[column] for row in rows], lw=1.4, label=name, color=color,
                marker="o" if len(rows) == 1 else "",
            )  # fmt: skip
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if high < 10 * low else "")
        axes.grid(axis="y", color=figures.INK, alpha=0.1, lw=0.6)
        axes.set_axisbelow(True)
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, handlelength=1.6, columnspacing=1.4)

    return figures.figure(draw, 4.0, 2.9)


def _thinned(true: Tensor, predicted: Tensor, groups: int) -> tuple[Any, Any]:
    """Some of many points, and those with the largest errors."""
    most = _MOST_POINTS // max(1, groups)
    if len(true) > most:
        every = torch.linspace(0, len(true) - 1, most).long()
        worst = (predicted - true).abs().topk(min(50, most)).indices
        chosen = torch.cat([every, worst]).unique()
        true, predicted = true[chosen], predicted[chosen]
    return true.numpy(), predicted.numpy()
