"""Confusion matrix, accuracy, and intersection over union of predicted labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def confusion_matrix(truth: Tensor, predicted: Tensor, classes: int) -> Tensor:
    """Counts of predicted labels for each true label.

    Args:
        truth: (n,) int64 in 0 ... classes - 1.
        predicted: (n,) likewise.
        classes: How many there are.

    Returns:
        (classes, classes) int64, truth by rows.

    >>> confusion_matrix(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    return torch.bincount(truth * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def accuracy(confusion: Tensor) -> float:
    """The share of the diagonal; of nothing it is zero."""
    return float(confusion.diagonal().sum()) / max(1, int(confusion.sum()))


def balanced_accuracy(confusion: Tensor) -> float:
    """The mean over the classes that occur of the share that is recognized.

    >>> balanced_accuracy(torch.tensor([[8, 0], [1, 1]]))
    0.75
    """
    counts = confusion.sum(1)
    recalls = confusion.diagonal()[counts > 0] / counts[counts > 0]
    return float(recalls.double().mean()) if len(recalls) else 0.0


def intersections(confusion: Tensor) -> Tensor:
    """Intersection over union of each class, (classes,) float64; NaN where it occurs neither here nor there."""
    hits = confusion.diagonal().double()
    return hits / (confusion.sum(0) + confusion.sum(1) - hits)


def mean_intersection(confusion: Tensor) -> float:
    """The mean intersection over union of the classes that occur."""
    found = intersections(confusion)
    return float(found.nanmean()) if bool(found.isfinite().any()) else 0.0


def class_table(confusion: Tensor, names: Sequence[str]) -> list[dict[str, Any]]:
    """For each class how many there are, the share that is recognized, the share of the named that are right, the IoU.

    What cannot be said is None: the recall of a class that does not occur, the precision of one never named.
    """
    hits, truth, named = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    return [
        {
            "name": name,
            "count": int(truth[k]),
            "recall": int(hits[k]) / int(truth[k]) if truth[k] else None,
            "precision": int(hits[k]) / int(named[k]) if named[k] else None,
            "iou": int(hits[k]) / int(truth[k] + named[k] - hits[k]) if truth[k] + named[k] else None,
        }
        for k, name in enumerate(names)
    ]


def shape_intersections(
    truth: Tensor, predicted: Tensor, batch: Tensor, structures: int, parts: int, allowed: Tensor | None = None
) -> Tensor:
    """The mean intersection over union of the parts of each shape.

    Args:
        truth: (N,) int64, the part of each point.
        predicted: (N,) int64.
        batch: (N,) the shape of each point.
        structures: How many shapes.
        parts: How many parts there are in all.
        allowed: (structures, parts) bool, the parts that a shape of its category has, counted as 1 where they occur
            neither in truth nor in prediction, as ShapeNetPart has it. None counts the parts that occur.

    Returns:
        (structures,) float64; 1 for a shape without points.

    Reference: Yi et al., A scalable active framework for region annotation in 3D shape collections, 2016; Qi et al.,
    PointNet, CVPR 2017, section 5.1.
    """
    index = (batch * parts + truth) * parts + predicted
    confusion = torch.bincount(index, minlength=structures * parts * parts).reshape(structures, parts, parts).double()
    hits = confusion.diagonal(dim1=1, dim2=2)
    unions = confusion.sum(1) + confusion.sum(2) - hits
    ratios = torch.where(unions > 0, hits / unions.clamp_min(1), 1.0)
    counted = unions > 0 if allowed is None else allowed
    totals = counted.sum(1)
    return torch.where(totals > 0, (ratios * counted).sum(1) / totals.clamp_min(1), 1.0)
