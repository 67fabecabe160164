"""Convolution over points of features on a group: kernel points, laws on every element, loops, separable = whole."""

import pytest
import torch
from group_toys import GROUPS, cloud, normal, worst

from intertwine.groups import SO3, Cyclic, Icosahedral, Octahedral, Symmetric, Tetrahedral
from intertwine.models import rotation_group
from intertwine.nn import Geometry, GroupPointConv, InterPointConv, IntraGroupConv, LiftToGroup
from intertwine.nn.group._kernel_points import KernelPoints, shell
from intertwine.ops import smooth_cutoff
from intertwine.testing import assert_equivariant


def test_kernel_points_are_orbits(group) -> None:
    kernel = KernelPoints(group, (4, 12), 2.0).double()
    points, moved = kernel.points(), kernel.points() @ group.elements.mT
    torch.testing.assert_close(points[kernel.permutation], moved, atol=1e-12, rtol=0)
    assert all(sorted(row) == list(range(kernel.count)) for row in kernel.permutation.tolist())
    radii = points.norm(dim=1)
    assert radii[0] == 0
    torch.testing.assert_close(
        radii[1:].unique_consecutive().round(decimals=9)[[0, -1]], torch.tensor([0.4, 0.8]).double()
    )
    assert torch.cdist(points, points).fill_diagonal_(9).min() > 0.1


def test_the_weights_of_a_turned_edge_are_renumbered(group) -> None:
    kernel = KernelPoints(group, (12,), 2.0).double()
    vectors = normal(50, group.dimension)
    lengths = vectors.norm(dim=1)
    weights = kernel(vectors, lengths)
    for place, g in enumerate(group.elements):
        # w_n(g^-1 r) = w_{g n}(r)
        torch.testing.assert_close(kernel(vectors @ g, lengths), weights[:, kernel.permutation[place]])
    slow = torch.stack([1 - ((vectors / 2 - y) ** 2).sum(1) / kernel.sigma for y in kernel.points()], 1).clamp_min(0)
    torch.testing.assert_close(weights, slow * smooth_cutoff(lengths, 2.0)[:, None])


def test_no_direction_within_the_last_shell_is_overlooked(group) -> None:
    kernel = KernelPoints(group, (6, 12), 1.0).double()
    vectors = normal(400, group.dimension)
    vectors = (
        0.8 * vectors / vectors.norm(dim=1, keepdim=True) * torch.linspace(0, 1, 400, dtype=torch.float64)[:, None]
    )
    assert (kernel(vectors, torch.zeros(400)).sum(1) > 0.2).all()


def test_the_usual_shells() -> None:
    counts = {name: len(shell(group, 12)) for name, group in GROUPS.items()}
    assert counts == {
        "C4 in the plane": 12,
        "D4 in the plane": 16,
        "C4 about z": 14,
        "T": 14,
        "O": 14,  # faces and corners of the cube
        "I": 12,  # corners of the icosahedron
        "T_d, with mirrors": 14,
    }
    torch.testing.assert_close(shell(Octahedral(), 6).abs().sum(1), torch.ones(6, dtype=torch.float64))
    assert len(shell(Icosahedral(), 24)) == 32  # and of the dodecahedron


def slow_conv(layer, features, positions, edges, weight):
    """The definition, one edge, one element at a time; ``weight(n, h)`` is the matrix of kernel point n and step h."""
    group, kernel = layer.group, layer.kernel
    values = features.unflatten(1, (layer.copies, group.order))
    out = torch.zeros(len(positions), layer.copies_out, group.order, dtype=torch.float64)
    for j, i in edges.T.tolist():
        r = positions[j] - positions[i]
        envelope = smooth_cutoff(r.norm(), kernel.cutoff)
        for a, g in enumerate(group.elements):
            for n, y in enumerate(kernel.points()):
                w = (1 - (g.T @ r / kernel.cutoff - y).square().sum() / kernel.sigma).clamp_min(0) * envelope
                for h, matrix in weight(n):
                    k = int(group.multiplication_table[a, h])
                    out[i, :, a] += w * values[j, :, k] @ matrix
    return (out / layer.avg_num_neighbors**0.5).flatten(1)


@pytest.mark.parametrize("name", ["C4 in the plane", "D4 in the plane", "C4 about z", "T"])
def test_the_fast_convolutions_are_their_definitions(name: str) -> None:
    group = GROUPS[name]
    rep_in, rep_out = 2 * group.regular, 3 * group.regular
    positions, edges = cloud(group, 3)
    features = normal(3, rep_in.dim)
    inter = InterPointConv(rep_in, rep_out, points=(5,), cutoff=4.0, avg_num_neighbors=2.0).double()
    slow = slow_conv(inter, features, positions, edges, lambda n: [(0, inter.weight[n])])
    torch.testing.assert_close(inter(features, positions, edges), slow)
    if group.order <= 8:
        whole = GroupPointConv(rep_in, rep_out, points=(5,), cutoff=4.0, avg_num_neighbors=2.0).double()
        slow = slow_conv(whole, features, positions, edges, lambda n: list(enumerate(whole.weight[n])))
        torch.testing.assert_close(whole(features, positions, edges), slow)


@pytest.mark.parametrize("make", [InterPointConv, GroupPointConv])
def test_their_law_on_every_element(group, make) -> None:
    rep_in, rep_out = 2 * group.regular, 3 * group.regular
    if make is GroupPointConv and group.order > 24:
        rep_in = rep_out = group.regular
    layer = make(rep_in, rep_out, points=(6, 12), cutoff=3.0, avg_num_neighbors=8.0).double()
    positions, edges = cloud(group)
    features = normal(9, rep_in.dim)
    assert worst(layer, rep_in, rep_out, features, positions, edges, elements=group.elements) < 1e-12


