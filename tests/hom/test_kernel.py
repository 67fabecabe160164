"""Steerable kernels: one formula, checked at random points, against characters, spherical harmonics and itself."""

import copy
import pickle
from itertools import islice

import pytest
import torch

from intertwine.groups import (
    O2,
    O3,
    SO,
    SO2,
    SO3,
    SU2,
    Cyclic,
    Dihedral,
    FullIcosahedral,
    Icosahedral,
    Lorentz,
    Octahedral,
    Symmetric,
    Tetrahedral,
)
from intertwine.hom import Generators, intertwiners, steerable_kernel
from intertwine.hom._kernel import SteerableKernel
from intertwine.hom._null_space import null_space
from intertwine.hom._orbits import HomogeneousSpace
from intertwine.ops import spherical_harmonics
from intertwine.reps import wigner_3j

GENERIC = {2: [0.6, -1.7], 3: [0.3, -0.5, 1.1]}


def point(values):
    return torch.tensor(values, dtype=torch.float64)


def generator():
    return torch.Generator().manual_seed(0)


def residual(kernel, count=8):
    """The largest entry of K(g x) - rho_out(g) K(x) rho_in(g)^-1 at random points x of the orbit, for random g."""
    group, space = kernel.group, kernel.orbit.space
    g, h = group.sample(2 * count, generator=generator()).split(count)
    x = space.matrix(h) @ kernel.point
    moved = (space.matrix(g) @ x.unsqueeze(-1)).squeeze(-1)
    right = kernel.rep_out.matrix(g)[:, None] @ kernel(x) @ kernel.rep_in.matrix(group.inverse(g))[:, None]
    return float((kernel(moved) - right).abs().max()) if len(kernel) else 0.0


def spans(a, b):
    """Whether two lists of maps ``(k, ..)`` span the same space."""
    ranks = [int(torch.linalg.matrix_rank(m.flatten(1), rtol=1e-9)) for m in (a, b, torch.cat([a, b]))]
    return len(set(ranks)) == 1


def first_irreps(group, number=5):
    return list(islice(group.irreps(), number))


@pytest.mark.parametrize(
    ("group", "frequencies", "table"),
    [
        (SO2(), ["0", "1", "2", "3"], lambda a, b: 1 if a == b == 0 else 2 if a == 0 or b == 0 else 4),
        (O2(), ["0+", "1", "2", "3"], lambda a, b: 1 if a == 0 or b == 0 else 2),
        (SO3(), ["0", "1", "2", "3", "4"], lambda a, b: 2 * min(a, b) + 1),
    ],
    ids=["SO(2)", "O(2)", "SO(3)"],
)
def test_dimensions_by_frequency(group, frequencies, table):
    for a, frequency_in in enumerate(frequencies):
        for b, frequency_out in enumerate(frequencies):
            rep_in, rep_out = group.irrep(frequency_in), group.irrep(frequency_out)
            kernel = steerable_kernel(group, point(GENERIC[group.dimension]), rep_in, rep_out)
            assert len(kernel) == table(a, b)
            assert residual(kernel) <= 1e-10


def test_the_parity_rule():
    G = O3()
    for rep_in in first_irreps(G, 6):
        for rep_out in first_irreps(G, 6):
            a, b = rep_in.degree, rep_out.degree
            expected = sum((-1) ** j == rep_in.parity * rep_out.parity for j in range(abs(a - b), a + b + 1))
            kernel = steerable_kernel(G, point(GENERIC[3]), rep_in, rep_out)
            assert len(kernel) == expected
            assert residual(kernel) <= 1e-10


@pytest.mark.parametrize("degree_in", range(4))
@pytest.mark.parametrize("degree_out", range(4))
def test_the_span_is_that_of_clebsch_gordan_times_spherical_harmonics(degree_in, degree_out):
    """Finding F4: the form of eSCN and that of tensor field networks are one space."""
    G = SO3()
    kernel = steerable_kernel(G, point([0.0, 1.0, 0.0]), G.irrep(degree_in), G.irrep(degree_out))
    x = torch.nn.functional.normalize(torch.randn(20, 3, generator=generator(), dtype=torch.float64), dim=-1)
    degrees = range(abs(degree_in - degree_out), degree_in + degree_out + 1)
    Y = spherical_harmonics(degree_in + degree_out, x)
    couplings = [
        torch.einsum("iyo,py->poi", wigner_3j(degree_in, j, degree_out), Y[:, j**2 : (j + 1) ** 2]) for j in degrees
    ]
    ours = kernel(x).transpose(0, 1)
    assert len(ours) == len(couplings) == 2 * min(degree_in, degree_out) + 1
    assert spans(ours, torch.stack(couplings))
    if degree_in or degree_out:
        assert not spans(ours, torch.stack(couplings).roll(1, 1))  # at other points, they do not


