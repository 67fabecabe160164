"""Errors of motions between views of shapes, by method and by overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from intertwine.ops.registration import register
from intertwine.tasks._results import Evaluation
from intertwine.tasks.register._pairs import DIAMETER, ViewPair, draw_pairs

ANGLE, GAP = 5.0, 0.02
"""A motion is a success below so many degrees and this displacement of the center, as a share of the diameter."""
STRATA = 4
"""Pairs of each shape, one in each quarter of the range of overlaps."""
COLUMNS = ("", "success", "rotation, median", "translation, median", "seconds, median")


class Scores(NamedTuple):
    """Errors of one method on some pairs: degrees ``(N,)``, shares of the diameter ``(N,)``, seconds ``(N,)``."""

    angles: Tensor
    gaps: Tensor
    seconds: Tensor

    @property
    def successes(self) -> Tensor:
        """``(N,)`` bool."""
        return (self.angles < ANGLE) & (self.gaps < GAP)


def motion_errors(found: Tensor, true: Tensor, centers: Tensor, diameters: Tensor) -> tuple[Tensor, Tensor]:
    """The angle between motions, and how far apart they carry a center.

    Args:
        found: ``(..., 4, 4)``.
        true: ``(..., 4, 4)``.
        centers: ``(..., 3)``, of the objects that move.
        diameters: ``(...)``, of the objects.

    Returns:
        Degrees ``(...)``, and displacements as shares of the diameter ``(...)``.
    """
    left = found[..., :3, :3].mT @ true[..., :3, :3]
    axial = torch.stack([left[..., 2, 1] - left[..., 1, 2], left[..., 0, 2] - left[..., 2, 0],
                         left[..., 1, 0] - left[..., 0, 1]], -1)  # fmt: skip
    angles = torch.atan2(axial.norm(dim=-1), left.diagonal(dim1=-2, dim2=-1).sum(-1) - 1)
    carried = [(m[..., :3, :3] @ centers[..., None])[..., 0] + m[..., :3, 3] for m in (found, true)]
    return torch.rad2deg(angles), (carried[0] - carried[1]).norm(dim=-1) / diameters


def errors_modulo_symmetry(found: Tensor, pair: ViewPair, symmetries: Tensor) -> tuple[float, float]:
    """The errors of a motion ``(4, 4)`` against the true one or its nearest equal by the symmetry of the shape.

    Args:
        found: ``(4, 4)``.
        pair: The views.
        symmetries: ``(K, 4, 4)``, motions of the shape onto itself, the identity among them.
    """
    true = pair.motion @ pair.frame @ symmetries @ torch.linalg.inv(pair.frame)
    center = pair.first.mean(0).expand(len(true), 3)
    angles, gaps = motion_errors(found.to(true), true, center, true.new_tensor(DIAMETER))
    best = int(torch.maximum(angles / ANGLE, gaps / GAP).argmin())
    return float(angles[best]), float(gaps[best])


def symmetries_of(shape: Tensor) -> Tensor:
    """Motions that carry the points of a shape, two halves of them, onto each other: ``(K, 4, 4)``, identity first."""
    found = register(shape[::2], shape[1::2]).answers
    return torch.cat([torch.eye(4, dtype=found.dtype)[None], found])


def stratified_pairs(shapes: Sequence[Tensor], settings: Mapping[str, Any], seed: int) -> list[ViewPair]:
    """Four pairs of each shape, one after the other, one in each quarter of the range of overlaps."""
    every = [shape for shape in shapes for _ in range(STRATA)]
    generator = torch.Generator().manual_seed(seed)
    uniform = torch.rand(len(every), generator=generator, dtype=torch.float64)
    quarters = (torch.arange(len(every)) % STRATA + uniform) / STRATA
    least = float(settings["overlap"])
    wanted = least + (1 - least) * quarters
    pairs: list[ViewPair] = []
    for part in torch.arange(len(every)).split(64):
        some = [every[k] for k in part.tolist()]
        pairs += draw_pairs(some, part, seed, dict(settings), wanted[part])
    return pairs


def as_evaluation(scores: Mapping[str, Scores], overlaps: Tensor, least: float, name: str, shapes: int) -> Evaluation:
    """Tables and JSON.

    Args:
        scores: Of each method.
        overlaps: ``(N,)``, of the pairs.
        least: The least overlap that was drawn.
        name: Of the data.
        shapes: Their number.
    """
    rows = tuple(
        (
            method,
            f"{100 * float(found.successes.double().mean()):.1f} %",
            f"{float(found.angles.median()):.2f} degrees",
            f"{100 * float(found.gaps.median()):.2f} %",
            f"{float(found.seconds.median()):.2f}",
        )
        for method, found in scores.items()
    )
    edges = [least + (1 - least) * k / STRATA for k in range(STRATA + 1)]
    places = (torch.bucketize(overlaps, torch.tensor(edges[1:-1], dtype=overlaps.dtype), right=True)).tolist()
    table = []
    for k in range(STRATA):
        inside = torch.tensor([place == k for place in places])
        label = f"{100 * edges[k]:.0f} to {100 * edges[k + 1]:.0f} %"
        table.append((label, f"{int(inside.sum())}", *(_share(found.successes[inside]) for found in scores.values())))
    notes = (
        f"{len(overlaps):,} pairs of views of {shapes:,} shape{'s' * (shapes != 1)} ({name}), each turned and moved at "
        f"random; success: below {ANGLE:g} degrees and {100 * GAP:g} % of the diameter, modulo the symmetry of the "
        "shape",
    )
    metrics: dict[str, Any] = {"data": name, "shapes": shapes, "overlap": overlaps.tolist()}
    for method, found in scores.items():
        metrics[method] = {
            "success": float(found.successes.double().mean()),
            "degrees": found.angles.tolist(),
            "translation": found.gaps.tolist(),
        }
    return Evaluation(COLUMNS, rows, metrics, notes, ((("overlap", "pairs", *scores), tuple(table)),))


def _share(successes: Tensor) -> str:
    return f"{100 * float(successes.double().mean()):.0f} %" if len(successes) else "-"
