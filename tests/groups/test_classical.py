"""Lie groups beside the orthogonal ones: what they keep, what they draw, and what they say."""

import pytest
import torch

from intertwine._errors import UsageError
from intertwine.groups import (
    E2,
    E3,
    SE2,
    SE3,
    SL,
    SO,
    SO2,
    SO3,
    SU2,
    U1,
    AffineGroup,
    Cyclic,
    DirectProduct,
    DoubleCover,
    FullLorentz,
    Icosahedral,
    Lorentz,
    MatrixGroup,
    O,
    Octahedral,
    Scaling,
    SemidirectProduct,
    Sp,
    Symmetric,
    Translations,
)

DIMENSIONS = {
    SO(4): 6,
    SO(5): 10,
    O(4): 6,
    SU2(): 3,
    U1(): 1,
    SL(2): 3,
    SL(3): 8,
    Sp(2): 3,
    Sp(4): 10,
    Lorentz(): 6,
    FullLorentz(): 6,
    Scaling(3): 1,
    Translations(3): 3,
    SE2(): 3,
    E2(): 3,
    SE3(): 6,
    E3(): 6,
    AffineGroup(Octahedral()): 3,
    SO3() * SO2(): 4,
    SO3() * Symmetric(3): 3,
}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("group", DIMENSIONS, ids=str)
def test_they_are_groups(group):
    a, b, c = (group.sample(16, generator=seeded(seed)) for seed in range(3))
    assert a.dtype == torch.float64
    assert group.contains(a, 1e-9).all()
    assert group.contains(a @ b, 1e-9).all()
    assert group.contains(group.inverse(a), 1e-9).all()
    assert torch.allclose((a @ b) @ c, a @ (b @ c), atol=1e-12)
    assert torch.allclose(group.inverse(a) @ a, group.identity.expand_as(a), atol=1e-12)
    assert group.contains(group.discrete_generators).all()
    assert torch.equal(group.sample(3, generator=seeded(5)), group.sample(3, generator=seeded(5)))
    assert group.sample(0).shape == (0, group.dimension, group.dimension)
    assert isinstance(group.describe(a[0]), str)
    assert group.order is None


@pytest.mark.parametrize("group", DIMENSIONS, ids=str)
def test_the_lie_algebra(group):
    X = group.lie_algebra
    assert len(X) == DIMENSIONS[group]
    assert torch.linalg.matrix_rank(X.flatten(1)) == len(X)
    brackets = X[:, None] @ X - X @ X[:, None]
    assert torch.allclose(group.hat(group.coordinates(brackets)), brackets, atol=1e-12)
    assert group.contains(group.exp(0.7 * X), 1e-9).all()


@pytest.mark.parametrize("group", DIMENSIONS, ids=str)
def test_strangers_are_recognized(group):
    generic = torch.randn(group.dimension, group.dimension, generator=seeded(), dtype=torch.float64)
    assert not group.contains(generic)
    assert not group.contains(torch.full_like(generic, float("nan")))


def test_what_is_compact():
    assert all(group.compact for group in (SO(4), O(5), SU2(), U1(), Cyclic(3), SO3() * Symmetric(3)))
    assert not any(group.compact for group in (SL(2), Sp(2), Lorentz(), Scaling(2), SE3(), SO3() * Scaling(1)))


def test_lorentz_transformations_keep_the_light_cone():
    g = Lorentz().sample(32, generator=seeded())
    eta = Lorentz().metric
    assert (g.mT @ eta @ g - eta).abs().max() < 1e-12
    assert (g[:, 0, 0] >= 1).all()
    assert 1.2 < float(g[:, 0, 0].max()) < 30  # boosts that move, and do not drown float32
    reversals = FullLorentz().discrete_generators
    assert not Lorentz().contains(reversals).any()
    kinds = {(bool(torch.linalg.det(h) > 0), bool(h[0, 0] > 0)) for h in FullLorentz().sample(64, generator=seeded())}
    assert len(kinds) == 4


def test_lorentz_words():
    boost = torch.matrix_exp(torch.atanh(torch.tensor(0.6, dtype=torch.float64)) * Lorentz().lie_algebra[0])
    turn = torch.matrix_exp(1.0 * Lorentz().lie_algebra[5])
    assert Lorentz().describe(boost) == "boost to 0.600 c"
    assert Lorentz().describe(boost @ turn) == "boost to 0.600 c x rotation 57.3 deg about (0.00, 0.00, 1.00)"
    assert Lorentz().describe(Lorentz().identity) == "identity"
    assert FullLorentz().describe(-FullLorentz().metric) == "time reversal"
    assert FullLorentz().describe(FullLorentz().metric) == "inversion"


