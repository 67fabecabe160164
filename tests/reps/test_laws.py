"""The laws of a representation, for all irreps and composites of all groups."""

import pytest
import torch

from intertwine.groups import O3, SO2, SO3, Alternating, Symmetric
from intertwine.reps import Irrep


def draw(rep, n, generator):
    return rep.group.sample(n, generator=generator)


def test_homomorphism(rep, generator):
    a, b = draw(rep, 16, generator), draw(rep, 16, generator)
    assert torch.allclose(rep.matrix(a @ b), rep.matrix(a) @ rep.matrix(b), rtol=0, atol=1e-12)
    one = torch.eye(rep.dim, dtype=torch.float64)
    assert torch.allclose(rep.matrix(rep.group.identity), one, rtol=0, atol=1e-14)


def test_shapes_and_dtypes(rep, generator):
    g = draw(rep, 6, generator).unflatten(0, (2, 3))
    assert rep.matrix(g).shape == (2, 3, rep.dim, rep.dim)
    assert rep.algebra(g).shape == (2, 3, rep.dim, rep.dim)
    assert rep.character(g).shape == (2, 3)
    assert rep.matrix(g.float()).dtype == torch.float32
    assert rep.character(g.float()).dtype == torch.float32
    assert torch.allclose(rep.matrix(g.float()).double(), rep.matrix(g), atol=1e-5)


def test_orthogonality(rep, generator):
    m = rep.matrix(draw(rep, 8, generator))
    assert rep.orthogonal
    assert torch.allclose(m @ m.mT, torch.eye(rep.dim, dtype=torch.float64).expand_as(m), atol=1e-12)
    assert rep.dual == rep


def test_character_is_the_trace(rep, generator):
    g = draw(rep, 8, generator)
    assert torch.allclose(rep.character(g), rep.matrix(g).diagonal(dim1=-2, dim2=-1).sum(-1), atol=1e-12)


def test_algebra_is_the_derivative_and_exponentiates(rep, generator):
    basis = rep.group.lie_algebra
    coordinates = torch.randn(4, len(basis), generator=generator, dtype=torch.float64)
    X = torch.einsum("sd,dij->sij", coordinates, basis) if len(basis) else torch.zeros_like(rep.group.sample(4))
    d_rho = rep.algebra(X)
    assert torch.allclose(torch.matrix_exp(d_rho), rep.matrix(torch.matrix_exp(X)), atol=1e-10)
    if len(basis) and rep.dim:
        _, derivative = torch.func.jvp(rep.matrix, (rep.group.identity,), (X[0],))
        assert torch.allclose(derivative, d_rho[0], atol=1e-12)


def test_wrong_shapes_are_named(rep):
    for function in (rep.matrix, rep.algebra, rep.character):
        with pytest.raises(ValueError, match="matrices, got shape"):
            function(torch.eye(rep.group.dimension + 1))


def test_irreps_are_irreducible(any_group, generator):
    """The stated endomorphisms commute, and for finite groups characters count no others."""
    for irrep in [irrep for _, irrep in zip(range(6), any_group.irreps(), strict=False)]:
        assert isinstance(irrep, Irrep)
        E = irrep.endomorphisms
        assert len(E) == {"real": 1, "complex": 2, "quaternionic": 4}[irrep.kind]
        assert torch.equal(E[0], torch.eye(irrep.dim, dtype=torch.float64))
        assert torch.allclose(E @ E.mT, E[:1].expand_as(E), atol=1e-13)
        gram = torch.einsum("aij,bij->ab", E, E)
        assert torch.allclose(gram, irrep.dim * torch.eye(len(E), dtype=torch.float64), atol=1e-13)
        m = irrep.matrix(any_group.sample(8, generator=generator))
        assert torch.allclose(m[:, None] @ E, E @ m[:, None], atol=1e-13)
        if any_group.order:  # <chi, chi> counts real endomorphisms, exactly
            assert irrep.character(any_group.elements).square().mean() == pytest.approx(len(E), abs=1e-12)


def test_finite_groups_have_all_their_irreps(any_group):
    if any_group.order:
        assert sum(irrep.dim**2 // len(irrep.endomorphisms) for irrep in any_group.irreps()) == any_group.order


def test_the_vector_rep_is_the_group_itself(any_group, generator):
    g = any_group.sample(5, generator=generator)
    assert torch.equal(any_group.vector.matrix(g), g)
    assert any_group.vector.irreps is not None or isinstance(any_group, Symmetric | Alternating)


def test_composites_are_what_they_say(generator):
    G = O3()
    g, V, D = G.sample(generator=generator), G.vector, G.irrep("2e")
    assert torch.equal((V * D).matrix(g), torch.kron(g, D.matrix(g)))
    assert torch.equal((V * D * V).matrix(g), torch.kron(torch.kron(g, D.matrix(g)), g))
    assert torch.equal((2 * D + V).matrix(g), torch.block_diag(D.matrix(g), D.matrix(g), g))


def test_the_regular_rep_permutes_by_left_multiplication(any_group):
    if not any_group.order:
        return
    g, h = any_group.elements[-1], any_group.elements
    moved = any_group.regular.matrix(g)
    for i in range(any_group.order):
        column = moved[:, i]
        assert column.sum() == 1
        assert torch.allclose(h[column.argmax()], g @ h[i], atol=1e-12)


def test_character_of_a_rotation():
    angle = torch.linspace(0.1, 3, 7, dtype=torch.float64)
    g = torch.matrix_exp(angle[:, None, None] * SO3().lie_algebra[1])
    for degree in range(8):
        expected = ((degree + 0.5) * angle).sin() / (angle / 2).sin()
        assert torch.allclose(SO3().irrep(degree).character(g), expected, atol=1e-12)


def test_the_sign_of_a_frequency():
    quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    assert torch.equal(SO2().irrep(3).matrix(quarter), quarter.T)
    assert torch.equal(SO2().irrep(4).matrix(quarter), torch.eye(2))


def test_inversion_acts_by_the_parity():
    for label, sign in [("0e", 1), ("0o", -1), ("1o", -1), ("1e", 1), ("3e", 1), ("4o", -1)]:
        irrep = O3().irrep(label)
        assert irrep.parity == sign
        assert torch.allclose(irrep.matrix(-torch.eye(3)), sign * torch.eye(irrep.dim), atol=1e-6)


def test_matrices_are_differentiable_along_the_group():
    rep = O3().rep("2x0e + 1x0o + 1x1o + 1x1e + 1x4e")

    def turned(coordinates):
        return rep.matrix(-torch.matrix_exp(torch.einsum("d,dij->ij", coordinates, SO3().lie_algebra)))

    assert torch.autograd.gradcheck(turned, torch.tensor([0.3, -0.2, 0.9], dtype=torch.float64, requires_grad=True))