def test_the_escn_form():
    """K(R z) = D_out(R) K(z) D_in(R)^T, and K(z) commutes with the rotations about z."""
    G = SO3()
    rep_in, rep_out = G.rep("2x0 + 1x1 + 1x2"), G.rep("1x1 + 1x3")
    z = point([0.0, 0.0, 1.0])
    kernel = steerable_kernel(G, z, rep_in, rep_out)
    (about_z,) = kernel.stabilizer.algebra
    assert len(kernel.stabilizer.discrete) == 0
    assert float((about_z @ z).abs().max()) < 1e-14
    turn = torch.linalg.matrix_exp(0.7 * about_z)
    commuted = rep_out.matrix(turn) @ kernel.at_point @ rep_in.matrix(turn).T
    assert torch.allclose(commuted, kernel.at_point, atol=1e-12)
    R = G.sample(6, generator=generator())
    expected = rep_out.matrix(R)[:, None] @ kernel.at_point @ rep_in.matrix(R).mT[:, None]
    assert torch.allclose(kernel(R @ z), expected, atol=1e-12)


FINITE = [
    *((G, GENERIC[2]) for G in (Cyclic(1), Cyclic(4), Cyclic(5), Dihedral(3), Dihedral(4))),
    *((G, [2.0, 0.0]) for G in (Dihedral(3), Dihedral(4))),
    *(
        (G, p)
        for G in (Tetrahedral(), Octahedral(), Icosahedral())
        for p in (GENERIC[3], [0.0, 0.0, 1.0], [1.0, 1.0, 1.0])
    ),
    (FullIcosahedral(), GENERIC[3]),
    (Symmetric(4), [1.0, 1.0, 2.0, 2.0]),
]


@pytest.mark.parametrize(("group", "base"), FINITE, ids=str)
def test_finite_groups(group, base):
    """The dimension is the mean of the characters over the elements that fix the point, found one by one."""
    x = point(base)
    V = group.vector
    fixing = group.elements[((group.elements @ x - x).abs() < 1e-9).all(-1)]
    for rep_in, rep_out in ((V, V), (V * V, V), (group.trivial, V * V)):
        kernel = steerable_kernel(group, x, rep_in, rep_out)
        expected = float((rep_in.character(fixing) * rep_out.character(fixing)).mean())
        assert len(kernel) == pytest.approx(expected, abs=1e-9)
        assert residual(kernel) <= 1e-10
    orbit = {tuple(p.round(decimals=6).tolist()) for p in group.elements @ x}
    assert len(orbit) * len(fixing) == group.order  # orbit and stabilizer


def test_a_regular_representation_in_the_plane_is_a_group_convolution():
    G = Cyclic(4)
    kernel = steerable_kernel(G, point(GENERIC[2]), G.regular, G.regular)
    assert len(kernel) == 16  # nothing fixes the point: every number is free
    assert residual(kernel) <= 1e-10


def test_a_group_too_large_to_list():
    G = Symmetric(12)
    kernel = steerable_kernel(G, torch.eye(12, dtype=torch.float64)[0], G.vector, G.vector)
    assert len(kernel) == 5  # S_11 on 1 + 11 points
    assert residual(kernel) <= 1e-10


def plane_in_space(normal):
    return torch.outer(point(normal), point(normal)).flatten()


SPACES = [
    ("projective plane", SO3(), lambda V: V * V, plane_in_space([0.0, 0.6, 0.8]), 2),
    ("projective plane, with reflections", O3(), lambda V: V * V, plane_in_space([0.0, 0.6, 0.8]), 2),
    ("frames", SO3(), lambda V: 2 * V, point([1.0, 0, 0, 0, 1.0, 0]), 9),
    ("frames, with reflections", O3(), lambda V: 2 * V, point([1.0, 0, 0, 0, 1.0, 0]), 5),
    ("the sphere in four dimensions", SO(4), lambda V: V, point([0.5, -0.5, 0.5, 1.0]), 2),
    ("planes in four dimensions", SO(4), lambda V: V * V, torch.diag(point([1.0, 1, 0, 0])).flatten(), 2),
    ("unit quaternions", SU2(), lambda V: V, point([1.0, 0, 0, 0]), 16),
    ("the mass shell", Lorentz(), lambda V: V, point([1.5, 0.1, 0.2, 0.3]), 2),
    ("the light cone", Lorentz(), lambda V: V, point([1.0, 0.0, 0.6, 0.8]), 2),
    ("the point", SO3(), lambda V: V, point([0.0, 0.0, 0.0]), 1),
]


