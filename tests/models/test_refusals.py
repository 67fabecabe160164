"""What networks refuse: a table of calls and of what is said, beside the last values that are accepted."""

import re

import pytest
import torch

from intertwine.groups import O3, SO2, Cyclic, Dihedral
from intertwine.models import (
    DGCNN,
    HierarchicalEncoder,
    PointEncoder,
    PointNet,
    VectorDGCNN,
    VectorPointNet,
)
from intertwine.models.equidock import EquiDock, keypoint_loss, residue_graph
from intertwine.models.families import (
    DepthwiseFamily,
    EquiformerFamily,
    SteerableFamily,
    VectorEmbedding,
    describe_family,
    get_family,
    rotation_group,
)
from intertwine.models.frames import LearnedFrame, PrincipalFrame
from intertwine.models.grid import (
    GCNN,
    HarmonicNetwork,
    KeypointDetector,
    PatchDescriptor,
    RegularFields,
    UNet,
    WideResNet,
)
from intertwine.models.pair import RotationNetwork
from intertwine.models.potential import Potential, committee_deviation
from intertwine.models.sets import DeepSets, ExchangeableNetwork, SetTransformer
from intertwine.models.tracks import TracksNetwork

C4 = Cyclic(4)
IMAGE, LABEL = C4.trivial, 3 * C4.trivial
X, P = torch.zeros(5, 1), torch.randn(5, 3)
EDGES = torch.tensor([[0, 1], [1, 0]])
SMALL = {"hidden": "4x0e + 2x1o", "layers": 1, "lmax": 1, "width": 8}


def encoder(rep_in="1x0e", rep_out="1x0e", **options):
    return PointEncoder(rep_in, rep_out, **{**SMALL, **options})


def hierarchy(**options):
    return HierarchicalEncoder("1x0e", "1x0e", **{"hidden": "4x0e + 2x1o", "lmax": 1, "width": 8, **options})


def potential(**options):
    return Potential([1], hidden="4x0e + 4x1o", lmax=1, layers=1, radial_hidden=(4,), radial_functions=2, **options)


def frames(rep_out, result):
    return PrincipalFrame(lambda *_: result, "1x0e", rep_out, by_point=False)