@pytest.mark.parametrize("name", ["C4 about z", "T", "O", "I"])
def test_rotations_between_the_elements_are_caught(name: str) -> None:
    group = GROUPS[name]
    rep_in, rep_out = group.vector, 2 * group.regular
    lift, conv = LiftToGroup(rep_in, rep_out).double(), InterPointConv(rep_out, rep_out, cutoff=3.0).double()
    positions, edges = cloud(group)
    features = normal(9, 3)
    expected = conv(lift(features), positions, edges).unflatten(1, (2, -1)).amax(2)
    g = SO3().sample(generator=torch.Generator().manual_seed(0))
    found = conv(lift(features @ g.T), positions @ g.T, edges).unflatten(1, (2, -1)).amax(2)
    assert (found - expected).norm() / expected.norm() > 1e-2


def test_renumbered_the_wrong_way_is_caught() -> None:
    group = Octahedral()
    layer = InterPointConv(group.regular, group.regular, cutoff=3.0).double()
    layer.inverses = layer.kernel.permutation
    positions, edges = cloud(group)
    assert worst(layer, layer.rep_in, layer.rep_out, normal(9, 24), positions, edges, elements=group.elements) > 0.01


@pytest.mark.parametrize("name", ["D4 in the plane", "C4 about z", "T", "O"])
def test_a_kernel_that_is_a_product_makes_the_separated_convolution_the_whole_one(name: str) -> None:
    group = GROUPS[name]
    reps = [copies * group.regular for copies in (2, 3, 2)]
    options = {"points": (6,), "cutoff": 3.0, "avg_num_neighbors": 8.0}
    positions, edges = cloud(group)
    features = normal(9, reps[0].dim)
    whole = GroupPointConv(reps[0], reps[2], **options).double()
    intra = IntraGroupConv(reps[0], reps[1]).double()
    inter = InterPointConv(reps[1], reps[2], **options).double()
    with torch.no_grad():  # over the group, then over the points
        whole.weight.zero_()
        whole.weight[:, intra.elements] = torch.einsum("hcm,nmo->nhco", intra.weight, inter.weight)
    torch.testing.assert_close(inter(intra(features), positions, edges), whole(features, positions, edges))
    inter = InterPointConv(reps[0], reps[1], **options).double()
    intra = IntraGroupConv(reps[1], reps[2]).double()
    with torch.no_grad():  # over the points, seen from g h, then over the group
        whole.weight.zero_()
        for k, h in enumerate(intra.elements.tolist()):
            seen = inter.weight[whole.kernel.permutation[group.inverses[h]]]
            whole.weight[:, h] = seen @ intra.weight[k]
    torch.testing.assert_close(intra(inter(features, positions, edges)), whole(features, positions, edges))
    whole.weight.data[0, 1] += 1
    assert (intra(inter(features, positions, edges)) - whole(features, positions, edges)).norm() > 1e-3


def test_layers_share_a_geometry() -> None:
    group = Tetrahedral()
    conv = InterPointConv(group.regular, group.regular, cutoff=3.0).double()
    positions, edges = cloud(group)
    shared = Geometry.from_edges(positions, edges)
    torch.testing.assert_close(conv(normal(9, 12), shared), conv(normal(9, 12), positions, edges), rtol=0, atol=0)


def test_gradients_at_coincident_points() -> None:
    group = rotation_group("C4")
    conv = InterPointConv(group.regular, group.regular, points=(4,), cutoff=3.0).double()
    _, edges = cloud(group, 3)
    positions = torch.zeros(3, 3, dtype=torch.float64)
    positions[2, 0] = 0.5
    features = normal(3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda f, x: conv(f, x, edges), (features, positions.requires_grad_()))
    assert torch.autograd.gradgradcheck(lambda f: conv(f, positions.detach(), edges).square(), (features,))


def test_bad_use_says_so() -> None:
    rep = Octahedral().regular
    with pytest.raises(ValueError, match="needs one group"):
        InterPointConv(rep, Tetrahedral().regular)
    with pytest.raises(ValueError, match="neighbors must be positive"):
        InterPointConv(rep, rep, avg_num_neighbors=0)
    with pytest.raises(ValueError, match="numbers of points must be positive"):
        InterPointConv(rep, rep, points=())
    with pytest.raises(ValueError, match="plane or in space"):
        InterPointConv(Symmetric(4).regular, Symmetric(4).regular)
    conv = InterPointConv(Cyclic(4).regular, Cyclic(4).regular)
    with pytest.raises(ValueError, match=r"positions must have shape \(N, 2\)"):
        conv(torch.ones(2, 4), torch.ones(2, 3), torch.zeros((2, 0), dtype=torch.int64))
    with pytest.raises(ValueError, match="moves 2 coordinates"):
        conv(torch.ones(2, 4), Geometry.from_edges(torch.ones(2, 3), torch.zeros((2, 0), dtype=torch.int64)))
    with pytest.raises(ValueError, match="edges"):
        conv(torch.ones(2, 4), torch.ones(2, 2))


def test_the_library_own_tester_agrees_in_the_plane() -> None:
    rep = 2 * Cyclic(6).regular
    assert_equivariant(InterPointConv(rep, rep, cutoff=2.0), samples=16)
