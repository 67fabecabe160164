"""Steerable kernels: the constraint at random points, their number in closed form, and where they come from."""

import pytest
import torch

from intertwine.groups import (
    O2,
    O3,
    SO2,
    SO3,
    Cyclic,
    Dihedral,
    FullOctahedral,
    Icosahedral,
    MatrixGroup,
    Octahedral,
    Tetrahedral,
)
from intertwine.hom import steerable_kernel
from intertwine.nn import PixelBasis, RingBasis
from intertwine.nn.grid._angular import angular_dimension, angular_kernels, harmonic_rep, harmonics
from intertwine.nn.grid._kernels import pair_kernel
from intertwine.ops import kernel_points

ABOUT_Z = MatrixGroup(algebra=[[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]], title="SO(2) about z")
COMPACT = [
    (SO2(), (1, 2)),
    (O2(), (1, "0-")),
    (Cyclic(5), (1, 2)),
    (Dihedral(6), ("E1", "B2")),
    (SO3(), (1, 2)),
    (O3(), ("1o", "2o")),
    (Tetrahedral(), ("E", "T")),
    (Icosahedral(), ("T1", "H")),
]


@pytest.mark.parametrize(("group", "labels"), COMPACT, ids=lambda x: str(x) if not isinstance(x, tuple) else "")
def test_the_constraint_at_random_points(group, labels):
    """K(g x) = rho_out(g) K(x) rho_in(g)^-1, degree by degree."""
    rep_in, rep_out = (group.irrep(label) for label in labels)
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(20, group.dimension, generator=generator, dtype=torch.float64)
    elements = group.sample(20, generator=generator)
    moved = torch.einsum("gij,gj->gi", elements, points)
    for here, there in zip(
        angular_kernels(rep_in, rep_out, 4, points), angular_kernels(rep_in, rep_out, 4, moved), strict=True
    ):
        expected = torch.einsum(
            "xoa,kaix,xij->kojx", rep_out.matrix(elements), here, rep_in.matrix(group.inverse(elements))
        )
        torch.testing.assert_close(there, expected, rtol=0, atol=1e-10)


def test_a_continuous_group_that_moves_no_sphere():
    """Rotations about one axis of space have a stabilizer at no point but those of the axis: solved by degree."""
    vector = ABOUT_Z.vector
    generator = torch.Generator().manual_seed(1)
    points, g = torch.randn(6, 3, generator=generator, dtype=torch.float64), ABOUT_Z.sample(generator=generator)
    before, after = angular_kernels(vector, vector, 1, points), angular_kernels(vector, vector, 1, points @ g.T)
    for here, there in zip(before, after, strict=True):
        torch.testing.assert_close(there, torch.einsum("oa,kaix,ji->kojx", g, here, g), rtol=0, atol=1e-10)
    assert [len(kernels) for kernels in before] == [3, 7]


class TestNumbers:
    @pytest.mark.parametrize("pair", [(0, 0), (0, 3), (2, 0), (1, 1), (1, 3), (4, 2)])
    def test_of_the_plane(self, pair):
        """SO(2) has d_in d_out kernels on a ring; O(2) half of them, or one of one number."""
        rotations, reflections = (1, 1) if pair == (0, 0) else (2, 1) if 0 in pair else (4, 2)
        G, H = SO2(), O2()
        assert angular_dimension(G.irrep(pair[0]), G.irrep(pair[1]), 8) == rotations
        with_reflections = [H.irrep(m or "0+") for m in pair]
        assert angular_dimension(*with_reflections, 8) == reflections

    @pytest.mark.parametrize("pair", [(0, 0), (0, 2), (1, 1), (2, 1), (3, 4)])
    def test_of_space(self, pair):
        """SO(3) has 2 min(l_in, l_out) + 1; O(3) those J with parities p_in p_out = (-1)^J."""
        low, high = min(pair), max(pair)
        assert angular_dimension(SO3().irrep(pair[0]), SO3().irrep(pair[1]), 8) == 2 * low + 1
        for parity in "eo":
            even = parity == "e"
            degrees = [J for J in range(high - low, high + low + 1) if (J % 2 == 0) == even]
            dimension = angular_dimension(O3().irrep(f"{pair[0]}e"), O3().irrep(f"{pair[1]}{parity}"), 8)
            assert dimension == len(degrees)

    @pytest.mark.parametrize("group", [Cyclic(6), Dihedral(4), Tetrahedral(), Octahedral()], ids=str)
    def test_between_regular_representations(self, group):
        """|H| times the harmonics, for every degree."""
        for degree in range(3):
            harmonic = harmonic_rep(group, degree)
            lower = angular_dimension(group.regular, group.regular, degree - 1) if degree else 0
            assert angular_dimension(group.regular, group.regular, degree) - lower == group.order * harmonic.dim

    @pytest.mark.parametrize(
        ("group", "size", "count"), [(Cyclic(4), 3, 9), (Dihedral(4), 5, 25), (Octahedral(), 3, 27)], ids=str
    )
    def test_of_pixels(self, group, size, count):
        """k^2 |H|, k^3 |H|: that of the group convolution of Cohen and Welling."""
        assert len(PixelBasis().kernels(group.regular, group.regular, size)) == count * group.order
        assert pair_kernel(group.regular, group.regular, size, PixelBasis()).fan == count * group.order


