"""Shapes, sizes and scales at their limits: the last that is accepted, and what is said of the first that is not."""

import math

import pytest
import torch
from scipy.linalg import logm

from intertwine.groups import (
    E3,
    O2,
    O3,
    SE3,
    SL,
    SO,
    SO2,
    SO3,
    SU2,
    AffineGroup,
    Alternating,
    Cyclic,
    Dihedral,
    DirectProduct,
    DoubleCover,
    Embedding,
    FullLorentz,
    Inclusion,
    LinearPart,
    Lorentz,
    MatrixGroup,
    O,
    Octahedral,
    Scaling,
    SemidirectProduct,
    Sp,
    Symmetric,
    Tetrahedral,
    Translations,
    left_projection,
    right_projection,
)
from intertwine.groups._closure import list_elements
from intertwine.groups._finite import LARGEST, check_listable

FLIP = MatrixGroup([[[1, 0], [0, -1]]])
GROUPS = [
    SO2(), O2(), SO3(), O3(), SO(4), O(5), SU2(), SL(2), Sp(2), Scaling(2), Lorentz(), FullLorentz(), Translations(3),
    SE3(), E3(), AffineGroup(Octahedral()), Octahedral(), Cyclic(5), Dihedral(3), Symmetric(4), Alternating(4),
    DirectProduct(SO3(), Symmetric(3)), Cyclic(2) * Cyclic(3), SemidirectProduct(Cyclic(5), FLIP), FLIP,
]  # fmt: skip


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_matrices_of_another_size_are_refused_by_every_method(group):
    n = group.dimension
    methods = [group.contains, group.describe, group.exp, group.log]
    methods += [group.coordinates] if len(group.lie_algebra) else []
    methods += [group.index] if group.order else []
    methods += [group.linear_part, group.translation_part] if isinstance(group, AffineGroup) else []
    methods += [group.factors] if isinstance(group, DirectProduct | SemidirectProduct) else []
    methods += [group.images] if isinstance(group, Symmetric | Alternating) else []
    for size in ((n + 1, n + 1), (n, n + 1), (n + 1, n)):
        for method in methods:
            with pytest.raises(ValueError, match=rf"\(\.\.\., {n}, {n}\) matrices, got shape \({size[0]}, {size[1]}\)"):
                method(torch.ones(size, dtype=torch.float64))


@pytest.mark.parametrize(
    "f",
    [
        Inclusion(Tetrahedral(), Octahedral()),
        Embedding(SO2(), SO3(), torch.eye(3)[:, :2]),
        left_projection(DirectProduct(SO3(), SO2())),
        right_projection(DirectProduct(SO3(), SO2())),
        LinearPart(SE3()),
        DoubleCover(),
    ],
    ids=lambda f: type(f).__name__,
)
def test_homomorphisms_multiply_and_refuse_other_sizes(f):
    g, h = f.source.sample(5, generator=seeded(1)), f.source.sample(5, generator=seeded(2))
    assert torch.allclose(f(g @ h), f(g) @ f(h), atol=1e-12)
    assert bool(f.target.contains(f(g)).all())
    X = f.source.hat(torch.randn(4, len(f.source.lie_algebra), generator=seeded(), dtype=torch.float64))
    assert torch.allclose(f.target.exp(f.derivative(X)), f(f.source.exp(X)), atol=1e-12)
    assert f(f.source.identity.float()).dtype == torch.float32
    n = f.source.dimension
    for method in (f, f.derivative):
        with pytest.raises(ValueError, match=rf"\(\.\.\., {n}, {n}\) matrices, got shape"):
            method(torch.eye(n + 1))


def test_an_embedding_fixes_what_is_normal_to_its_frame():
    frame = torch.tensor([[0.0, 0.6], [1.0, 0.0], [0.0, 0.8]], dtype=torch.float64)
    f = Embedding(SO2(), SO3(), frame)
    normal = torch.tensor([-0.8, 0.0, 0.6], dtype=torch.float64)
    g = SO2().sample(4, generator=seeded())
    assert torch.allclose(f(g) @ normal, normal.expand(4, 3), atol=1e-15)
    assert torch.allclose(frame.T @ f(g) @ frame, g, atol=1e-15)
    assert torch.equal(f.derivative(torch.zeros(2, 2)), torch.zeros(3, 3))
    with pytest.raises(ValueError, match=r"frame of SO\(2\) in SO\(3\) is \(3, 2\), got \(2, 3\)"):
        Embedding(SO2(), SO3(), frame.T)
    with pytest.raises(ValueError, match="columns of a frame are orthonormal"):
        Embedding(SO2(), SO3(), 1.001 * frame)
    with pytest.raises(ValueError, match=r"O\(2\) is not a subgroup of SO\(3\)"):
        Embedding(O2(), SO3(), frame)
    with pytest.raises(ValueError, match=r"matrices of size 2, SO\(3\) of size 3: say how it lies in there"):
        Inclusion(SO2(), SO3())
    with pytest.raises(ValueError, match="O is not a subgroup of T"):
        Inclusion(Octahedral(), Tetrahedral())
    with pytest.raises(ValueError, match=r"is not a subgroup of SO\(2\)"):
        Inclusion(SL(2), SO2())


