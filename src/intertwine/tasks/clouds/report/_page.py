"""The page of a run: figures first, then the clouds that one can turn, curves, and what is taken for what."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from intertwine import _figures as figures
from intertwine import _page as page
from intertwine.data import Split
from intertwine.tasks._output import replacing
from intertwine.tasks._task import no_progress
from intertwine.tasks.clouds._describe import kinds, layers_text
from intertwine.tasks.clouds._evaluation import evaluate, judge, percent
from intertwine.tasks.clouds.report._gallery import SHOWN, GalleryItem, gallery, orientations
from intertwine.tasks.clouds._job import CloudJob
from intertwine.tasks.clouds._choices import ROTATIONS
from intertwine.tasks.clouds._predictor import CloudPredictor

_BATCH = 32
_WRONG_FIRST = 6
_SEEN = {"none": "as they are", "z": "turned at random about the vertical", "SO3": "turned at random"}
_TABLE = """\
.confusion { border-collapse: collapse; font-size: 0.8rem; font-variant-numeric: tabular-nums; }
.confusion th { font-weight: 400; padding: 0 0.5rem; text-align: right; white-space: nowrap; }
.confusion thead th { writing-mode: vertical-rl; transform: rotate(180deg); padding: 0.4rem 0; text-align: left; }
.confusion th[scope=row] { position: sticky; left: 0; background: light-dark(#fcfcfa, #16181b); }
.confusion td { min-width: 1.9rem; height: 1.7rem; padding: 0 0.3rem; box-sizing: border-box; text-align: center;
  border: 1px solid color-mix(in srgb, currentColor 10%, transparent); }
.pair { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; }
.pair > div { min-width: 0; }
.curves figure { flex: 1 1 18rem; margin: 0.5rem 0; }
.pair h3 { font-size: 0.95rem; font-weight: 600; margin: 0 0 0.4rem; }
"""


class Report(ABC):
    """A page about a run.

    Args:
        job: The job, with the best weights.
        history: One row an epoch.
        predictor: Its model in use.
    """

    heading: str
    """What was learned, in a word or two."""
    curve: str
    """What the score is called beside its curve."""

    def __init__(self, job: CloudJob, history: Sequence[dict[str, float]], predictor: CloudPredictor) -> None:
        self.job, self.history, self.predictor, self.config = job, history, predictor, job.config
        self.shapes, self.held = job.unseen, predictor.held(job.unseen)
        seed = self.config["seed"]
        self.judged = judge(predictor, self.held, ROTATIONS, batch_size=_BATCH, seed=seed, progress=no_progress)

    @abstractmethod
    def order(self) -> Sequence[int]:
        """The clouds, what is most wrong first."""

    @abstractmethod
    def shown(self, index: int, logits: Tensor, batch: Tensor) -> GalleryItem:
        """A cloud of the gallery, from the logits of its copies in each orientation."""

    @abstractmethod
    def tables(self) -> Sequence[str]:
        """Fragments about single classes or parts."""

    def write(self, path: Path) -> Path:
        """Write the page, whole or not at all."""
        columns, rows, _ = evaluate(self.judged, self.predictor.measures(self.shapes), self.config["augment"])
        body = [
            *map(page.paragraph, self.lead()),
            page.table(columns, rows),
            page.heading("Clouds"),
            page.paragraph(self.invitation()),
            self.gallery(),
            f"<style>\n{_TABLE}</style>",
            *self.curves(),
            *self.tables(),
        ]
        name = Path(self.config["data"]["given"]).name or self.config["data"]["given"]
        with replacing(path, force=True) as part:
            part.write_text(page.page(f"{self.heading} of {name}", body), encoding="utf-8")
        return path

    def lead(self) -> list[str]:
        """What was done, in sentences."""
        config, split, encoder = self.config, Split.from_json(self.job.split), self.config["encoder"]
        sizes = [f"{len(part):,}" for part in (split.train, split.validation, split.test)]
        weights = sum(weight.numel() for weight in self.job.model.parameters())
        size = encoder["hidden"] or f"{encoder['width']} channels"
        return [
            f"{sizes[0]} clouds of {config['points']} points to learn from, {sizes[1]} to choose by and {sizes[2]} to "
            f"judge by: {kinds(config)}. In training they were seen {_SEEN[config['augment']]}. The encoder is "
            f"{encoder['name']}, {layers_text(encoder)}, {size}; the network has {weights:,} weights.",
            f"The figures are of the {'test' if len(split.test) else 'validation'} split: {len(self.shapes):,} clouds "
            "as they are (none), turned at random about the vertical (z), and turned at random (SO3); "
            f"{config['augment']}/SO3, say, means {_SEEN[config['augment']]} in training and turned at random in the "
            "test. An equivariant network cannot tell the difference.",
        ]

    def invitation(self) -> str:
        """What the reader can do with the clouds."""
        return (
            "Drag a cloud to turn it; clicked twice, it stands as it was. Beneath is what the network says of it in "
            f"that orientation: it was asked in {len(orientations())} of them, one a mark, and the nearest counts. "
            "What it got wrong comes first."
        )

    def gallery(self) -> str:
        """The clouds."""
        turns = orientations()
        shown = []
        for index in list(self.order())[:SHOWN]:
            copies = self.held.clouds.batch([index] * len(turns), rotations=turns)
            category = self.held.category(torch.tensor([index] * len(turns)))
            shown.append(self.shown(index, self.predictor.logits(copies, category), copies.batch))
        return gallery(shown, turns, self.config["up"], self.config.get("parts", ()))

    def positions(self, index: int) -> Tensor:
        """The points of a cloud in the unit sphere."""
        return self.held.clouds.batch([index]).positions

    def curves(self) -> list[str]:
        """The learning curves; nothing where nobody can draw them."""
        if not self.history or find_spec("matplotlib") is None:
            return []
        rows, score = self.history, self.job.score
        losses = {"training": [row["train_loss"] for row in rows], "validation": [row["loss"] for row in rows]}
        scores = {
            "as in training": [100 * row[score] for row in rows],
            "turned at random": [100 * row["rotated"] for row in rows],
        }
        drawn = [curve_figure(rows, "loss", losses, None), curve_figure(rows, self.curve, scores, 102)]
        captions = [
            "Loss in training, with dropout and moved points, and in validation.",
            "Validation, turned as in training and turned at random.",
        ]
        shown = (page.illustration(figures.svg(one, text), text) for one, text in zip(drawn, captions, strict=True))
        return [page.heading("Learning"), f'<div class="pair curves">{"".join(shown)}</div>']


def curve_figure(
    history: Sequence[dict[str, float]], label: str, curves: dict[str, list[float]], top: float | None
) -> Any:
    """Two quantities against epochs."""
    epochs = [row["epoch"] for row in history]
    styles: list[dict[str, Any]] = [{"color": figures.BLUE}, {"color": figures.ORANGE, "ls": (0, (4, 2))}]

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for (name, values), style in zip(curves.items(), styles, strict=True):
            axes.plot(epochs, values, lw=1.6, label=name, marker="o" if len(epochs) == 1 else "", **style)
        axes.grid(axis="y", color=figures.INK, alpha=0.1, lw=0.6)
        axes.set_axisbelow(True)
        axes.set(xlabel="epoch", ylabel=label)
        axes.set_ylim(bottom=0, top=top)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, handlelength=1.6, columnspacing=1.4)

    return figures.figure(draw, 4.0, 2.9)


def confusions(given: Sequence[Sequence[int]], turned: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """What was taken for what, as clouds are and turned at random: side by side where there is room, once if equal."""
    shown = {"as they are": given, "turned at random": turned}
    if given == turned:
        shown = {"as they are, and the same turned at random": given}
    tables = (
        f"<div><h3>{title}</h3>{confusion_table(torch.tensor(found), names)}</div>" for title, found in shown.items()
    )
    return f'<div class="pair">{"".join(tables)}</div>'


def confusion_table(confusion: Tensor, names: Sequence[str]) -> str:
    """What was taken for what, truth by rows; shares as shades."""
    shares = confusion / confusion.sum(1, keepdim=True).clamp_min(1)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    lines = []
    for place, name in enumerate(names):
        cells = "".join(
            f'<td style="background:{_shade(share, place == k)}"{_hint(name, names[k], number, share)}>'
            f"{f'{number:,}' if number else ''}</td>"
            for k, (number, share) in enumerate(zip(confusion[place].tolist(), shares[place].tolist(), strict=True))
        )
        lines.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    body = f"<thead><tr><td style='border:0'></td>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return f'<div class="scroll"><table class="confusion">{body}</table></div>'


def _hint(truth: str, said: str, number: int, share: float) -> str:
    """What a cell says when one points at it."""
    if not number:
        return ""
    return f' title="{escape(truth)}, taken for {escape(said)}: {number:,}, {percent(share)}"'


def _shade(share: float, right: bool) -> str:
    if share == 0:
        return "none"
    return f"color-mix(in srgb, {figures.BLUE if right else figures.RED} {15 + 60 * share:.0f}%, transparent)"


def share_text(value: float | None) -> str:
    """A share, or a dash where there is none."""
    return "-" if value is None else percent(value)


def wrong_first(errors: Tensor, kinds: Tensor) -> list[int]:
    """The order of the gallery: some of the largest errors, then one of each kind and the rest by turns.

    Args:
        errors: (S,) how wrong each cloud is; 0 for those that are right.
        kinds: (S,) int64.
    """
    by_error = [k for k in errors.argsort(descending=True, stable=True).tolist() if errors[k] > 0]
    first = by_error[:_WRONG_FIRST]
    seen: dict[int, int] = {}
    ranks = []
    for k, kind in enumerate(kinds.tolist()):
        seen[kind] = seen.get(kind, -1) + 1
        ranks.append((seen[kind], k))
    return [*first, *(k for _, k in sorted(ranks) if k not in first)]
