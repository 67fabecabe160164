"""Directions in rows: beside plain division in a wide dtype, at every length, with derivatives of every order."""

import pytest
import torch

from intertwine.ops.functions._point_chunks import CHUNK
from intertwine.ops.functions._safe_norm import safe_normalize
from intertwine.ops.functions._unit_vectors import unit_vectors


@pytest.mark.parametrize("exponent", [-37, -30, -19, -1, 0, 5, 18, 37])
def test_every_length_has_its_direction_and_inverse(exponent: int) -> None:
    torch.manual_seed(0)
    vectors = torch.randn(100, 3, dtype=torch.float64) * 10.0**exponent
    vectors = vectors.float()
    rows, inverse = unit_vectors(vectors)
    lengths = vectors.double().norm(dim=1)
    torch.testing.assert_close(rows.T.double(), vectors.double() / lengths[:, None], rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(inverse[0].double(), lengths.reciprocal(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("other", [0.0, 1e-30, 1e30, float("nan")])
def test_a_direction_does_not_depend_on_the_other_vectors(other: float) -> None:
    torch.manual_seed(0)
    vectors = torch.randn(50, 3)
    beside = torch.cat([vectors, torch.full((1, 3), other)])
    for alone, together in zip(unit_vectors(vectors), unit_vectors(beside), strict=True):
        assert torch.equal(alone, together[:, :50])


def test_the_zero_vector_stays_zero_with_gradient_zero() -> None:
    vectors = torch.tensor([[0.0, 0.0, 0.0], [0.0, 3.0, 4.0], [1e-45, 0.0, 0.0]], requires_grad=True)
    rows, inverse = unit_vectors(vectors)
    torch.testing.assert_close(rows.T, torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.6, 0.8], [0.0, 0.0, 0.0]]))
    assert inverse[0].tolist() == pytest.approx([0.0, 0.2, 0.0])
    (rows.sum() + inverse.sum()).backward()
    assert vectors.grad[[0, 2]].eq(0).all()
    assert vectors.grad[1].ne(0).any()


@pytest.mark.parametrize("scale", [1.0, 1e-200])
def test_derivatives_to_second_order(scale: float) -> None:
    torch.manual_seed(0)
    vectors = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)

    def of_scaled(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rows, inverse = unit_vectors(x * scale)
        return rows, inverse * scale

    assert torch.autograd.gradcheck(of_scaled, vectors, check_forward_ad=True, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(of_scaled, vectors)


def test_third_derivatives_are_those_of_plain_division() -> None:
    torch.manual_seed(0)
    point, *directions = torch.randn(4, 2, 3, dtype=torch.float64)

    def third(function):
        for direction in directions:
            function = (lambda f, d: lambda x: torch.func.jvp(f, (x,), (d,))[1])(function, direction)
        return function(point)

    expected = third(lambda x: x / x.square().sum(1, keepdim=True).sqrt())
    torch.testing.assert_close(third(lambda x: unit_vectors(x)[0].T), expected)


@pytest.mark.parametrize("number", [0, 1, CHUNK, 2 * CHUNK + 1])
def test_chunks_on_threads_are_the_whole(number: int) -> None:
    torch.manual_seed(0)
    vectors = torch.randn(number, 3, dtype=torch.float64, requires_grad=True)
    weights, threads = torch.randn(number, 3, dtype=torch.float64), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = unit_vectors(vectors)[0].T
        (gradient,) = torch.autograd.grad(found, vectors, weights)
    finally:
        torch.set_num_threads(threads)
    plain = safe_normalize(vectors)
    torch.testing.assert_close(found, plain)
    torch.testing.assert_close(gradient, torch.autograd.grad(plain, vectors, weights)[0])
