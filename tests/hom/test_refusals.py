"""What kernels, representations by matrices, and questions refuse, and the limits of counting."""

import pytest
import torch

from intertwine.groups import O2, SO2, SO3, Cyclic, MatrixGroup, Symmetric
from intertwine.hom import character_count, generator_rep, intertwiners, parse_hom, steerable_kernel

G = SO3()
Z = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)


def test_kernels_refuse_points_and_reps_that_do_not_fit():
    with pytest.raises(ValueError, match=r"a kernel of SO\(3\) needs reps of it, got .* of SO\(2\)"):
        steerable_kernel(G, Z, G.vector, SO2().vector)
    with pytest.raises(ValueError, match=r"has shape \(3,\), got \(2,\)"):
        steerable_kernel(G, Z[:2], G.vector, G.vector)
    for bad in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="a point has finite coordinates"):
            steerable_kernel(G, torch.tensor([0.0, bad, 1.0]), G.vector, G.vector)
    kernel = steerable_kernel(G, Z, G.vector, G.trivial)
    with pytest.raises(ValueError, match=r"have shape \(\.\.\., 3\), got \(4, 2\)"):
        kernel(torch.zeros(4, 2))
    assert kernel(torch.zeros(4, 3)).abs().max() == 0


def test_kernels_refuse_points_of_another_orbit():
    corners = Cyclic(4)
    kernel = steerable_kernel(corners, torch.tensor([1.0, 0.0]), corners.regular, corners.trivial)
    points = torch.tensor([[0.0, 1.0], [-1.0, 0.0], [2.0, 0.0], [0.7, 0.7]], dtype=torch.float64)
    assert kernel(points[:2]).isfinite().all()
    with pytest.raises(ValueError, match=r"1 of 2 points are not on the orbit of \(1, 0\) under C_4"):
        kernel(points[2:])


def test_an_orbit_without_end_is_refused(monkeypatch):
    """A turn by an angle that is no part of a whole turn: its orbit is infinite, its group is not listed."""
    monkeypatch.setattr("intertwine.hom._orbits._LONGEST_ORBIT", 50)
    turn = MatrixGroup([[[0.6, -0.8], [0.8, 0.6]]])
    with pytest.raises(ValueError, match=r"the orbit of this point under .* has more than 50 points"):
        _ = steerable_kernel(turn, torch.tensor([1.0, 0.0]), turn.vector, turn.vector)(torch.tensor([[1.0, 0.0]]))


def test_images_of_generators_have_one_size():
    with pytest.raises(ValueError, match=r"the matrices of a representation have one size, got \[1, 2\]"):
        generator_rep(O2(), "mixed", algebra=[[[0.0]]], generators=[[[1.0, 0.0], [0.0, 1.0]]])
    with pytest.raises(ValueError, match="C_4 has 1 generators, so a representation needs as many matrices, got 2"):
        generator_rep(Cyclic(4), "two", generators=[[[1.0]], [[1.0]]])
    with pytest.raises(ValueError, match=r"O\(2\) has 1 elements in its algebra"):
        generator_rep(O2(), "none", generators=[[[1.0]]])
    with pytest.raises(ValueError, match="the image of generator 0 is singular"):
        generator_rep(Cyclic(4), "zero", generators=[[[0.0]]])
    with pytest.raises(ValueError, match=r"not a representation of C_4: two products .* are not \(by 1\.7\)"):
        generator_rep(Cyclic(4), "cube", generators=[[[-0.5, -(0.75**0.5)], [0.75**0.5, -0.5]]])


def test_products_of_many_groups_are_refused():
    with pytest.raises(ValueError, match=r"expected at most 4 groups in a product, got 5"):
        parse_hom(" x ".join(["C2"] * 5) + ": V1 -> V1")
    assert parse_hom(" x ".join(["C2"] * 4) + ": V1 x V4 -> V2 x V3").rep_in.dim == 4


def test_representations_of_different_groups_are_not_counted():
    for function in (character_count, intertwiners):
        with pytest.raises(ValueError, match="different groups"):
            function(SO3().vector, O2().vector)


def test_counts_of_permutations_end_at_the_largest_that_is_listed():
    """Up to 32 things by cycle types; beyond, by orbits, as long as the maps have few entries."""
    for n in (32, 33):
        V = Symmetric(n).vector
        count = character_count(V, V * V)
        assert count.dimension == 5  # partitions of three indices
        assert count.method == ("characters" if n == 32 else "orbits")
    V = Symmetric(33).vector
    assert character_count(V * V, V * V * V) is None  # 39 million entries


def test_sums_are_counted_with_their_copies():
    one, V = G.trivial, G.vector
    assert character_count(3 * V + 2 * one, 4 * V + 5 * one).dimension == 3 * 4 + 2 * 5
    assert character_count(3 * (V * V), 2 * (V * V)).dimension == 3 * 2 * 3
    C = Cyclic(3)
    assert character_count(2 * C.regular, 3 * C.regular).dimension == 2 * 3 * 3
    assert intertwiners(2 * C.regular, 3 * C.vector).shape[0] == 2 * 3 * 2