def test_lists_of_elements_end_at_the_largest():
    check_listable("G", LARGEST)
    with pytest.raises(ValueError, match=f"G has {LARGEST + 1} elements, of which at most {LARGEST} are listed"):
        check_listable("G", LARGEST + 1)
    with pytest.raises(ValueError, match=r"has 999999999 elements"):
        check_listable("G", 10**9 - 1)
    with pytest.raises(ValueError, match=r"has 1\.0e\+09 elements"):
        check_listable("G", 10**9)
    for group in (Cyclic(LARGEST + 1), Dihedral(LARGEST + 1), Symmetric(9), Alternating(10), Cyclic(250) * Cyclic(201)):
        with pytest.raises(ValueError, match=f"of which at most {LARGEST} are listed"):
            _ = group.elements
    with pytest.raises(ValueError, match="the multiplication table and the regular representation of C_20000 have"):
        _ = Cyclic(20_000).multiplication_table


@pytest.mark.parametrize("make", [SL, Scaling, Translations, Cyclic, Dihedral, Symmetric, Alternating])
def test_sizes_are_whole_numbers_from_one(make):
    assert make(1).contains(make(1).identity)
    for wrong in (0, -1, 1.0, True, "2"):
        with pytest.raises(ValueError, match="whole number n >= 1, got"):
            make(wrong)


def test_sizes_of_other_groups():
    assert Sp(2).dimension == 2
    for wrong in (0, 1, 3, 2.0):
        with pytest.raises(ValueError, match="even number n >= 2, got"):
            Sp(wrong)
    for make in (SO, O):
        for wrong in (1, 2.0):
            with pytest.raises(ValueError, match="whole number n >= 2, got"):
                make(wrong)
    for make in (SL, Scaling, Translations):
        with pytest.raises(ValueError, match="take a smaller group or representation"):
            make(20_000)


def deviation(values):
    return float(values.square().mean().sqrt())


def test_draws_of_groups_that_are_not_compact_have_the_stated_scale():
    """Root mean squares of 4,000 draws, within four standard errors (1.2 %, more for entries that depend)."""
    count = 4000
    log = Scaling(3).sample(count, generator=seeded())[:, 0, 0].log()
    assert deviation(log) == pytest.approx(0.5, rel=0.05)
    for group in (Translations(3), SE3()):
        assert deviation(group.sample(count, generator=seeded())[:, :3, 3]) == pytest.approx(1.0, rel=0.05)
    boosted = Lorentz().sample(count, generator=seeded())[:, 0, 0]  # cosh of the rapidity
    assert deviation(torch.acosh(boosted.clamp_min(1))) == pytest.approx(0.5 * 3**0.5, rel=0.05)
    g = SL(2).sample(count, generator=seeded())  # the singular values are exp(+-s), s^2 the mean of squares below
    stretch = torch.linalg.svdvals(g)[:, 0].log()
    # The symmetric part of a normal matrix without its trace: (a - d)^2 / 4 + ((b + c) / 2)^2, variance 1/4 an entry.
    assert deviation(stretch) == pytest.approx((0.25 * 2 / 4 + 0.25 / 2) ** 0.5, rel=0.05)
    assert torch.linalg.det(g).sub(1).abs().max() < 1e-12
    drawn = Sp(2).sample(count, generator=seeded())
    assert 0.8 < float(torch.linalg.svdvals(drawn)[:, 0].log().square().mean().sqrt()) < 1.3
    assert SL(1).sample(3).tolist() == [[[1.0]]] * 3


def test_draws_of_permutations_of_no_size_and_none():
    for group in (Symmetric(3), Alternating(3), Alternating(1)):
        assert group.sample(0).shape == (0, group.dimension, group.dimension)
    assert Alternating(2).sample(5).tolist() == [[[1, 0], [0, 1]]] * 5


