"""Figures of predictions against their definitions: classes, numbers, intersections over unions."""

import pytest
import torch

from intertwine.tasks._example_metrics import ClassMetrics, NumberMetrics
from intertwine.tasks.clouds import (
    accuracy,
    balanced_accuracy,
    class_table,
    confusion_matrix,
)
from intertwine.tasks.clouds._confusion import intersections, mean_intersection, shape_intersections


def labels(count=200, classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randint(classes - 1, (count,), generator=generator)  # the last class does not occur
    predicted = torch.where(torch.rand(count, generator=generator) < 0.6, truth, (truth + 1) % (classes - 1))
    return truth, predicted


def test_confusion_and_accuracies_by_counting():
    truth, predicted = labels()
    pairs = list(zip(truth.tolist(), predicted.tolist(), strict=True))
    confusion = confusion_matrix(truth, predicted, 4)
    assert confusion.tolist() == [[pairs.count((a, b)) for b in range(4)] for a in range(4)]
    right = [sum(a == b == k for a, b in pairs) for k in range(4)]
    there = [sum(a == k for a, _ in pairs) for k in range(4)]
    named = [sum(b == k for _, b in pairs) for k in range(4)]
    assert accuracy(confusion) == pytest.approx(sum(right) / 200)
    assert balanced_accuracy(confusion) == pytest.approx(sum(right[k] / there[k] for k in range(3)) / 3)
    for k, row in enumerate(class_table(confusion, "abcd")):
        assert row["name"] == "abcd"[k]
        assert row["count"] == there[k]
        assert row["recall"] == (right[k] / there[k] if there[k] else None)
        assert row["precision"] == (right[k] / named[k] if named[k] else None)
        union = there[k] + named[k] - right[k]
        assert row["iou"] == (right[k] / union if union else None)
    found = intersections(confusion)
    assert found[:3].tolist() == pytest.approx([right[k] / (there[k] + named[k] - right[k]) for k in range(3)])
    assert found[3].isnan()
    assert mean_intersection(confusion) == pytest.approx(float(found[:3].mean()))


def test_nothing_counts_as_nothing():
    empty = torch.zeros(3, 3, dtype=torch.int64)
    assert (accuracy(empty), balanced_accuracy(empty), mean_intersection(empty)) == (0.0, 0.0, 0.0)


def test_one_class_that_was_only_named():
    table = class_table(torch.tensor([[1, 1], [0, 0]]), ("a", "b"))
    assert table[1] == {"name": "b", "count": 0, "recall": None, "precision": 0.0, "iou": 0.0}


def test_intersections_of_shapes_by_counting():
    truth, predicted = labels(60, 5, seed=1)
    batch = torch.arange(60) % 4
    allowed = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0], [1, 1, 1, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]]) > 0
    for mask in (None, allowed):
        expected = []
        for shape in range(5):
            here, said = truth[batch == shape].tolist(), predicted[batch == shape].tolist()
            ratios = []
            for part in range(5):
                union = sum(a == part or b == part for a, b in zip(here, said, strict=True))
                both = sum(a == b == part for a, b in zip(here, said, strict=True))
                if union if mask is None else mask[shape, part]:
                    ratios.append(both / union if union else 1.0)
            expected.append(sum(ratios) / len(ratios) if ratios else 1.0)
        found = shape_intersections(truth, predicted, batch, 5, 5, mask)
        assert found.tolist() == pytest.approx(expected)


def test_class_metrics_are_gathered_over_batches():
    metrics = ClassMetrics(("a", "b"), "images")
    metrics.add(torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([0, 0]))
    metrics.add(torch.tensor([[0.0, 1.0]] * 2), torch.tensor([1, 1]))
    figures = metrics.figures()
    assert figures["confusion"] == [[1, 1], [0, 2]]
    assert metrics.cells(figures) == ("75.00 %", "75.00 %")
    heading, rows = metrics.details(figures)[0]
    assert heading == ("class", "images", "recall", "precision")
    assert [row[:2] for row in rows] == [("a", "2"), ("b", "2")]
    assert metrics.columns == ("accuracy", "balanced")
    assert metrics.score in figures


def test_number_metrics_by_their_formulas():
    metrics = NumberMetrics(lambda outputs: 2 * outputs[:, 0])
    metrics.add(torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 4.0]))
    metrics.add(torch.tensor([[3.0]]), torch.tensor([4.0]))
    figures = metrics.figures()  # errors 1, 0, 2; truth 1, 4, 4 of mean 3: variance (4 + 1 + 1) / 3 = 2
    assert figures["mae"] == pytest.approx(1)
    assert figures["rmse"] == pytest.approx((5 / 3) ** 0.5)
    assert figures["r2"] == pytest.approx(1 - (5 / 3) / 2)
    assert metrics.cells(figures) == ("1", "1.291", "0.1667")
    constant = NumberMetrics(lambda outputs: outputs)
    constant.add(torch.zeros(2), torch.ones(2))
    assert constant.figures()["r2"] is None
    assert constant.cells(constant.figures()) == ("1", "1", "-")
