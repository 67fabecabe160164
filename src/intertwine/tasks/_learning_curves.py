"""The section of a run's page on learning: the loss, and a score beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

from intertwine import _figures as figures
from intertwine import _page as page


class Panel(NamedTuple):
    """A figure of learning curves.

    label: of the axis; curves: two or three quantities by name, a number for each epoch; top: of the axis, None for
    that of the largest number; caption: a sentence.
    """

    label: str
    curves: Mapping[str, Sequence[float]]
    top: float | None
    caption: str


def learning_section(
    history: Sequence[dict[str, float]], score: Panel, loss: str = "Loss in training and in validation."
) -> list[str]:
    """A heading, and the losses beside a score, against epochs; nothing without matplotlib or epochs.

    Args:
        history: One row for each epoch, with "epoch", "train_loss" and "loss".
        score: What was measured in validation.
        loss: The caption of the losses.
    """
    if find_spec("matplotlib") is None or not history:
        return []
    losses = {"training": [row["train_loss"] for row in history], "validation": [row["loss"] for row in history]}
    panels = Panel("loss", losses, None, loss), score
    return [page.heading("Learning"), page.side_by_side(curve_illustration(history, panel) for panel in panels)]


def curve_illustration(history: Sequence[dict[str, float]], panel: Panel) -> str:
    """The curves of a panel against epochs, with their caption."""
    epochs = [row["epoch"] for row in history]
    dashed = {"color": figures.ORANGE, "ls": (0, (4, 2))}
    styles: list[dict[str, Any]] = [{"color": figures.BLUE}, dashed, {"color": figures.GREEN, "ls": (0, (1, 1))}]

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for (name, values), style in zip(panel.curves.items(), styles, strict=False):
            axes.plot(epochs, values, lw=1.6, label=name, marker="o" if len(epochs) == 1 else "", **style)
        axes.grid(axis="y", color=figures.INK, alpha=0.1, lw=0.6)
        axes.set_axisbelow(True)
        axes.set(xlabel="epoch", ylabel=panel.label)
        axes.set_ylim(bottom=0, top=panel.top)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, handlelength=1.6, columnspacing=1.4)

    return page.illustration(figures.svg(figures.figure(draw, 4.0, 2.9), panel.caption), panel.caption)
