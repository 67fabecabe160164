"""The space of maps that commute: two ways to find it, one dimension, the one that characters give."""

from itertools import islice

import pytest
import torch

from intertwine.groups import O2, O3, SO2, SO3, Cyclic, Dihedral
from intertwine.hom import hom_dimension, intertwiners
from intertwine.hom._null_space import null_space
from intertwine.hom._schur import schur


def pairs():
    for group in (SO2(), O2(), SO3(), O3(), *map(Cyclic, (1, 2, 3, 6)), *map(Dihedral, (1, 2, 3, 4))):
        V, last = group.vector, list(islice(group.irreps(), 4))[-1]
        yield V, V
        yield V * V, V
        yield 2 * V + last + group.trivial, V * last + V
        yield V + V * V, V + V * V
        if group.order:
            yield group.regular, group.regular
            yield group.regular + V, V * V


def gram(basis):
    return basis.flatten(1) @ basis.flatten(1).T


def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(("rep_in", "rep_out"), list(pairs()), ids=str)
def test_schur_and_null_space_agree(rep_in, rep_out):
    a, b = schur(rep_in, rep_out), null_space(rep_in, rep_out)
    assert a.shape == b.shape == (hom_dimension(rep_in, rep_out), rep_out.dim, rep_in.dim)
    one = torch.eye(len(a), dtype=torch.float64)
    assert torch.allclose(gram(a), one, atol=1e-12)
    assert torch.allclose(gram(b), one, atol=1e-12)
    for other in (b, intertwiners(rep_in, rep_out)):
        overlap = a.flatten(1) @ other.flatten(1).T
        assert torch.allclose(overlap @ overlap.T, one, atol=1e-10)  # the same span


@pytest.mark.parametrize(("rep_in", "rep_out"), list(pairs()), ids=str)
def test_the_maps_commute(rep_in, rep_out):
    g = rep_in.group.sample(8, generator=generator())
    for basis in (schur(rep_in, rep_out), null_space(rep_in, rep_out)):
        left = rep_out.matrix(g)[:, None] @ basis
        right = basis @ rep_in.matrix(g)[:, None]
        assert torch.allclose(left, right, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("rep_in", "rep_out"), list(pairs()), ids=str)
def test_the_dimension_is_the_inner_product_of_characters(rep_in, rep_out):
    group = rep_in.group
    if group.order:
        g = group.elements
        exact = float((rep_in.character(g) * rep_out.character(g)).mean())
        assert hom_dimension(rep_in, rep_out) == pytest.approx(exact, abs=1e-9)
    else:
        g = group.sample(20_000, generator=generator())
        products = rep_in.character(g) * rep_out.character(g)
        error = max(float(products.std()), 1e-9) / len(g) ** 0.5
        assert abs(float(products.mean()) - hom_dimension(rep_in, rep_out)) < 3.5 * error


def test_a_random_map_does_not_commute():
    V = SO3().vector
    g = SO3().sample(8, generator=generator())
    W = torch.randn(3, 9, generator=generator(), dtype=torch.float64)
    assert (V.matrix(g) @ W - W @ (V * V).matrix(g)).abs().max() > 0.1


def test_golden_dimensions():
    assert len(intertwiners(SO2().vector, SO2().vector)) == 2
    assert len(intertwiners(O2().vector, O2().vector)) == 1
    assert len(intertwiners(SO3().vector, SO3().vector)) == 1
    assert len(intertwiners(O3().vector ** 2, O3().vector)) == 0
    assert len(intertwiners(SO3().vector ** 2, SO3().vector ** 2)) == 3
    assert hom_dimension(O3().rep("8x0e + 4x1o"), O3().rep("8x0e + 2x1o + 1x2e")) == 72


def test_the_complex_numbers():
    B = intertwiners(SO2().vector, SO2().vector) * 2**0.5
    assert torch.allclose(B, torch.tensor([[[1, 0], [0, 1]], [[0, -1], [1, 0]]], dtype=torch.float64), atol=1e-14)


def test_the_cross_product_is_the_only_bilinear_map_of_vectors():
    (B,) = intertwiners(SO3().vector ** 2, SO3().vector)
    a, b = torch.randn(2, 3, generator=generator(), dtype=torch.float64)
    product, cross = B @ torch.kron(a, b), torch.linalg.cross(a, b)
    assert torch.allclose(product, (product @ cross) / (cross @ cross) * cross, atol=1e-14)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_maps_of_the_cyclic_regular_rep_are_circulant(n):
    regular = Cyclic(n).regular
    B = intertwiners(regular, regular)
    assert len(B) == n
    shift = regular.matrix(Cyclic(n).elements[1 % n])
    circulant = torch.stack([torch.linalg.matrix_power(shift, k) for k in range(n)]) / n**0.5
    overlap = B.flatten(1) @ circulant.flatten(1).T
    assert torch.allclose(overlap @ overlap.T, torch.eye(n, dtype=torch.float64), atol=1e-12)


@pytest.mark.parametrize(
    ("group", "dimensions"),
    [(SO3(), [1, 0, 1, 1, 3, 6]), (O3(), [1, 0, 1, 0, 3, 0]), (SO2(), [1, 0, 2, 0, 6]), (O2(), [1, 0, 1, 0, 3])],
    ids=str,
)
def test_invariants_of_tensor_powers_by_constraints_alone(group, dimensions):
    for power, dimension in enumerate(dimensions):
        assert len(null_space(group.trivial, group.vector**power)) == dimension


def test_the_basis_is_the_same_however_it_is_asked_for():
    """Weights live in this basis: it may not depend on the machine, the cache or the order of questions."""
    V = SO2().vector
    first = null_space(V**2, V**2)
    assert torch.equal(first, null_space(V**2, V**2))
    leading = [int((row.abs() > 1e-8).nonzero()[0]) for row in first.flatten(1)]
    assert leading == sorted(set(leading))


def test_empty_reps_have_no_maps():
    G = O3()
    assert intertwiners(G.rep(""), G.vector).shape == (0, 3, 0)
    assert null_space(G.vector, G.rep("")).shape == (0, 0, 3)
    assert intertwiners(G.trivial, G.vector).shape == (0, 3, 1)


def test_errors_of_use():
    with pytest.raises(ValueError, match=r"different groups: O\(3\) and SO\(3\)"):
        intertwiners(O3().vector, SO3().vector)
    with pytest.raises(ValueError, match="different groups"):
        hom_dimension(O3().vector, SO3().vector)
    large = O3().rep("256x0e + 128x1o")
    assert hom_dimension(large, large) == 256**2 + 128**2
    with pytest.raises(ValueError, match=r"dense basis of .* would have"):
        intertwiners(large, large)
