"""Which segmentations know categories of clouds."""

from __future__ import annotations

import pytest
import torch

from intertwine._errors import UsageError
from intertwine.data import PointCloudSet, Split
from intertwine.tasks.clouds import Predictions
from intertwine.tasks.segment import SegmentOptions
from intertwine.tasks.segment._job import SegmentJob
from intertwine.tasks.segment._metrics import PartMetrics


def config_of(classes, train, parts=("leg", "seat")):
    n = len(classes)
    clouds = PointCloudSet(
        positions=torch.randn(2 * n, 3),
        offsets=2 * torch.arange(n + 1),
        point_fields={"parts": torch.arange(2 * n) % len(parts)},
        cloud_fields={"classes": torch.tensor(classes)},
        label_names={"classes": ("chair", "table"), "parts": parts},
    )
    rest = torch.tensor([index for index in range(n) if index not in train], dtype=torch.int64)
    split = Split(n, train=torch.tensor(train), validation=rest, test=rest[:0], seed=0)
    return SegmentJob.complete_config(SegmentOptions(data="mine"), clouds, split)


def test_categories_are_known_where_each_is_trained_on():
    assert config_of([0, 1, 0, 1], [0, 1])["categories"] == ["chair", "table"]


@pytest.mark.parametrize(("classes", "train"), [([0, 1, 0, 1], [0, 2]), ([0, 0, 0], [0, 1])])
def test_categories_that_are_held_out_or_alone_are_no_input(classes, train):
    found = config_of(classes, train)
    assert (found["categories"], found["allowed"]) == ([], [])


def test_the_table_of_parts_under_two_rotations():
    """Two chairs of three points; turned, one point of a seat is taken for a leg."""
    truth, batch = torch.tensor([0, 1, 1, 0, 1, 1]), torch.tensor([0, 0, 0, 1, 1, 1])
    metrics = PartMetrics(truth, batch, torch.tensor([0, 0]), None, ("leg", "seat", "arm"), ("chair",))
    turned = torch.tensor([0, 0, 1, 0, 1, 1])
    figures = {
        f"none/{name}": metrics.measure(Predictions(name, found, torch.ones(6), torch.zeros(2)))
        for name, found in (("none", truth), ("z", turned), ("SO3", turned))
    }
    ((heading, rows),) = metrics.details(figures)
    shares = [f"{measure} none/{name}" for measure in ("IoU", "recall", "precision") for name in ("none", "SO3")]
    assert heading == ("part", "points", *shares)
    assert rows == (
        ("leg", "2", "100.0 %", "66.7 %", "100.0 %", "100.0 %", "100.0 %", "66.7 %"),
        ("seat", "4", "100.0 %", "75.0 %", "100.0 %", "75.0 %", "100.0 %", "100.0 %"),
        ("arm", "0", "-", "-", "-", "-", "-", "-"),
    )
    ((heading, _),) = metrics.details({"none/none": figures["none/none"]})
    assert heading == ("part", "points", "IoU none/none", "recall none/none", "precision none/none")


def test_one_part_is_no_segmentation():
    with pytest.raises(UsageError, match="two parts at least"):
        config_of([0, 1], [0, 1], parts=("leg",))
