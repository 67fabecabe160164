"""What layers refuse: a table of calls and of what is said, beside the last values that are accepted."""

import re

import pytest
import torch

from intertwine.groups import SL, SO2, SO3, Cyclic, Dihedral, Octahedral, Scaling, Symmetric
from intertwine.nn import RotateFeatures
from intertwine.nn.conv import (
    Geometry,
    MessageConv,
    Radial,
    SteerableAttention,
    SteerableConv,
    pad_to_heads,
    resolve_geometry,
)
from intertwine.nn.grid import (
    GridAvgPool,
    GridBatchNorm,
    GridConv,
    GridFourierNonlinearity,
    GridInvariants,
    GridLayerNorm,
    GridMaxPool,
    GridNormNonlinearity,
    GridPointwiseNonlinearity,
    GridUpsample,
)
from intertwine.nn.pair import PairBilinear
from intertwine.nn.sets import ExchangeableLinear, ExchangeableNorm, SetAttention, SetAttentionPool, parse_axes
from intertwine.nn.vector import VectorInvariant
from intertwine.nn.weights import WeightSpace

C4, turn = Cyclic(4).regular, SO2().rep("1x0 + 1x1")
EDGES = torch.tensor([[1, 0], [0, 1]])
ROWS = ExchangeableLinear("rows columns", 2, 3)
PAIR = ExchangeableLinear("rows columns + rows", (2, 1), 3, "rows")
INDEX = torch.tensor([[0, 1, 2], [1, 0, 1]])
stretch = Scaling(2).vector


def space(*layers):
    return WeightSpace.of(torch.nn.Sequential(*layers))


