"""Weights where there is nothing to have any."""

import torch

from intertwine.groups import SO2, SO3, Cyclic
from intertwine.hom.characters import _weights as module
from intertwine.reps.irreps._planar import highest_frequency


def test_no_spaces_have_no_weights(monkeypatch):
    group = SO3()
    x, h = group.lie_algebra[0], torch.eye(3, dtype=torch.float64)
    values, traces = module._weights(group.vector, x, h)
    assert torch.allclose(values / values[-1], torch.tensor([-1.0, 0, 1]).double())
    assert traces.real.tolist() == [1, 1, 1]
    monkeypatch.setattr(module, "_eigenspaces", lambda *_: [])
    values, traces = module._weights(group.vector, x, h)
    assert (values.shape, values.dtype) == ((0,), torch.float64)
    assert (traces.shape, traces.dtype) == ((0,), torch.complex128)
    monkeypatch.setattr(module, "_eigenspaces", lambda *_: None)
    assert module._weights(group.vector, x, h) is None


def test_the_highest_frequency_of_sums_and_of_nothing():
    group = SO2()
    assert highest_frequency(0 * group.irrep(3)) == 0
    assert highest_frequency(group.irrep(3) + 2 * group.irrep(1)) == 3
    assert highest_frequency(group.irrep(2) * group.irrep(3)) == 5
    assert highest_frequency(group.trivial) == 0
    assert Cyclic(4).irrep(1).endomorphisms.tolist() == [[[1, 0], [0, 1]], [[0, -1], [1, 0]]]
