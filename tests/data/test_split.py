from __future__ import annotations

import json

import pytest
import torch

from intertwine._errors import UsageError
from intertwine.data import Split, make_split


def sizes(split):
    return len(split.train), len(split.validation), len(split.test)


@pytest.mark.parametrize(
    ("n", "asked", "expected"),
    [
        (1000, {}, (800, 100, 100)),
        (5123, {"train": 4000}, (4000, 512, 512)),
        (5123, {"train": 4900}, (4900, 112, 111)),
        (5123, {"train": 4000, "validation": 500, "test": 623}, (4000, 500, 623)),
        (5123, {"validation": 500, "test": 2000}, (2623, 500, 2000)),
        (1000, {"train": 0.5, "validation": 0.25, "test": 0.25}, (500, 250, 250)),
        (15, {"train": 0.8, "validation": 0.1, "test": 0.1}, (13, 1, 1)),
        (1000, {"train": 0.29, "validation": 10}, (290, 10, 100)),
        (10, {"train": 1.0, "validation": 0, "test": 0}, (10, 0, 0)),
        (10, {"train": 10}, (10, 0, 0)),
        (3, {}, (1, 1, 1)),
        (2, {}, (1, 1, 0)),
        (1, {}, (1, 0, 0)),
    ],
)
def test_sizes(n, asked, expected):
    split = make_split(n, **asked)
    assert sizes(split) == expected
    every = torch.cat([split.train, split.validation, split.test])
    assert every.dtype == torch.int64
    assert len(every.unique()) == len(every)
    assert every.min() >= 0
    assert every.max() < n


def test_one_seed_one_split_and_this_one_for_ever():
    split = make_split(10, seed=7)
    assert torch.equal(split.train, make_split(10, seed=7).train)
    assert not torch.equal(make_split(1000, seed=7).train, make_split(1000, seed=8).train)
    # frozen: a release that changes this line changes everybody's test sets
    parts = [part.tolist() for part in (split.train, split.validation, split.test)]
    assert parts == [[0, 2, 1, 9, 7, 3, 6, 4], [5], [8]]


def test_the_test_set_stays_when_more_is_trained_on():
    small = make_split(500, train=50, validation=40, test=60)
    large = make_split(500, train=300, validation=40, test=60)
    assert torch.equal(small.test, large.test)
    assert torch.equal(small.train, large.train[:50])


@pytest.mark.parametrize(
    ("n", "asked", "says"),
    [
        (
            5123,
            {"train": 4000, "validation": 500, "test": 2000},
            r"asked for 4,000 \+ 500 \+ 2,000 of 5,123 structures",
        ),
        (100, {"train": 200}, "asked for 200 of 100 structures"),
        (100, {"validation": 60, "test": 60}, "60 [+] 60 of 100"),
        (100, {"train": 0.8, "validation": 0.3}, "asked for 80 [+] 30 of 100"),
        (100, {"validation": 50, "test": 50}, "nothing to train on"),
        (100, {"train": 0}, "nothing to train on"),
        (100, {"train": -1}, "train: expected a count"),
        (100, {"train": 4000.0}, r"between 0 and 1; got 4000 \(a count has no point"),
        (100, {"test": float("nan")}, "between 0 and 1"),
        (100, {"test": True}, "test: expected"),
        (100, {"test": "half"}, "test: expected"),
        (100, {"seed": -1}, "a seed is an integer"),
        (0, {}, "no structures"),
    ],
)
def test_what_does_not_fit_is_said(n, asked, says):
    with pytest.raises(UsageError, match=says):
        make_split(n, **asked)


def test_json_and_back():
    split = make_split(50, train=20, validation=0, test=5, seed=3)
    again = Split.from_json(json.loads(json.dumps(split.to_json())))
    assert (again.n, again.seed) == (50, 3)
    for part in ("train", "validation", "test"):
        assert torch.equal(getattr(again, part), getattr(split, part))
        assert getattr(again, part).dtype == torch.int64
    assert repr(again) == "Split(20 / 0 / 5 of 50, seed 3)"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"train": [0, 1, 50]}, "index 50 of 50"),
        ({"train": [-1]}, "index -1 of 50"),
        ({"train": [0], "test": [0]}, "twice"),
        ({"train": ["a"]}, "lists of integers"),
        ({"n": None}, "lists of integers"),
    ],
)
def test_a_damaged_split_is_refused(change, says):
    with pytest.raises(UsageError, match=says):
        Split.from_json({**make_split(50).to_json(), **change})
    with pytest.raises(UsageError, match="expected n, seed"):
        Split.from_json({"n": 3})