CASES = [
    (lambda: encoder(layers=-1), "layers must be at least 0, got -1"),
    (lambda: encoder()(X, P[:4], EDGES), "positions must be (5, 3), one for each feature, got (4, 3)"),
    (lambda: encoder(group="SO4"), 'no group "SO4" of encoders is known by name; expected'),
    (lambda: encoder(layer="steerabel"), 'no layer "steerabel"; known: '),
    (lambda: encoder(layer={"name": "steerable", "heads": 2}), 'layer "steerable": '),
    (lambda: hierarchy(levels=0), "levels, k and pool_neighbors must be at least 1, ratio at least 2"),
    (lambda: hierarchy(ratio=1), "layers at least 0, got 3, 16, 16, 1, 1"),
    (lambda: hierarchy(k=0), "layers at least 0, got 3, 0, 0, 4, 1"),
    (lambda: hierarchy(pool_neighbors=0), "layers at least 0, got 3, 16, 0, 4, 1"),
    (lambda: hierarchy(layers=(1, -1, 1)), "layers at least 0, got 3, 16, 16, 4, (1, -1, 1)"),
    (lambda: hierarchy(layers=(1, 1)), "layers must be one for all, or one for each of 3 levels; got 2"),
    (lambda: hierarchy(levels=1)(X, P[:4]), "positions must be (5, 3), one for each feature, got (4, 3)"),
    (lambda: PointNet("1x0e", "1x1o"), 'PointNet gives invariants, got rep_out "1o"; a PointEncoder gives vectors too'),
    (lambda: VectorPointNet("1x1o", "2x1o"), 'VectorPointNet gives invariants, got rep_out "2x1o"'),
    (lambda: PointNet("1x0e", "1x0e", pool="sum"), 'pool must be "max", "mean", "both" or None, got \'sum\''),
    (lambda: PointNet("1x0e", "1x0e")(X[:4], P), "features must be (5, 1), one row for each position, got (4, 1)"),
    (lambda: DGCNN("1x0e", "1x0e", k=0), "k must be at least 1, got 0"),
    (lambda: VectorDGCNN("1x1o", "1x0e", neighbor_space="space"), '"features" or "positions", got \'space\''),
    (lambda: keypoint_loss((P, P[:4]), (P, P)), "as many keypoints, and as many pocket points, of both"),
    (lambda: keypoint_loss((P, P), (P, P[:4])), "as many keypoints, and as many pocket points, of both"),
    (lambda: keypoint_loss((P, P), (P[:0], P[:0])), "as many keypoints, and as many pocket points, of both"),
    (lambda: EquiDock(0), "EquiDock expects at least one residue type, channel, layer and keypoint"),
    (lambda: EquiDock(hidden=0), "at least one residue type, channel, layer and keypoint"),
    (lambda: EquiDock(layers=0), "at least one residue type, channel, layer and keypoint"),
    (lambda: EquiDock(keypoints=0), "at least one residue type, channel, layer and keypoint"),
    (lambda: residue_graph(torch.zeros(4, 3), torch.zeros(4)), "a backbone (residues, 3, 3), got (4, 3)"),
    (lambda: residue_graph(torch.zeros(4, 2, 3), torch.zeros(4)), "a backbone (residues, 3, 3), got (4, 2, 3)"),
    (lambda: residue_graph(torch.zeros(4, 3, 3), torch.zeros(3)), "a backbone (residues, 3, 3), got (4, 3, 3)"),
    (lambda: DepthwiseFamily(correlation=3), 'layer "depthwise": correlation is 1 or 2, got 3'),
    (lambda: DepthwiseFamily(correlation=0), 'layer "depthwise": correlation is 1 or 2, got 0'),
    (lambda: EquiformerFamily(heads=0), 'layer "equiformer": heads must be at least 1, got 0'),
    (lambda: EquiformerFamily(expansion=0), 'layer "equiformer": expansion must be at least 1, got 0'),
    (lambda: SteerableFamily(norm="group"), 'layer "steerable": norm is "'),
    (
        lambda: encoder("1x0e", "1x2e", layer="egnn", hidden="4x0e + 2x1o"),
        'layer "egnn" gives scalars and vectors only',
    ),
    (lambda: encoder(layer="egnn", hidden="4x0e + 2x2e"), 'the hidden of layer "egnn" is "Cx0e + Vx1o", C scalars'),
    (lambda: encoder(layer="egnn", hidden="2x1o"), "C scalars and V vectors, got 2x1o"),
    (lambda: VectorEmbedding(O3().rep("1x2e"), O3().rep("2x1o")), 'takes scalars "0e" and vectors "1o" only, got "2e"'),
    (lambda: rotation_group("cubic"), 'no group "cubic" to lift to; known: '),
    (lambda: rotation_group("C0"), "and C1, C2, ... about z"),
    (lambda: rotation_group("C1000"), "and C1, C2, ... about z"),
    (lambda: PrincipalFrame(lambda *_: X), "the backbone has no rep_in and rep_out: give both"),
    (lambda: PrincipalFrame(lambda *_: X, "1x0e"), "the backbone has no rep_in and rep_out: give both"),
    (
        lambda: PrincipalFrame(lambda *_: X, SO2().irrep(1), SO2().irrep(1)),
        "frames are of SO(3) or O(3), got rep_in of SO(2)",
    ),
    (lambda: frames("1x0e", X)(X, P[:4]), "positions must be (5, 3), one for each feature, got (4, 3)"),
    (lambda: frames("1x0e", X)(X, P), "the backbone must return ("),
    (lambda: LearnedFrame(lambda *_: X, "1x0e", "1x0e", lmax=1, width=8)(X, P), "a learned frame needs edges (2, E)"),
    (lambda: GCNN(IMAGE, LABEL, fields="steerable"), "fields are one of"),
    (lambda: RegularFields().nonlinearity(SO2(), 2), "SO(2) is infinite and has no regular fields: use Fourier"),
    (lambda: GCNN(IMAGE, LABEL, widths=(4, 4), kernel_size=3, pool_after=(3,)), "layers 1 .. 2, got (3,) and None"),
    (lambda: GCNN(IMAGE, LABEL, widths=(4, 4), kernel_size=3, pool_after=(0,)), "layers 1 .. 2, got (0,) and None"),
    (
        lambda: GCNN(IMAGE, LABEL, widths=(), kernel_size=3, pool_after=()),
        "pool_after and restriction name layers 1 .. 0",
    ),
    (
        lambda: GCNN(IMAGE, LABEL, widths=(4,), kernel_size=3, pool_after=(), restriction=(2, Cyclic(2))),
        "layers 1 .. 1, got () and (2",
    ),
    (
        lambda: GCNN(IMAGE, LABEL, widths=(4, 4), kernel_size=(3,), pool_after=()),
        "one for each of 2 layers, at least 1; got (3,)",
    ),
    (
        lambda: GCNN(IMAGE, LABEL, widths=(4,), kernel_size=0, pool_after=()),
        "one for each of 1 layers, at least 1; got 0",
    ),
    (lambda: GCNN(IMAGE, Cyclic(8).trivial), "rep_in is of C_4 and rep_out of C_8; a network needs one group"),
    (lambda: GCNN(IMAGE, LABEL, restriction=(1, Dihedral(4))), "a network restricts C_4 to a subgroup of it, got D_4"),
    (
        lambda: KeypointDetector(IMAGE, kernel_size=(7, 4, 5)),
        "filters of a score map are odd, or it would move by half a pixel",
    ),
    (
        lambda: PatchDescriptor(IMAGE, widths=(4, 4)),
        "a descriptor has three widths and patches of an odd size from 9; got",
    ),
    (lambda: PatchDescriptor(IMAGE, size=24), "patches of an odd size from 9; got (4, 6, 8), 24"),
    (lambda: PatchDescriptor(IMAGE, size=7), "patches of an odd size from 9; got (4, 6, 8), 7"),
    (lambda: WideResNet(IMAGE, LABEL, widths=()), "a residual network has a stage of a block at least"),
    (lambda: WideResNet(IMAGE, LABEL, blocks=0), "blocks=0, restriction=None"),
    (
        lambda: WideResNet(IMAGE, LABEL, widths=(4,), restriction=(2, Cyclic(2))),
        "restricts after one of its stages; got widths=(4,)",
    ),
    (lambda: WideResNet(IMAGE, LABEL, widths=(4,), restriction=(0, Cyclic(2))), "restricts after one of its stages"),
    (lambda: UNet(IMAGE, LABEL, widths=()), "a U-Net has at least one level and one convolution, got () and 2"),
    (lambda: UNet(IMAGE, LABEL, blocks=0), "one convolution, got (8, 16, 32) and 0"),
    (lambda: RotationNetwork(encoder("1x0e", "4x0e")), "RotationNetwork expects vectors in the output of its encoder"),
    (lambda: DeepSets(2, 3, layers=0), 'expected a layer or more and the pool "mean", "sum" or "max", got 0 and'),
    (lambda: ExchangeableNetwork("rows columns", 1, 1, layers=0), "expected at least one layer, got 0"),
    (lambda: SetTransformer(2, 3, layers=0), "expected at least one layer, got 0"),
    (lambda: TracksNetwork(cameras="fisheye"), 'cameras are "calibrated" or "projective", got "fisheye"'),
    (lambda: TracksNetwork(layers=0), "expected at least one layer and one channel, got 0 and 256"),
    (lambda: Potential([1, 8], body_order=1), "body_order is 2, 3 or 4, got 1"),
    (lambda: Potential([1, 8], body_order=5), "body_order is 2, 3 or 4, got 5"),
    (lambda: Potential([1, 8], reference_energies=[0.0]), "2 elements need as many reference energies, got 1"),
    (lambda: Potential([1, 8], cutoff=0.0), "committee of 0 or more, got 0.0, 1.0, 2 and 0"),
    (lambda: Potential([1, 8], average_neighbors=0.0), "committee of 0 or more, got 5.0, 0.0, 2 and 0"),
    (lambda: Potential([1, 8], layers=0), "committee of 0 or more, got 5.0, 1.0, 0 and 0"),
    (lambda: Potential([1, 8], committee=-1), "committee of 0 or more, got 5.0, 1.0, 2 and -1"),
    (lambda: Potential([1, 1]), "a potential takes different atomic numbers of 1 to 118, got"),
    (lambda: Potential([]), "a potential takes different atomic numbers of 1 to 118, got"),
    (lambda: Potential([0, 1]), "a potential takes different atomic numbers of 1 to 118, got"),
    (lambda: Potential([1, 119]), "a potential takes different atomic numbers of 1 to 118, got"),
    (lambda: Potential([1], hidden="4x0e + 2x1o"), "equally many copies of irreps of O(3) with 0e among them, got"),
    (lambda: Potential([1], hidden="4x1o"), "equally many copies of irreps of O(3) with 0e among them, got 4x1o"),
    (lambda: Potential([1], family="mace"), 'no family "mace" of potentials; known: products, '),
    (
        lambda: Potential([1], family="steerable", hidden="4x1o"),
        "a potential needs invariants among its features, got 4",
    ),
    (lambda: potential()(torch.tensor([1, 8]), P[:2], EDGES), "this potential knows the elements [1], not [8]"),
    (lambda: potential()(torch.tensor([1, 1]), P[:2], EDGES, stress=True), "derivative per volume: give cells (B, 3,"),
    (lambda: committee_deviation(potential(committee=1), torch.tensor([1, 1]), P[:2], EDGES), "a committee of 2 or mo"),
    (lambda: TracksNetwork(hidden=0), "expected at least one layer and one channel, got 3 and 0"),
]