def test_symplectic_matrices_keep_areas_of_phase_space():
    g = Sp(4).sample(8, generator=seeded())
    assert (g.mT @ Sp(4).form @ g - Sp(4).form).abs().max() < 1e-10
    with pytest.raises(ValueError, match="even number n >= 2, got 3"):
        Sp(3)


def test_the_double_cover():
    cover, group = DoubleCover(), SU2()
    p, q = group.sample(8, generator=seeded(1)), group.sample(8, generator=seeded(2))
    assert torch.allclose(cover(p @ q), cover(p) @ cover(q), atol=1e-14)
    assert SO3().contains(cover(p), 1e-14).all()
    assert torch.allclose(cover(p), cover(-p))
    X = group.hat(torch.randn(5, 3, generator=seeded(), dtype=torch.float64))
    assert torch.allclose(SO3().exp(cover.derivative(X)), cover(group.exp(X)), atol=1e-13)
    v = torch.tensor([0.0, 1.0, 2.0, 3.0], dtype=torch.float64)
    conjugate = p[0] @ (group.inverse(p[0]).mT.mT @ torch.eye(4, dtype=torch.float64))
    assert torch.allclose(conjugate, torch.eye(4, dtype=torch.float64), atol=1e-14)
    turned = p[0] @ torch.tensor([0, *v[1:]]).double()  # q v, then (q v) q^-1 by hand
    a, b = turned, group.inverse(p[0])[:, 0]
    product = [
        a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2],
        a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1],
        a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0],
    ]
    assert torch.allclose(cover(p[0]) @ v[1:], torch.stack(product), atol=1e-13)
    R = SO3().sample(8, generator=seeded())
    assert torch.allclose(cover(group.lift(R)), R, atol=1e-13)
    assert MatrixGroup(group.lift(Icosahedral().discrete_generators)).order == 120  # the binary icosahedral group


def test_motions_of_space():
    G = SE3()
    g, h = G.sample(8, generator=seeded(1)), G.sample(8, generator=seeded(2))
    x = torch.randn(8, 3, generator=seeded(), dtype=torch.float64)
    assert torch.allclose(G.apply(g @ h, x), G.apply(g, G.apply(h, x)), atol=1e-13)
    a, R = G.translation_part(g), G.linear_part(g)
    b, S = G.translation_part(h), G.linear_part(h)
    assert torch.allclose(g @ h, G.element(R @ S, a + (R @ b[..., None])[..., 0]), atol=1e-13)
    assert torch.allclose(G.inverse(g) @ g, G.identity.expand_as(g), atol=1e-13)
    assert not G.contains(E3().discrete_generators).any()
    T = Translations(3)
    assert torch.equal(T.element(x[0]) @ T.element(x[1]), T.element(x[0] + x[1]))
    assert SE2().name == "SE(2)"
    assert E2().describe(E2().identity) == "identity"
    assert AffineGroup(Octahedral()).contains(AffineGroup(Octahedral()).sample(4, generator=seeded())).all()


def test_products():
    G = DirectProduct(SO3(), Symmetric(3))
    a, p = SO3().sample(4, generator=seeded()), Symmetric(3).sample(4, generator=seeded())
    g = G.element(a, p)
    assert torch.equal(G.factors(g)[0], a)
    assert torch.equal(G.factors(g)[1], p)
    assert G.describe(G.identity) == "(identity, identity)"
    N, H = Cyclic(5), MatrixGroup([[[1, 0], [0, -1]]])
    S = SemidirectProduct(N, H)
    n, m = N.elements[1], N.elements[3]
    h = H.elements[1]
    left = S.element(n, h) @ S.element(m, H.identity)
    assert torch.allclose(left, S.element(n @ h @ m @ H.inverse(h), h), atol=1e-14)
    triple = [S.sample(8, generator=seeded(seed)) for seed in range(3)]
    assert ((triple[0] @ triple[1]) @ triple[2] - triple[0] @ (triple[1] @ triple[2])).abs().max() <= 1e-12
    assert torch.allclose(S.element(*S.factors(triple[0])), triple[0], atol=1e-14)
    infinite = SemidirectProduct(SO2(), H)  # O(2), in larger matrices
    assert infinite.order is None
    assert infinite.compact
    assert infinite.contains(infinite.sample(4, generator=seeded())).all()
    with pytest.raises(ValueError, match="does not normalize"):
        SemidirectProduct(H, Cyclic(5))
    with pytest.raises(ValueError, match="matrices of one size"):
        SemidirectProduct(Cyclic(5), Octahedral())