def _rank_of(*bases):
    stacked = torch.cat([basis.flatten(1) for basis in bases])
    return int(torch.linalg.matrix_rank(stacked, rtol=1e-9))


@pytest.mark.parametrize(
    ("rep_in", "rep_out"),
    [(SO2().irrep(1), SO2().irrep(2)), (SO3().irrep(1), SO3().irrep(1)), (O3().irrep("1o"), O3().irrep("2e"))],
    ids=str,
)
def test_degrees_are_parts_of_the_kernel_from_the_stabilizer(rep_in, rep_out):
    """All degrees together span what the stabilizer of one point gives; each one is what its harmonics give."""
    group, points = rep_in.group, torch.randn(30, rep_in.group.dimension, dtype=torch.float64)
    parts = angular_kernels(rep_in, rep_out, 6, points)
    whole = steerable_kernel(group, points[0], rep_in, rep_out)(points).movedim(0, -1)
    assert _rank_of(*parts) == _rank_of(*parts, whole) == len(whole)
    for degree, part in enumerate(parts):
        waves = harmonics(degree, points)
        entries = part.flatten(0, 2)
        fitted = entries @ waves @ torch.linalg.inv(waves.mT @ waves) @ waves.mT
        torch.testing.assert_close(fitted, entries, rtol=0, atol=1e-9)


@pytest.mark.parametrize("basis", [PixelBasis(), RingBasis()], ids=["pixels", "rings"])
@pytest.mark.parametrize(
    "pair",
    [
        (Dihedral(4).regular, Dihedral(4).regular),
        (Dihedral(4).vector, Dihedral(4).regular),
        (Cyclic(4).regular, Cyclic(4).vector),
        (FullOctahedral().trivial, FullOctahedral().regular),
    ],
    ids=lambda pair: f"{pair[0].group}: {pair[0]} -> {pair[1]}",
)
def test_one_rotated_filter_spans_what_the_basis_does(pair, basis):
    """The fast kernels from and to regular fields beside the slow basis of all maps."""
    slow = basis.kernels(*pair, 3)
    fast = pair_kernel(*pair, 3, basis)
    size = fast.fan
    units = torch.eye(size, dtype=torch.float64).view(size, 1, *fast.weight_shape)
    rotated = fast.double()(units)[:, 0]
    assert rotated.shape[1:] == slow.shape[1:]
    assert size == len(slow) == _rank_of(slow) == _rank_of(slow, rotated) == _rank_of(rotated)


def test_rings():
    """The band limit grows with the radius; even kernels have rings between the pixels."""
    assert [limit for _, limit, _ in RingBasis().rings(7)] == [0, 2, 2, 3]
    assert RingBasis(0.6, 0.4, 2.0).rings(4) == [(0.5, 1, 0.6), (1.5, 3, 0.4)]
    with pytest.raises(ValueError, match="positive"):
        RingBasis(sigma=0)
    assert kernel_points(2, 3).abs().unique().tolist() == [0.5]


def test_pixels_need_a_group_of_the_grid():
    with pytest.raises(ValueError, match="RingBasis"):
        PixelBasis().kernels(Cyclic(8).trivial, Cyclic(8).trivial, 3)


def test_quotients_and_mixtures_have_the_dimension_of_characters():
    """The square: functions on the corners of D_4, a quotient by a reflection."""
    group = Dihedral(4)
    corners = group.quotient(group.stabilizer(torch.tensor([1.0, 1.0])))
    rep = corners + group.vector
    characters = rep.character(group.elements)
    place = torch.cdist(torch.einsum("gij,xj->gxi", group.elements, kernel_points(3, 2)), kernel_points(3, 2)[None])
    fixed = (place.argmin(-1) == torch.arange(9)).sum(-1)
    assert len(PixelBasis().kernels(rep, rep, 3)) == round(float((characters.square() * fixed).mean()))
