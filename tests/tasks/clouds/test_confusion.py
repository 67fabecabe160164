from __future__ import annotations

import pytest
import torch

from intertwine.tasks.clouds._confusion import (
    accuracy,
    balanced_accuracy,
    class_table,
    confusion_matrix,
    intersections,
    mean_intersection,
    shape_intersections,
)


def labels(n, classes, seed):
    return torch.randint(0, classes, (n,), generator=torch.Generator().manual_seed(seed))


TRUTH, PREDICTED = labels(200, 4, 0), labels(200, 4, 1)


def test_the_confusion_matrix_counts_pairs():
    found = confusion_matrix(TRUTH, PREDICTED, 5)
    for i in range(5):
        for j in range(5):
            assert found[i, j] == sum(1 for t, p in zip(TRUTH, PREDICTED, strict=True) if (t, p) == (i, j))


def test_accuracies_are_what_their_names_say():
    confusion = confusion_matrix(TRUTH, PREDICTED, 5)
    assert accuracy(confusion) == pytest.approx(float((TRUTH == PREDICTED).double().mean()))
    recalls = [float((PREDICTED[k == TRUTH] == k).double().mean()) for k in range(4)]
    assert balanced_accuracy(confusion) == pytest.approx(sum(recalls) / 4)
    nothing = torch.zeros(3, 3, dtype=torch.int64)
    assert accuracy(nothing) == balanced_accuracy(nothing) == mean_intersection(nothing) == 0


def test_intersections_over_unions():
    confusion = confusion_matrix(TRUTH, PREDICTED, 5)
    found = intersections(confusion)
    for k in range(4):
        both, either = ((k == TRUTH) & (k == PREDICTED)).sum(), ((k == TRUTH) | (k == PREDICTED)).sum()
        assert float(found[k]) == pytest.approx(int(both) / int(either))
    assert found[4].isnan()
    assert mean_intersection(confusion) == pytest.approx(float(found[:4].mean()))


def test_a_class_that_does_not_occur_has_no_recall():
    rows = class_table(confusion_matrix(torch.tensor([0, 0, 1]), torch.tensor([0, 2, 1]), 4), "abcd")
    assert rows[0] == {"name": "a", "count": 2, "recall": 0.5, "precision": 1.0, "iou": 0.5}
    assert rows[2] == {"name": "c", "count": 0, "recall": None, "precision": 0.0, "iou": 0.0}
    assert rows[3] == {"name": "d", "count": 0, "recall": None, "precision": None, "iou": None}


def by_hand(truth, predicted, parts):
    """ShapeNetPart's: a part that is nowhere counts as found."""
    ratios = []
    for part in parts:
        both, either = ((truth == part) & (predicted == part)).sum(), ((truth == part) | (predicted == part)).sum()
        ratios.append(int(both) / int(either) if either else 1.0)
    return sum(ratios) / len(ratios)


def test_shapes_are_judged_as_shapenetpart_does():
    batch = torch.arange(4).repeat_interleave(50)
    truth, predicted = TRUTH.clone(), PREDICTED.clone()
    truth[:50] = predicted[:50] = truth[:50] % 2  # parts 2 and 3 are nowhere in the first shape
    allowed = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1], [0, 1, 1, 1], [1, 1, 1, 1]], dtype=torch.bool)
    found = shape_intersections(truth, predicted, batch, 4, 4, allowed)
    for shape in range(4):
        mine = batch == shape
        expected = by_hand(truth[mine], predicted[mine], allowed[shape].nonzero().flatten().tolist())
        assert float(found[shape]) == pytest.approx(expected)


def test_without_categories_the_parts_that_occur_count():
    truth, predicted, batch = torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 1, 2]), torch.tensor([0, 0, 0, 1])
    found = shape_intersections(truth, predicted, batch, 3, 9)
    assert found.tolist() == [0.5, 1.0, 1.0]


def test_a_part_of_one_point_counts():
    truth, predicted, batch = torch.tensor([0, 0, 1]), torch.tensor([0, 0, 0]), torch.zeros(3, dtype=torch.int64)
    assert shape_intersections(truth, predicted, batch, 1, 3).tolist() == [pytest.approx((2 / 3 + 0) / 2)]