CASES = [
    (lambda: SteerableConv(SO2().irrep(1), SO2().irrep(1)), "needs irreps of SO(3) or O(3), got"),
    (lambda: RotateFeatures(C4), "RotateFeatures needs a representation of SO(3) or O(3), got"),
    (lambda: pad_to_heads("4x0e", 0), "heads must be at least 1, got 0"),
    (
        lambda: SteerableAttention("4x0e", "6x0e", heads=4),
        "4 heads do not divide the copies of rep_out = 6x0e; take 8x0e",
    ),
    (lambda: SteerableAttention("4x0e", "4x0e", rep_key="2x0e", heads=4), "do not divide the copies of rep_key = 2x0e"),
    (lambda: Geometry.from_edges(torch.zeros(2, 2), EDGES), "positions must have shape (N, 3), got (2, 2)"),
    (
        lambda: Geometry.from_edges(torch.zeros(2, 3), EDGES, shifts=torch.zeros(3, 3)),
        "shifts must have shape (2, 3), one",
    ),
    (lambda: Geometry.from_edges(torch.zeros(2, 3), EDGES, shifts=torch.zeros(2, 2)), "an edge, got (2, 2)"),
    (lambda: MessageConv("1x0e", "1x0e", hidden=0), "hidden and cutoff must be positive, got 0 and 5.0"),
    (lambda: MessageConv("1x0e", "1x0e", cutoff=0.0), "hidden and cutoff must be positive, got 64 and 0.0"),
    (lambda: Radial(0), "cutoff, radial_basis and radial_hidden must be positive, got 5.0, 0, (64,)"),
    (lambda: Radial(8, (0,)), "must be positive, got 5.0, 8, (0,)"),
    (lambda: Radial(8, (4,), float("nan")), "must be positive, got nan, 8, (4,)"),
    (
        lambda: GridConv(SL(2).vector, SL(2).vector, 3),
        "GridConv needs a group that moves the plane or space by orthogonal",
    ),
    (lambda: GridConv(Symmetric(4).trivial, Symmetric(4).trivial, 3), "such as Cyclic(8), SO2()"),
    (lambda: GridBatchNorm(C4, eps=0.0), "eps must be positive and momentum between 0 and 1, got 0.0 and 0.1"),
    (lambda: GridBatchNorm(C4, momentum=-0.01), "momentum between 0 and 1, got 1e-05 and -0.01"),
    (lambda: GridBatchNorm(C4, momentum=1.01), "momentum between 0 and 1, got 1e-05 and 1.01"),
    (lambda: GridLayerNorm(C4, eps=0.0), "eps must be positive, got 0.0"),
    (lambda: GridFourierNonlinearity(turn, oversampling=0), "an oversampling of at least 1, got"),
    (
        lambda: GridFourierNonlinearity(SO2().irrep(0) + SO2().irrep(1) + SO2().irrep(0)),
        "a sum of different irreps with",
    ),
    (lambda: GridFourierNonlinearity(turn, samples=Dihedral(4)), "samples is a finite subgroup of SO(2), got D_4"),
    (lambda: GridInvariants(C4, "sum"), 'reduce is "max" or "mean", got \'sum\''),
    (lambda: GridPointwiseNonlinearity(C4, "step"), "the function is one of relu, elu, silu, gelu, tanh, got 'step'"),
    (lambda: GridAvgPool(C4, 0), "stride is at least 1 and sigma positive, got 0 and None"),
    (lambda: GridAvgPool(C4, sigma=0.0), "stride is at least 1 and sigma positive, got 2 and 0.0"),
    (lambda: GridMaxPool(C4, 0), "stride is at least 1, got 0"),
    (lambda: GridUpsample(C4, 0), "scale is at least 1, got 0"),
    (lambda: PairBilinear(SO3().rep("2x1 + 1x0 + 1x1"), SO3().rep("1x1"), "1x(1,1)"), "1 occurs in two places of"),
    (lambda: PairBilinear(SO3().rep("2x1"), SO3().rep("1x1"), "1x(2,1)"), "2 does not occur in 2x1: take other pairs"),
    (lambda: SetAttention(8, induced_points=0), "expected at least one induced point, got 0"),
    (lambda: SetAttentionPool(8, points=0), "expected at least one point, got 0"),
    (lambda: parse_axes("rows 0"), '"0" in "rows 0" is no axis: expected a name or a size'),
    (lambda: parse_axes("rows 1234567890"), '"1234567890" in "rows 1234567890" is no axis'),
    (lambda: parse_axes("rows + "), '"rows + " has an array without axes: write "1" for it'),
    (lambda: parse_axes(""), "axes are text such as"),
    (lambda: parse_axes(3), "axes are text such as"),
    (lambda: ROWS([1.0]), 'expected a tensor for the array "rows columns", got list'),
    (lambda: ROWS(torch.zeros(3, 2)), 'expected the array "rows columns" as (*batch, rows, columns, 2), got (3, 2)'),
    (lambda: ROWS(torch.zeros(3, 4, 3)), "as (*batch, rows, columns, 2), got (3, 4, 3)"),
    (lambda: PAIR(torch.zeros(3, 4, 2)), 'expected 2 arrays "rows columns + rows", got 1'),
    (lambda: PAIR((torch.zeros(3, 4, 2), torch.zeros(4, 1))), "got (4, 1) where rows 3, columns 4"),
    (lambda: PAIR((torch.zeros(5, 3, 4, 2), torch.zeros(6, 3, 1))), "and batch (5,)"),
    (
        lambda: PAIR((torch.zeros(3, 4, 2), torch.zeros(3, 1)), mask=torch.ones(3, 4)),
        "a mask for each of 2 arrays or None, got 1",
    ),
    (
        lambda: ROWS(torch.zeros(3, 4, 2), mask=torch.ones(4, 3)),
        'a mask (3, 4) of the array "rows columns", got (4, 3)',
    ),
    (lambda: ROWS(torch.zeros(3, 2), INDEX.double(), sizes=(3, 2)), "the indices of entries (2, E) of integers, got"),
    (lambda: ROWS(torch.zeros(3, 2), INDEX[:1], sizes=(3,)), "sparse entries have two axes at least"),
    (lambda: ROWS(torch.zeros(3, 2), INDEX, sizes=(2, 2)), "expected indices 0 .. 1 along axis 0, got 0 .. 2"),
    (lambda: ROWS(torch.zeros(3, 2), -INDEX, sizes=(3, 2)), "expected indices 0 .. 2 along axis 0, got -2 .. 0"),
    (lambda: ROWS(torch.zeros(3, 2), INDEX.repeat(2, 1)[:3], sizes=(3, 2, 3)), 'along "rows columns", got 3 rows'),
    (
        lambda: ROWS(torch.zeros(4, 2), INDEX, sizes=(3, 2)),
        'the array "rows columns" with sparse entries as (3, 2), got (4, 2)',
    ),
    (lambda: ROWS(torch.zeros(3, 2), INDEX, sizes=(3, 2), mask=torch.ones(3)), "a mask is of dense arrays"),
    (lambda: ExchangeableLinear("a b c d e f g h i", 1, 1), "permuted axes, got"),
    (lambda: ExchangeableLinear("rows", 1, 1, "columns"), 'the output "columns" has the axis "columns", whose size'),
    (lambda: ExchangeableNorm("rows + columns", 2), 'normalizes one array, got the axes "rows + columns"'),
    (lambda: ExchangeableNorm("rows columns", 2)(torch.zeros(3, 2)), "expected (*batch, rows columns, 2), got (3, 2)"),
    (lambda: ExchangeableNorm("rows", 2)(torch.zeros(3, 3)), "expected (*batch, rows, 2), got (3, 3)"),
    (lambda: VectorInvariant("4x1o", hidden=(4,)), "the copies in two layers, at least one each, got (4,)"),
    (lambda: VectorInvariant("4x1o", hidden=(4, 0)), "at least one each, got (4, 0)"),
    (
        lambda: space(torch.nn.Conv2d(4, 4, 3, groups=2), torch.nn.Linear(4, 2)),
        'layer "0" is a convolution in 2 groups',
    ),
    (
        lambda: space(torch.nn.LazyLinear(4), torch.nn.Linear(4, 2)),
        'layer "0" has no weights yet: run the network once',
    ),
    (
        lambda: space(torch.nn.Conv2d(3, 4, 3), torch.nn.GroupNorm(2, 4), torch.nn.Conv2d(4, 2, 3)),
        'layer "1" normalizes 2 groups of channels, which permutations mix',
    ),
    (
        lambda: space(torch.nn.Linear(3, 4), torch.nn.LayerNorm((4, 4)), torch.nn.Linear(4, 2)),
        'layer "1" normalizes over several axes: expected the features alone',
    ),
    (lambda: space(torch.nn.ReLU()), "expected a network with a linear or convolution layer, got none"),
    (lambda: space(torch.nn.Conv2d(3, 3, 3, groups=3)), 'layer "0" is a convolution of each channel alone'),
    (lambda: space(torch.nn.Linear(3, 4), torch.nn.Linear(5, 2)), '"1" takes 5 features and the layer before it has 4'),
    (
        lambda: space(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(5), torch.nn.Linear(4, 2)),
        '"1.weight" has 5 numbers for 4 features',
    ),
]