@pytest.mark.parametrize(("name", "group", "space", "base", "dimension"), SPACES, ids=[row[0] for row in SPACES])
def test_homogeneous_spaces(name, group, space, base, dimension):
    V = group.vector
    kernel = steerable_kernel(group, base, V, V, space=space(V))
    assert residual(kernel) <= 1e-9 if not group.orthogonal else residual(kernel) <= 1e-10
    assert len(kernel) == dimension
    h = kernel.stabilizer.discrete
    stays = kernel.orbit.space.matrix(h) @ kernel.point - kernel.point
    assert float(stays.abs().max() if len(h) else 0.0) < 1e-10


def test_planes_in_four_dimensions():
    """The stabilizer is S(O(2) x O(2)): without its second component the turns of both planes would commute too."""
    G = SO(4)
    V = G.vector
    kernel = steerable_kernel(G, torch.diag(point([1.0, 1, 0, 0])).flatten(), V, V, space=V * V)
    algebra, discrete = kernel.stabilizer
    assert len(algebra) == 2
    assert len(null_space(V, V, Generators(algebra, discrete[:0]))) == 4
    assert len(null_space(V, V, Generators(algebra, discrete))) == len(kernel) == 2


def test_newton_and_the_closed_form_agree():
    G = SO3()
    rep_in, rep_out = G.irrep(1), G.irrep(2)
    x0 = point([0.3, -0.4, 1.2])
    closed = steerable_kernel(G, x0, rep_in, rep_out)
    newton = SteerableKernel(rep_in, rep_out, HomogeneousSpace(G.vector, x0), closed.at_point, closed.at_zero)
    x = torch.randn(12, 3, generator=generator(), dtype=torch.float64)
    x = torch.cat([x, -x0[None], x0[None]])
    assert torch.allclose(closed(x), newton(x), atol=1e-10)
    y = x[:5].clone().requires_grad_()
    weights = torch.randn(5, 3, 5, 3, generator=generator(), dtype=torch.float64)
    gradients = [torch.autograd.grad((kernel(y) * weights).sum(), y)[0] for kernel in (closed, newton)]
    assert torch.allclose(*gradients, atol=1e-9)


