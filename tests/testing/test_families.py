"""The conformance tests of families pass on a correct family and fail on each kind of defect."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import nn

from intertwine.auditing import EquivarianceError
from intertwine.models import MessageFamily, SteerableFamily
from intertwine.testing import FamilyCase, FamilyTests

OPTIONS = {"hidden": "4x0e + 2x1o", "layers": 1}


class Leak(nn.Module):
    def forward(self, x):
        return x + 1e-3


@dataclass(frozen=True)
class LeakyFamily(SteerableFamily):
    name: ClassVar[str] = "leaky"

    def readout(self, *arguments):
        return nn.Sequential(super().readout(*arguments), Leak())


class CenterOfBatch(nn.Module):
    """Mixes the clouds of a batch."""

    def forward(self, x):
        return x - x.mean(0)


@dataclass(frozen=True)
class MixingFamily(SteerableFamily):
    name: ClassVar[str] = "mixing"

    def readout(self, *arguments):
        return nn.Sequential(super().readout(*arguments), CenterOfBatch())


class TestSteerable(FamilyTests):
    options = OPTIONS

    def make_family(self):
        return SteerableFamily()


TESTS = FamilyTests()


def case(family):
    return FamilyCase(family, OPTIONS)


def test_a_leak_is_found():
    with pytest.raises(EquivarianceError):
        TESTS.test_law_without_pooling(case(LeakyFamily()))
    with pytest.raises(EquivarianceError):
        TESTS.test_law(TESTS._encoder_case(case(LeakyFamily())))


def test_message_passing_is_found():
    with pytest.raises(EquivarianceError):
        TESTS.test_law_without_pooling(case(MessageFamily()))


def test_a_mixed_batch_is_found():
    with pytest.raises(AssertionError):
        TESTS.test_batch(case(MixingFamily()), None)


def test_a_family_that_is_not_registered_does_not_come_back():
    with pytest.raises(ValueError, match='no layer "leaky"'):
        TESTS.test_config(case(LeakyFamily()))


def test_make_family_is_asked_for():
    with pytest.raises(NotImplementedError, match="FamilyTests must define make_family"):
        TESTS.make_family()


def test_weights_are_the_same_each_time():
    first, second = (TESTS.make_encoder(case(SteerableFamily())).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