@pytest.mark.parametrize(("call", "message"), CASES, ids=[message[-60:] for _, message in CASES])
def test_refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_the_last_values_that_are_accepted():
    assert str(pad_to_heads("5x0e + 4x1o", 1)) == "5x0e + 4x1o"
    assert str(pad_to_heads("5x0e + 4x1o", 4)) == "8x0e + 4x1o"
    assert MessageConv("1x0e", "1x0e", hidden=1).rep_out.dim == 1
    assert Radial(1, (1,)).radial_hidden == (1,)
    for layer in (GridBatchNorm(C4, momentum=0.0), GridBatchNorm(C4, momentum=1.0), GridUpsample(C4, 1)):
        assert layer(torch.randn(2, 4, 3, 3)).shape == (2, 4, 3, 3)
    fields = torch.randn(1, 4, 6, 6)
    assert torch.equal(GridMaxPool(C4, 1)(fields), fields)
    assert GridFourierNonlinearity(turn, oversampling=1)(torch.randn(1, 3, 2, 2)).shape == (1, 3, 2, 2)
    assert SetAttention(8, induced_points=1)(torch.randn(3, 8)).shape == (3, 8)
    assert SetAttentionPool(8)(torch.randn(3, 8)).shape == (1, 8)
    assert [str(each) for each in parse_axes("a 999999999 + 1")] == ["a 999999999", "1"]
    assert VectorInvariant("1x1o", hidden=(1, 1)).rep_out.dim == 3
    kept = space(torch.nn.Conv2d(3, 4, 3), torch.nn.GroupNorm(4, 4), torch.nn.GroupNorm(1, 4), torch.nn.Conv2d(4, 2, 3))
    assert dict(kept.sizes) == {"h1": 4}
    assert resolve_geometry(torch.eye(2, 3), EDGES).lengths.tolist() == pytest.approx([2**0.5] * 2)
    assert Octahedral().regular.orthogonal


def test_layers_for_orthogonal_matrices_refuse_others():
    """A group of orthogonal matrices has representations by others: here in a basis that is not orthonormal."""
    from intertwine.reps import ChangedBasis

    skew = ChangedBasis(Cyclic(4), Cyclic(4).vector, ((1.0, 0.5), (0.0, 1.0)))
    assert not skew.orthogonal
    for call in (
        lambda: GridConv(skew, skew, 3),
        lambda: GridInvariants(skew),
        lambda: GridNormNonlinearity(skew),
    ):
        with pytest.raises(ValueError, match="orthogonal"):
            call()
    assert not stretch.orthogonal