@pytest.mark.parametrize("group", [SO2(), O2(), SO3(), O3()], ids=str)
def test_gradients_are_right_everywhere(group):
    """Beside, behind and at the base point, where the charts meet, and (finite) at zero."""
    x0 = point(GENERIC[group.dimension])
    across = torch.zeros_like(x0)
    across[0], across[1] = x0[1], -x0[0]
    kernel = steerable_kernel(group, x0, group.vector, group.vector)
    points = torch.stack([x0, -x0, across, across - 0.5 * x0, across + 1e-9 * x0]).requires_grad_()
    assert torch.autograd.gradcheck(kernel, points)
    assert torch.autograd.gradgradcheck(kernel, points)
    zero = torch.zeros(1, group.dimension, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(kernel(zero).square().sum(), zero)
    assert float(gradient.abs().max()) == 0


def test_no_seam_between_the_charts():
    kernel = steerable_kernel(SO3(), point([0.0, 0.0, 1.0]), SO3().irrep(2), SO3().irrep(2))
    before, after = kernel(point([[1.0, 0.3, 1e-12], [1.0, 0.3, -1e-12]]))
    assert torch.allclose(before, after, atol=1e-10)


def test_at_zero_the_average_over_the_orbit_remains():
    G = SO3()
    V = G.vector
    kernel = steerable_kernel(G, point([0.0, 2.0, 0.0]), V, V)
    x = G.sample(4000, generator=generator()) @ kernel.point
    assert torch.allclose(kernel(torch.zeros(3, dtype=torch.float64)), kernel(x).mean(0), atol=0.03)
    (one,) = intertwiners(V, V)
    center = kernel.at_zero.flatten(1)
    assert torch.allclose(center, (center @ one.flatten())[:, None] * one.flatten(), atol=1e-12)
    assert float(center.norm()) > 0.5
    assert torch.allclose(kernel(3 * x[:5]), kernel(x[:5]), atol=1e-12)  # the radius is the caller's


def test_dtypes_shapes_copies():
    G = O3()
    kernel = steerable_kernel(G, torch.tensor([0, 0, 1.0]), G.vector, G.rep("0e + 1o"))
    x = torch.randn(2, 7, 3, generator=generator())
    assert kernel(x).shape == (2, 7, len(kernel), 4, 3)
    assert kernel(x).dtype == torch.float32
    assert torch.allclose(kernel(x).double(), kernel(x.double()), atol=1e-5)
    for other in (copy.deepcopy(kernel), pickle.loads(pickle.dumps(kernel))):
        assert torch.equal(other(x), kernel(x))


def test_a_kernel_of_the_wrong_group_is_noticed():
    """The negative control: an SO(3) kernel is not one of O(3)."""
    G = O3()
    V = G.vector
    rotations = steerable_kernel(SO3(), point(GENERIC[3]), SO3().vector, SO3().vector)
    wrong = steerable_kernel(G, point(GENERIC[3]), V, V)
    object.__setattr__(wrong, "at_point", rotations.at_point)
    object.__setattr__(wrong, "at_zero", rotations.at_zero)
    assert residual(wrong) > 0.1


def test_errors_of_use():
    G = SO3()
    V = G.vector
    with pytest.raises(ValueError, match=r"shape \(3,\), got \(2,\)"):
        steerable_kernel(G, point([1.0, 0.0]), V, V)
    with pytest.raises(ValueError, match=r"needs reps of it, got .* of O\(3\)"):
        steerable_kernel(G, point(GENERIC[3]), O3().vector, V)
    with pytest.raises(ValueError, match="finite"):
        steerable_kernel(G, point([float("nan"), 0.0, 0.0]), V, V)
    kernel = steerable_kernel(G, point(GENERIC[3]), V, V)
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 3\), got \(4, 2\)"):
        kernel(torch.zeros(4, 2))
    square = steerable_kernel(Dihedral(4), point([1.0, 0.0]), Dihedral(4).vector, Dihedral(4).vector)
    with pytest.raises(ValueError, match=r"1 of 2 points are not on the orbit of \(1, 0\) under D_4"):
        square(point([[0.0, 3.0], [1.0, 1.0]]))
    shell = steerable_kernel(Lorentz(), point([1.0, 0, 0, 0]), Lorentz().vector, Lorentz().vector)
    with pytest.raises(ValueError, match="not on the orbit"):
        shell(point([0.0, 1.0, 0.0, 0.0]))


def escnn_irreps(peer):
    """Each group with pairs of an irrep of ours and the same one of escnn."""
    so2, o2, so3, o3 = peer.so2_group(5), peer.o2_group(5), peer.so3_group(3), peer.o3_group(3)
    planar = [("0+", (1, 0)), ("0-", (0, 0)), *((str(m), (1, m)) for m in range(1, 4))]
    spatial = [(l, p) for l in range(3) for p in (1, -1)]
    yield "kernels_SO2_act_R2", [(SO2().irrep(m), so2.irrep(m)) for m in range(5)]
    yield "kernels_O2_act_R2", [(O2().irrep(label), o2.irrep(*theirs)) for label, theirs in planar]
    yield "kernels_SO3_act_R3", [(SO3().irrep(degree), so3.irrep(degree)) for degree in range(4)]
    yield "kernels_O3_act_R3", [(O3().irrep(l, p), o3.irrep((1 - p) // 2, l)) for l, p in spatial]


def test_dimensions_of_escnn():
    """The same number of kernels on each orbit as the peer finds, where it is installed."""
    peer = pytest.importorskip("escnn.group")
    kernels = pytest.importorskip("escnn.kernels")
    for name, irreps in escnn_irreps(peer):
        for rep_in, their_in in irreps:
            for rep_out, their_out in irreps:
                try:
                    expected = getattr(kernels, name)(their_in, their_out, [1.0], [0.5]).dim
                except kernels.EmptyBasisException:
                    expected = 0
                base = point(GENERIC[rep_in.group.dimension])
                assert len(steerable_kernel(rep_in.group, base, rep_in, rep_out)) == expected
