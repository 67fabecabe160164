from __future__ import annotations

import logging
from itertools import chain

import pytest
import torch

from intertwine import data
from intertwine.data import Split, stratified_split


def parts_of(split):
    return [sorted(part.tolist()) for part in (split.train, split.validation, split.test)]


CLASSES = torch.tensor([0] * 50 + [1] * 30 + [2] * 20)


@pytest.mark.parametrize("seed", range(5))
def test_each_part_has_its_share_of_each_class(seed):
    split = stratified_split(CLASSES[torch.randperm(100)], validation=0.1, test=0.2, seed=seed)
    assert [len(part) for part in parts_of(split)] == [70, 10, 20]
    split = stratified_split(CLASSES, validation=0.1, test=0.2, seed=seed)
    for part, share in zip((split.train, split.validation, split.test), (0.7, 0.1, 0.2), strict=True):
        counts = CLASSES[part].bincount(minlength=3)
        assert (counts - share * torch.tensor([50.0, 30, 20])).abs().max() <= 1
    assert sorted(chain(*parts_of(split))) == list(range(100))


def test_one_seed_one_split_and_the_test_set_stays():
    small = stratified_split(CLASSES, train=20, validation=10, test=20, seed=3)
    large = stratified_split(CLASSES, train=60, validation=10, test=20, seed=3)
    assert torch.equal(small.test, large.test)
    assert torch.equal(small.train, large.train[:20])
    assert (CLASSES[small.train].bincount() - torch.tensor([10, 6, 4])).abs().max() <= 1
    other = stratified_split(CLASSES, train=20, validation=10, test=20, seed=4)
    assert not torch.equal(small.test, other.test)
    # frozen: a release that changes this line changes everybody's test sets
    assert parts_of(stratified_split([0, 0, 0, 0, 0, 1, 1, 1, 1, 1], seed=7))[1:] == [[6], [3]]


@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_together(seed):
    groups = torch.arange(100) // 3
    split = stratified_split(CLASSES, validation=0.15, test=0.25, seed=seed, groups=groups)
    parts = parts_of(split)
    assert sorted(chain(*parts)) == list(range(100))
    found = [{int(groups[index]) for index in part} for part in parts]
    assert sum(map(len, found)) == len(groups.unique())
    assert [len(part) for part in parts] == pytest.approx([60, 15, 25], abs=3)


def test_a_group_that_fits_nowhere_is_trained_on():
    split = stratified_split([0] * 9 + [1], groups=[0] * 9 + [1])
    assert parts_of(split) == [list(range(10)), [], []]


def test_a_class_of_one_is_trained_on_with_a_warning(caplog):
    shapes = data.shapes(
        torch.zeros(12, 3),
        torch.arange(13),
        torch.tensor([0] * 11 + [1]),
        ("chair", "table"),
    )
    for seed in range(10):
        caplog.clear()
        split = shapes.make_split(test=0.25, seed=seed)
        assert 11 in split.train.tolist()
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert record.getMessage().startswith('class "table": one member, or one group, only')


def test_groups_are_as_many_as_classes():
    with pytest.raises(ValueError, match="2 groups for 3 classes"):
        stratified_split([0, 1, 2], groups=[0, 1])


def test_clouds_without_classes_are_split_at_random():
    clouds = data.PointCloudSet(torch.zeros(30, 3), torch.arange(31))
    split, plain = clouds.make_split(test=6, seed=2), data.make_split(30, test=6, seed=2)
    assert parts_of(split) == parts_of(plain)


@pytest.mark.parametrize("classes", [False, True])
def test_a_prescribed_split_gives_up_a_tenth_for_validation(classes):
    prescribed = Split(40, torch.arange(30), torch.arange(0), torch.arange(30, 40), seed=0)
    fields = {"classes": torch.arange(40) % 2} if classes else {}
    clouds = data.PointCloudSet(torch.zeros(40, 3), torch.arange(41), cloud_fields=fields, split=prescribed)
    split = clouds.make_split()
    assert [len(part) for part in parts_of(split)] == [27, 3, 10]
    assert sorted(chain(*parts_of(split)[:2])) == list(range(30))
    assert len(clouds.make_split(test=20).test) == 20
