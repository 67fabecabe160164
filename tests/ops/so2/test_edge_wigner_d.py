"""Rotations to the edge: Wigner matrices, at the poles and at zero too, and derivatives that do not feel the roll."""

import pytest
import torch

from intertwine.groups import SO3
from intertwine.ops import edge_wigner_d, spherical_harmonics
from intertwine.reps import wigner_d

POLE = torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64)
SPECIAL = torch.tensor(
    [[0, 1, 0], [0, -1, 0], [1, 0, 0], [0, 0, -3], [1e-9, 1, 1e-9], [1e-9, -1, 0], [0, 0, 0], [1e-170, 0, 0]],
    dtype=torch.float64,
)


def directions(count: int = 20, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def commuting(matrix: torch.Tensor) -> torch.Tensor:
    """A matrix ``(2 l' + 1, 2 l + 1)`` projected on those that commute with the rotations about y."""
    l_out, l_in = (size // 2 for size in matrix.shape)
    result = torch.zeros_like(matrix)
    result[l_out, l_in] = matrix[l_out, l_in]
    for m in range(1, min(l_out, l_in) + 1):
        a = (matrix[l_out + m, l_in + m] + matrix[l_out - m, l_in - m]) / 2
        b = (matrix[l_out - m, l_in + m] - matrix[l_out + m, l_in - m]) / 2
        result[l_out + m, l_in + m] = result[l_out - m, l_in - m] = a
        result[l_out - m, l_in + m], result[l_out + m, l_in - m] = b, -b
    return result


@pytest.mark.parametrize("vectors", [directions(), SPECIAL], ids=["generic", "special"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_wigner_matrices_of_one_rotation_that_takes_the_pole_to_the_edge(vectors, dtype) -> None:
    matrices = edge_wigner_d(vectors.to(dtype), 9)
    rotation, tolerance = matrices[1].double(), 1e-13 if dtype == torch.float64 else 2e-6
    torch.testing.assert_close(
        rotation @ rotation.mT, torch.eye(3).double().expand_as(rotation), atol=tolerance, rtol=0
    )
    assert (torch.linalg.det(rotation) > 0).all()
    lengths = vectors.to(dtype).square().sum(1) > 0
    harmonics, pole = spherical_harmonics(9, vectors.to(dtype).double()), spherical_harmonics(9, POLE)
    for degree, d in enumerate(matrices):
        assert d.dtype == dtype
        torch.testing.assert_close(d.double(), wigner_d(degree, rotation), atol=5 * tolerance, rtol=0)
        here = slice(degree**2, (degree + 1) ** 2)
        turned = (d.double() @ pole[0, here])[lengths]
        torch.testing.assert_close(turned, harmonics[lengths][:, here], atol=25 * tolerance, rtol=0)


def test_the_identity_for_the_zero_vector() -> None:
    for degree, d in enumerate(edge_wigner_d(torch.zeros(1, 3), 4)):
        torch.testing.assert_close(d[0], torch.eye(2 * degree + 1), atol=1e-7, rtol=0)


def test_a_rotation_turns_it_but_for_a_roll() -> None:
    g, vectors = SO3().sample(8, generator=torch.Generator().manual_seed(1)), directions(8)
    before, after = edge_wigner_d(vectors, 3), edge_wigner_d((g @ vectors[:, :, None])[:, :, 0], 3)
    for degree in range(4):
        roll = after[degree].mT @ wigner_d(degree, g) @ before[degree]
        torch.testing.assert_close(torch.stack([commuting(part) for part in roll]), roll, atol=1e-12, rtol=0)


@pytest.mark.parametrize("vectors", [directions(3, 2), SPECIAL[:4]], ids=["generic", "special"])
def test_derivatives_of_what_does_not_feel_the_roll(vectors) -> None:
    generator = torch.Generator().manual_seed(3)
    outer = torch.randn(5, 7, dtype=torch.float64, generator=generator)
    inner = commuting(torch.randn(5, 7, dtype=torch.float64, generator=generator))

    def feels_no_roll(vectors: torch.Tensor) -> torch.Tensor:
        d = edge_wigner_d(vectors, 3)
        return (outer * (d[2] @ inner @ d[3].mT)).sum((1, 2))

    vectors = vectors.clone().requires_grad_()
    assert torch.autograd.gradcheck(feels_no_roll, vectors)
    assert torch.autograd.gradgradcheck(feels_no_roll, vectors)


def test_single_entries_do_feel_it() -> None:
    vectors = directions(3, 2).requires_grad_()
    assert not torch.autograd.gradcheck(lambda v: edge_wigner_d(v, 2)[2][:, 0, 0], vectors, raise_exception=False)


def test_no_gradient_where_there_is_no_direction() -> None:
    vectors = torch.zeros(2, 3, requires_grad=True)
    sum(d.square().sum() + d.sum() for d in edge_wigner_d(vectors, 3)).backward()
    assert (vectors.grad == 0).all()


def test_no_edges() -> None:
    assert [tuple(d.shape) for d in edge_wigner_d(torch.zeros(0, 3), 2)] == [(0, 1, 1), (0, 3, 3), (0, 5, 5)]


def test_the_operator_passes_torchs_own_examination() -> None:
    vectors = directions(3).requires_grad_()
    torch.library.opcheck(torch.ops.intertwine.edge_wigner_d.default, (vectors, 2))


def test_bad_use_says_so() -> None:
    with pytest.raises(ValueError, match=r"\(E, 3\)"):
        edge_wigner_d(torch.zeros(3), 2)
    with pytest.raises(ValueError, match="at least 0"):
        edge_wigner_d(torch.zeros(1, 3), -1)
