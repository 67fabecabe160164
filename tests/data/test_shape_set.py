from __future__ import annotations

import logging
import pickle
from itertools import chain

import pytest
import torch

from intertwine.data import ShapeSet, Split, stratified_split


def make(counts=(3, 1, 4), classes=(1, 0, 1), normals=True):
    generator = torch.Generator().manual_seed(0)
    total = sum(counts)
    return ShapeSet(
        torch.randn(total, 3, generator=generator),
        torch.tensor([0, *counts]).cumsum(0),
        torch.tensor(classes),
        ("chair", "table"),
        torch.arange(total) % 3,
        ("leg", "seat", "top"),
        torch.nn.functional.normalize(torch.randn(total, 3, generator=generator)) if normals else None,
        [f"s{place}" for place in range(len(counts))],
    )


@pytest.mark.parametrize("counts", [(3, 1, 4), (5, 5, 5)], ids=["ragged", "equal"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_batch_is_what_a_loop_gathers(counts, turned):
    shapes, indices = make(counts), [2, 0, 2, -2]
    rotations = torch.linalg.qr(torch.randn(4, 3, 3, dtype=torch.float64))[0] if turned else None
    batch = shapes.batch(indices, rotations=rotations)
    positions, normals, parts, numbers = [], [], [], []
    for place, index in enumerate(indices):
        span = slice(shapes.offsets[index % 3], shapes.offsets[index % 3 + 1])
        turn = rotations[place].float() if turned else torch.eye(3)
        positions.append(shapes.positions[span] @ turn.T)
        normals.append(shapes.normals[span] @ turn.T)
        parts.append(shapes.parts[span])
        numbers += [place] * counts[index]
    torch.testing.assert_close(batch.positions, torch.cat(positions), rtol=0, atol=1e-6)
    torch.testing.assert_close(batch.normals, torch.cat(normals), rtol=0, atol=1e-6)
    assert torch.equal(batch.parts, torch.cat(parts))
    assert batch.batch.tolist() == numbers
    assert batch.classes.tolist() == [1, 1, 1, 0]
    assert batch.shapes == 4
    assert batch.positions.dtype == torch.float32
    assert shapes.batch(indices, rotations=rotations, dtype=torch.float64).positions.dtype == torch.float64


def test_rotate_is_the_batch_rotated():
    shapes = make()
    rotations = torch.linalg.qr(torch.randn(3, 3, 3, dtype=torch.float64))[0]
    later = shapes.batch([0, 1, 2], dtype=torch.float64).rotate(rotations)
    torch.testing.assert_close(
        later.positions, shapes.batch([0, 1, 2], rotations=rotations, dtype=torch.float64).positions
    )
    with pytest.raises(ValueError, match=r"rotations must be \(3, 3, 3\)"):
        later.rotate(rotations[:2])


def test_nothing_is_a_batch_too():
    batch = make().batch([])
    assert (batch.shapes, batch.positions.shape, batch.batch.tolist()) == (0, (0, 3), [])


def test_select():
    shapes = make()
    few = shapes.select([2, 0])
    assert few.names == ["s2", "s0"]
    assert few.counts.tolist() == [4, 3]
    assert torch.equal(few.positions, shapes.positions[[4, 5, 6, 7, 0, 1, 2]])
    assert torch.equal(few.parts, shapes.parts[[4, 5, 6, 7, 0, 1, 2]])
    assert few.class_counts == {"chair": 0, "table": 2}
    assert torch.equal(shapes.select(torch.tensor([False, True, False])).positions, shapes.positions[3:4])
    with pytest.raises(IndexError):
        shapes.select([3])


def test_pickle_and_print():
    shapes = pickle.loads(pickle.dumps(make()))
    assert repr(shapes) == "ShapeSet(3 shapes, 8 points, 2 classes, 3 parts)"
    assert shapes.part_shares == {"leg": 3 / 8, "seat": 3 / 8, "top": 2 / 8}


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"positions": torch.zeros(8, 3, dtype=torch.int64)}, TypeError, "float32 or float64"),
        ({"positions": torch.zeros(8, 2)}, ValueError, r"\(N, 3\) and finite"),
        ({"positions": torch.full((8, 3), torch.nan)}, ValueError, "finite"),
        ({"offsets": torch.tensor([0, 3, 3, 8])}, ValueError, "offsets must increase from 0"),
        ({"offsets": torch.tensor([0, 3, 4, 7])}, ValueError, "the number of points, 8"),
        ({"offsets": torch.tensor([0.0, 3, 4, 8])}, TypeError, "offsets must be torch.int64"),
        ({"classes": torch.tensor([0, 1])}, ValueError, r"classes must be \(3,\)"),
        ({"classes": torch.tensor([0, 1, 2])}, ValueError, "classes run from 0 to 2 for 2 names"),
        ({"parts": torch.full((8,), -1)}, ValueError, "parts run from -1"),
        ({"normals": torch.zeros(7, 3)}, ValueError, "normals must be"),
        ({"names": ["one"]}, ValueError, "of 3 shapes; got 1 names"),
        ({"split": Split(2, *torch.zeros(3, 0), seed=0)}, ValueError, "of 3 shapes"),
    ],
)
def test_what_does_not_fit_is_said(change, error, says):
    fields = {name: getattr(make(), name) for name in make().__dataclass_fields__}
    with pytest.raises(error, match=says):
        ShapeSet(**{**fields, **change})


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
    kin = [{int(groups[index]) for index in part} for part in parts]
    assert sum(map(len, kin)) == len(groups.unique())
    assert [len(part) for part in parts] == pytest.approx([60, 15, 25], abs=3)


def test_a_group_that_fits_nowhere_is_trained_on():
    split = stratified_split([0] * 9 + [1], groups=[0] * 9 + [1])
    assert parts_of(split) == [list(range(10)), [], []]


def test_a_class_of_one_is_trained_on_with_a_warning(caplog):
    shapes = make((2,) * 12, (0,) * 11 + (1,))
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