def test_stabilizers_of_directions():
    x = torch.tensor([1.0, 2.0, 2.0], dtype=torch.float64)
    about = SO3().stabilizer(x)
    assert len(about.lie_algebra) == 1
    assert torch.allclose(about.sample(4, generator=seeded()) @ x, x.expand(4, 3), atol=1e-12)
    mirrored = O(3).stabilizer(x)
    assert len(mirrored.discrete_generators) == 1
    assert torch.linalg.det(mirrored.discrete_generators[0]) == pytest.approx(-1)
    assert torch.allclose(mirrored.sample(4, generator=seeded()) @ x, x.expand(4, 3), atol=1e-12)
    assert len(O(4).stabilizer(torch.ones(4)).lie_algebra) == 3
    assert len(Lorentz().stabilizer(torch.tensor([1.0, 0, 0, 0])).lie_algebra) == 3  # Wigner's little groups
    assert len(Lorentz().stabilizer(torch.tensor([1.0, 0, 0, 1.0])).lie_algebra) == 3
    assert SO(2).stabilizer(torch.ones(2)).order == 1
    with pytest.raises(ValueError, match="components of"):
        FullLorentz().stabilizer(torch.ones(4))
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        SO3().stabilizer(torch.ones(4))


@pytest.mark.parametrize("group", [SO(4), O(5), SU2(), MatrixGroup(algebra=SO3().lie_algebra)], ids=str)
def test_haar_moments(group):
    """The mean of |Tr g|^2 counts the endomorphisms, that of g vanishes."""
    g = group.sample(4_000, generator=seeded())
    squares = g.diagonal(dim1=-2, dim2=-1).sum(-1).square()
    expected = 4 if group == SU2() else 1
    assert abs(float(squares.mean()) - expected) < 3.5 * float(squares.std()) / 4_000**0.5
    assert g.mean(0).abs().max() < 5 / 4_000**0.5


def test_the_walk_on_a_compact_group_reaches_all_components():
    group = MatrixGroup(generators=[[[1, 0], [0, -1]]], algebra=SO2().lie_algebra)
    assert group.compact
    g = group.sample(4000, generator=seeded())
    assert abs(float(torch.linalg.det(g).sign().mean())) < 3 / 4000**0.5


def test_errors_of_use():
    with pytest.raises(ValueError, match="generators of one size"):
        MatrixGroup()
    with pytest.raises(ValueError, match="2 x 2 and 3 x 3"):
        MatrixGroup(generators=torch.eye(2)[None], algebra=SO3().lie_algebra)
    with pytest.raises(ValueError, match=r"generators are \(k, n, n\) matrices, got shape \(2, 2\)"):
        MatrixGroup(torch.eye(2))
    with pytest.raises(ValueError, match="generator 0 is singular"):
        MatrixGroup(torch.zeros(1, 2, 2), algebra=torch.zeros(1, 2, 2) + torch.eye(2))
    with pytest.raises(ValueError, match="not linearly independent"):
        MatrixGroup(algebra=torch.stack([torch.eye(2), 2 * torch.eye(2)]))
    with pytest.raises(ValueError, match="the commutator of matrices 0 and 1 is not in its span"):
        MatrixGroup(algebra=SO3().lie_algebra[:2])
    with pytest.raises(ValueError, match="cannot be told from its generators"):
        MatrixGroup(algebra=SO3().lie_algebra).contains(torch.eye(3))
    with pytest.raises(ValueError, match="whole number n >= 1"):
        SL(0)


def test_a_reversal_of_time_and_space_is_no_proper_lorentz_transformation():
    """-1 keeps the metric and has determinant 1: only the arrow of time tells it from SO+(1,3)."""
    G, full = Lorentz(), FullLorentz()
    g = G.sample(5, generator=torch.Generator().manual_seed(0))
    for reversal in (-G.identity, G.metric, -G.metric):
        assert not bool(G.contains(reversal @ g).any())
        assert bool(full.contains(reversal @ g).all())
    assert bool(G.contains(g).all())


def test_the_generators_of_the_full_lorentz_group_reach_its_four_components():
    space, time = FullLorentz().discrete_generators
    components = {
        (bool(torch.linalg.det(g) > 0), bool(g[0, 0] > 0)) for g in (space, time, space @ time, space @ space)
    }
    assert components == {(True, True), (True, False), (False, True), (False, False)}
    assert float(space[0, 0]) == 1
    assert float(time[0, 0]) == -1


def test_generators_are_refused_by_their_size_only():
    assert Sp(50).lie_algebra.shape == (1275, 50, 50)
    with pytest.raises(UsageError, match="the generators of"):
        _ = Sp(200).lie_algebra
