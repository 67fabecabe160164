"""What actions refuse, and what is said of it."""

import re

import pytest
import torch

from intertwine.actions import Action, LinearAction, RotatedImages, Transform, TupleAction
from intertwine.actions._apply_rep import apply_rep
from intertwine.actions._points import _permute, _width
from intertwine.groups import SO2, SO3


def test_features_of_another_kind():
    V = SO3().irrep(1)
    turn = Transform(SO3().sample())
    with pytest.raises(TypeError, match=re.escape("expected a tensor (..., 3) of type 1, got list")):
        apply_rep(V, turn, [1.0, 2.0, 3.0])
    for shape in ((), (2,), (3, 4)):
        with pytest.raises(ValueError, match=re.escape(f"got shape {shape}: the last axis carries the representation")):
            apply_rep(V, turn, torch.zeros(shape))


def test_margins_are_at_least_zero():
    assert RotatedImages(SO2().trivial, margin=0).margin == 0
    with pytest.raises(ValueError, match="margin is at least 0 pixels, got -1"):
        RotatedImages(SO2().trivial, margin=-1)


def test_an_action_without_an_example_says_so():
    class Still(Action):
        def sample(self, data, generator=None):
            return Transform()

        def __call__(self, transform, data):
            return data

    with pytest.raises(TypeError, match="Still has no example: give inputs=, or write its method example"):
        Still().example()


def test_permutations_fit_their_rows():
    with pytest.raises(ValueError, match=re.escape("a permutation of 3 rows does not fit a tensor (4, 2)")):
        _permute(Transform(permutation=torch.arange(3)), torch.zeros(4, 2))
    assert torch.equal(_permute(Transform(), torch.eye(2)), torch.eye(2))
    assert _permute(Transform(permutation=torch.tensor([2, 0, 1])), torch.arange(3)).tolist() == [2, 0, 1]


def test_the_width_of_points():
    assert _width(torch.zeros(0, 3)) == 1.0
    assert _width(torch.ones(4, 3)) == 1.0
    assert _width(torch.tensor([[-2.0], [2.0]])) == 2.0


def test_entries_of_a_tuple_sample_transforms():
    class Odd(LinearAction):
        def sample(self, data, generator=None):
            return "odd"

    with pytest.raises(TypeError, match=r"TupleAction merges transforms; entry .* samples a str"):
        TupleAction(Odd(SO3().trivial)).sample((torch.zeros(1),))