@pytest.mark.parametrize(("call", "message"), CASES, ids=[message[-60:] for _, message in CASES])
def test_refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_the_last_values_that_are_accepted():
    assert encoder(layers=0)(X, P, EDGES).shape == (1, 1)
    assert hierarchy(levels=1, layers=0, k=1, ratio=2)(X, P).shape == (1, 1)
    assert EquiDock(1, 1, 1, 1).layers == 1
    assert residue_graph(torch.randn(1, 3, 3), torch.zeros(1, dtype=torch.long)).edges.shape == (2, 0)
    assert [rotation_group(name).order for name in ("tetrahedral", "octahedral", "icosahedral", "C1", "C999")] == [
        12, 24, 60, 1, 999,
    ]  # fmt: skip
    third = rotation_group("C3").elements[1]
    assert torch.allclose(third @ torch.tensor([0.0, 0.0, 1.0]).double(), torch.tensor([0.0, 0.0, 1.0]).double())
    assert float(third.trace()) == pytest.approx(0, abs=1e-12)
    small = GCNN(IMAGE, LABEL, widths=(2, 2), kernel_size=3, pool_after=(1, 2), restriction=(2, Cyclic(2)), head=())
    assert small(torch.randn(1, 1, 12, 12)).shape == (1, 3)
    assert small.rep_in.group == Cyclic(2)
    assert PatchDescriptor(SO2().trivial, size=9, width=2, widths=(1, 1, 1))(torch.randn(2, 1, 9, 9)).angles.shape == (
        2,
    )
    assert HarmonicNetwork(SO2().trivial, 2 * SO2().trivial, widths=(2,), pool_after=()).rep_out.dim == 2
    assert TracksNetwork(hidden=1, layers=1).cameras == "calibrated"


@pytest.mark.parametrize(
    "family",
    [get_family(name) for name in ("message", "vector", "lifted")]
    + [SteerableFamily(norm="batch"), DepthwiseFamily(correlation=2), EquiformerFamily(heads=1, expansion=1)],
    ids=lambda family: family.name,
)
def test_families_are_described_as_they_are_read(family):
    assert get_family(describe_family(family)) == family
    assert get_family(family) is family


def test_keypoint_loss_is_the_cheapest_plan():
    """With as many pocket points as keypoints, equally heavy, the plan is the best matching."""
    from itertools import permutations

    generator = torch.Generator().manual_seed(0)
    a, b, p, q = (torch.randn(4, 3, generator=generator, dtype=torch.float64) for _ in range(4))
    cost = torch.cdist(p, a) ** 2 + torch.cdist(q, b) ** 2
    best = min(sum(float(cost[i, order[i]]) for i in range(4)) for order in permutations(range(4)))
    assert float(keypoint_loss((a, b), (p, q))) == pytest.approx(best / 4, rel=1e-6)