@pytest.mark.parametrize("square", [1e-9, 5e-5, 9.9e-5, 1.01e-4, 1e-3])
def test_small_boosts_have_exact_logarithms(square):
    """On both sides of the change from the series to the closed form; sinh(rapidity / 2)^2 is given."""
    rapidity = 2 * math.asinh(square**0.5)
    for k in range(3):
        boost = torch.eye(4, dtype=torch.float64)
        boost[0, 0] = boost[k + 1, k + 1] = math.cosh(rapidity)
        boost[0, k + 1] = boost[k + 1, 0] = math.sinh(rapidity)
        assert torch.allclose(Lorentz().log(boost), rapidity * Lorentz().lie_algebra[k], atol=2e-15, rtol=0)


def test_the_spinor_logarithm_is_the_matrix_logarithm():
    g = Lorentz().sample(16, generator=seeded())
    expected = torch.stack([torch.from_numpy(logm(each.numpy()).real.copy()) for each in g])
    assert torch.allclose(Lorentz().log(g), expected, atol=1e-10)
    for reversal in FullLorentz().discrete_generators:
        with pytest.raises(ValueError, match="a reversal of time or of space has no logarithm"):
            FullLorentz().log(reversal)


def test_fast_boosts_in_words():
    rapid = torch.linalg.matrix_exp(3.0 * Lorentz().lie_algebra[1])
    assert Lorentz().describe(rapid) == "boost to 0.995 c"
    assert Lorentz().describe(torch.linalg.matrix_exp(1e-7 * Lorentz().lie_algebra[1])) == "identity"
    turn = torch.linalg.matrix_exp(math.pi / 3 * Lorentz().lie_algebra[3])
    words = "time reversal x boost to 0.995 c x rotation 60.0 deg about (1.00, 0.00, 0.00)"
    assert FullLorentz().describe(-FullLorentz().metric @ rapid @ turn) == words


def test_rotations_of_four_dimensions_in_words():
    def planes(*degrees):
        X = torch.zeros(2 * len(degrees), 2 * len(degrees), dtype=torch.float64)
        for k, angle in enumerate(degrees):
            X[2 * k + 1, 2 * k], X[2 * k, 2 * k + 1] = math.radians(angle), -math.radians(angle)
        return torch.linalg.matrix_exp(X)

    mirror = torch.diag(torch.tensor([1.0, 1, 1, -1], dtype=torch.float64))
    assert SO(4).describe(planes(0, 0)) == "identity"
    assert SO(4).describe(planes(30, 75)) == "rotation 75.0, 30.0 deg"
    assert SO(4).describe(planes(180, 20)) == "rotation 180.0, 20.0 deg"
    assert O(4).describe(mirror) == "reflection"
    assert O(4).describe(planes(40, 0) @ mirror) == "reflection x rotation 40.0 deg"


def test_far_points_have_the_stabilizers_of_near_ones():
    for scale in (1e-3, 1.0, 1e9):
        x = scale * torch.tensor([1.0, 2.0, 2.0], dtype=torch.float64)
        about = SO3().stabilizer(x)
        assert len(about.lie_algebra) == 1
        assert float((about.lie_algebra @ x).abs().max()) < 1e-12 * scale


def test_closures_end_at_their_limits():
    steps = Cyclic(12).discrete_generators
    assert len(list_elements(steps, limit=12)) == 12
    assert list_elements(steps, limit=11) is None
    assert list_elements(torch.zeros(0, 2, 2)).tolist() == [[[1, 0], [0, 1]]]  # no generators: the identity
    first_by_length = list_elements(Cyclic(5).discrete_generators)
    assert torch.allclose(first_by_length, Cyclic(5).elements, atol=1e-12)
    large = torch.eye(3, dtype=torch.float64)[[1, 2, 0]]
    for factor, order in ((0.9e3, 3), (1.1e3, None)):  # entries of 0.8 and 1.2 million
        scaled = torch.diag(torch.tensor([1.0, factor, 1 / factor], dtype=torch.float64))
        found = list_elements((scaled @ large @ torch.linalg.inv(scaled))[None])
        assert (None if found is None else len(found)) == order
    close = torch.tensor([[[math.cos(3e-4), -math.sin(3e-4)], [math.sin(3e-4), math.cos(3e-4)]]])
    assert list_elements(close.double()) is None  # neither equal to the identity nor clearly another


def test_entries_of_the_planar_groups_are_those_of_the_circle():
    for n in (3, 7, 12, 360):
        angles = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
        expected = torch.stack([angles.cos(), -angles.sin(), angles.sin(), angles.cos()], -1).reshape(n, 2, 2)
        assert torch.allclose(Cyclic(n).elements, expected, atol=1e-14)
    assert Cyclic(12).elements[[3, 6, 9]].tolist() == [
        [[0.0, -1.0], [1.0, 0.0]],
        [[-1.0, 0.0], [0.0, -1.0]],
        [[0.0, 1.0], [-1.0, 0.0]],
    ]
