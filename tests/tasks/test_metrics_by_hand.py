"""Metrics of tasks beside values computed by hand and by other libraries."""

import pytest
import torch
from scipy.stats import kendalltau

from intertwine.data import IGNORED
from intertwine.tasks._example_metrics import ClassMetrics, NumberMetrics, table_of_classes
from intertwine.tasks.clouds import Predictions
from intertwine.tasks.images._metrics import MaskMetrics
from intertwine.tasks.segment._metrics import PartMetrics
from intertwine.tasks.weights._metrics import _MOST_PAIRS, RankMetrics, kendall_tau


def test_kendalls_tau_with_ties_and_of_constants():
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        a, b = torch.randint(0, 5, (2, 30), generator=generator).double()
        assert kendall_tau(a, b) == pytest.approx(kendalltau(a, b).statistic)
    one, other = torch.ones(4), torch.arange(4.0)
    assert kendall_tau(one, other) is kendall_tau(other, one) is None
    assert kendall_tau(other, -other) == -1


def test_ranks_are_of_the_first_networks_and_shown_with_four_digits():
    metrics = RankMetrics(lambda outputs: outputs)
    size = _MOST_PAIRS + 1
    predicted = torch.arange(float(size))
    predicted[-1] = -1.0  # the only pair in the other order, beyond the bound
    metrics.add(predicted[:100], torch.arange(100.0))
    metrics.add(predicted[100:], torch.arange(100.0, size))
    figures = metrics.figures()
    assert figures["tau"] == 1
    assert figures["mae"] == pytest.approx(size / size)
    assert metrics.cells({"mae": 1.23456, "rmse": 2.0, "r2": None, "tau": 0.123456}) == ("1.235", "2", "-", "0.1235")
    assert metrics.cells({"mae": 1.0, "rmse": 2.0, "r2": 0.5, "tau": None})[-1] == "-"
    assert metrics.columns == ("MAE", "RMSE", "R2", "Kendall's tau")


def test_numbers():
    metrics = NumberMetrics(lambda outputs: 2 * outputs)
    metrics.add(torch.tensor([0.5, 1.0]), torch.tensor([1.0, 4.0]))
    metrics.add(torch.tensor([3.0]), torch.tensor([7.0]))
    assert metrics.figures() == pytest.approx({"mae": 1.0, "rmse": (5 / 3) ** 0.5, "r2": 1 - 5 / 18})
    constant = NumberMetrics(lambda outputs: outputs)
    constant.add(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 3.0]))
    assert constant.figures() == pytest.approx({"mae": 1.5, "rmse": 2.5**0.5, "r2": None})


def test_classes():
    metrics = ClassMetrics(["a", "b", "c"], "images")
    metrics.add(torch.eye(3)[[0, 0, 1]], torch.tensor([0, 1, 1]))
    metrics.add(torch.eye(3)[[0]], torch.tensor([0]))
    figures = metrics.figures()
    assert figures["confusion"] == [[2, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert (figures["accuracy"], figures["balanced_accuracy"]) == (0.75, 0.75)
    assert metrics.cells({"accuracy": 0.98765, "balanced_accuracy": 0.5}) == ("98.77 %", "50.00 %")
    heading, rows = metrics.details(figures)[0]
    assert heading == ("class", "images", "recall", "precision")
    assert [row[:2] for row in rows] == [("a", "2"), ("b", "2"), ("c", "0")]
    assert rows[2][2] == "-"
    assert rows[1][2].startswith("50")
    assert rows[0][3].startswith("66.7")
    many = {"classes": [{"name": "x", "count": 12345, "recall": None, "precision": 1.0}]}
    assert table_of_classes(many, "n", {"recall": "R"}) == (("class", "n", "R"), (("x", "12,345", "-"),))


def test_masks_count_pixels_that_have_a_class():
    metrics = MaskMetrics(["sky", "sea"])
    truth = torch.tensor([[[0, 0, IGNORED], [1, 1, 1]]], dtype=torch.uint8)
    predicted = torch.tensor([[[0, 1, 0], [1, 1, 0]]])
    metrics.add(torch.nn.functional.one_hot(predicted, 2).permute(0, 3, 1, 2).float(), truth)
    figures = metrics.figures()
    assert figures["confusion"] == [[1, 1], [1, 2]]
    assert figures["pixels"] == pytest.approx(3 / 5)
    assert figures["mean_intersection"] == pytest.approx((1 / 3 + 2 / 4) / 2)
    assert metrics.columns == ("mIoU", "pixels")
    assert metrics.cells(figures) == ("41.7 %", "60.0 %")
    assert metrics.details(figures)[0][0] == ("class", "pixels", "IoU", "recall", "precision")


def predictions(predicted):
    zeros = torch.zeros(len(predicted))
    return Predictions("none", torch.tensor(predicted), zeros, zeros)


def test_parts_of_shapes():
    truth, batch = torch.tensor([0, 0, 1, 1, 2, 3]), torch.tensor([0, 0, 0, 0, 1, 1])
    allowed = torch.tensor([[True, True, False, False], [False, False, True, True]])
    parts, found = [*"abcd"], predictions([0, 1, 1, 1, 2, 2])
    several = PartMetrics(truth, batch, torch.tensor([0, 1]), allowed, parts, ["cup", "hat", "none"]).measure(found)
    first, second = (1 / 2 + 2 / 3) / 2, (1 / 2 + 0) / 2
    assert several["categories"] == pytest.approx({"cup": first, "hat": second})
    assert several["shape_miou"] == pytest.approx((first + second) / 2)
    assert several["kind_miou"] == pytest.approx((first + second) / 2)
    assert several["accuracy"] == pytest.approx(4 / 6)
    one = PartMetrics(truth, batch, torch.tensor([0, 0]), None, parts, ["cup"]).measure(found)
    assert one["categories"] == {}
    assert one["kind_miou"] == pytest.approx((1 / 2 + 2 / 3 + 1 / 2 + 0) / 4)
    assert len(one["parts"]) == len(one["confusion"]) == 4


def test_categories_count_alike_however_many_shapes_they_have():
    truth, batch = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 1, 2, 2])
    metrics = PartMetrics(truth, batch, torch.tensor([0, 0, 1]), None, ["a", "b"], ["cup", "hat"])
    found = metrics.measure(predictions([0, 0, 0, 0]))
    by_shape = metrics.shapes(predictions([0, 0, 0, 0]))
    assert found["shape_miou"] == pytest.approx(float(by_shape.mean()))
    assert found["kind_miou"] == pytest.approx((float(by_shape[:2].mean()) + float(by_shape[2])) / 2)
    assert metrics.cells({"accuracy": 0.5, "shape_miou": 0.25, "kind_miou": 0.125})[0] == "50.0 %"
