"""The helper for test suites: reads what the layer declares, and can fail."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from intertwine.actions import Array, Images, PointCloud, PointFeatures
from intertwine.auditing import EquivarianceError
from intertwine.groups import O3, SO3, Cyclic
from intertwine.testing import assert_equivariant


class Norm(nn.Module):
    """Divides vectors by their length; a leak on request."""

    def __init__(self, leak=0.0):
        super().__init__()
        self.rep_in = self.rep_out = O3().rep("2x1o")
        self.leak = leak

    def forward(self, x):
        vectors = x.unflatten(-1, (2, 3))
        return (vectors / (1 + vectors.norm(dim=-1, keepdim=True))).flatten(-2) + self.leak


class Flow(nn.Module):
    """Says how it moves by actions; its representations would say something else."""

    rep_in = rep_out = O3().trivial
    action_in = PointCloud(O3().vector)
    action_out = PointFeatures(O3().vector)

    def forward(self, features, positions, edges):
        source, target = edges
        return features.index_add(0, target, positions[source] - positions[target])


def test_reads_the_representations():
    report = assert_equivariant(Norm())
    assert report.samples >= 32
    assert set(report.errors) == {"float32", "float64"}
    assert report.errors["float64"] < 1e-14


def test_reads_the_actions_first():
    assert set(assert_equivariant(Flow()).laws) == {"rotation", "translation", "permutation", "all"}


def test_catches_what_only_float64_can_see():
    """A leak of 1e-7 hides in the rounding of float32."""
    with pytest.raises(EquivarianceError, match=r"> 1e-10 \(float64\)"):
        assert_equivariant(Norm(leak=1e-7))
    assert_equivariant(Norm(leak=1e-7), tolerance=1e-5)


def test_catches_a_leak():
    with pytest.raises(EquivarianceError, match=r"Norm: not equivariant under O\(3\): error .* > 1e-05 \(float32\)"):
        assert_equivariant(Norm(leak=1e-3))


def test_prints_the_first_failing_layer():
    net = nn.Sequential(Norm(), Norm(leak=1e-3), Norm())
    with pytest.raises(EquivarianceError, match=r"first failing layer 1 \(\d\.\de-0\d, O\(3\)\)"):
        assert_equivariant(net, action_in=Norm().rep_in, action_out=Norm().rep_out)


def test_other_actions():
    net = nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular")
    shifts = Images(Cyclic(1).trivial)
    assert_equivariant(net, action_in=shifts, action_out=Images(Cyclic(1).rep("2x0")), gradients=True)
    matrix = Array("rows columns")
    assert_equivariant(lambda x: x.mean(0), action_in=matrix, action_out=Array("columns"))
    with pytest.raises(EquivarianceError, match="not equivariant under S_rows: "):
        assert_equivariant(lambda x: x.cumsum(0), action_in=matrix, action_out=matrix)


def test_conditions():
    report = assert_equivariant(
        Norm(), samples=2, modes=("eval", "train"), execution=("eager", "exported"), gradients=True, steps=1
    )
    assert len(report.errors) == 16


def test_says_otherwise():
    with pytest.raises(EquivarianceError):
        assert_equivariant(Norm(), action_out=O3().rep("2x1e"))
    assert_equivariant(Norm(), action_in=SO3().rep("2x1"), action_out=SO3().rep("2x1"))


def test_undeclared():
    with pytest.raises(TypeError, match="Linear declares neither action_in nor rep_in"):
        assert_equivariant(nn.Linear(3, 3))
    assert_equivariant(nn.Identity(), action_in=O3().vector, action_out=O3().vector, dtypes=(torch.float64,))


def test_does_not_import_matplotlib():
    code = "import sys, intertwine.testing; assert not {'matplotlib', 'lightning', 'ase'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
