"""Matrices of quaternions by Hamilton's products, and the shapes of matrices of a group."""

import pytest
import torch

from intertwine.groups import MatrixGroup
from intertwine.groups._classical import left_multiplication, right_multiplication


def hamilton(p: list[float], q: list[float]) -> list[float]:
    (a, b, c, d), (w, x, y, z) = p, q
    return [
        a * w - b * x - c * y - d * z,
        a * x + b * w + c * z - d * y,
        a * y - b * z + c * w + d * x,
        a * z + b * y - c * x + d * w,
    ]


def test_multiplications_by_a_quaternion():
    p, q = torch.randn(2, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for one, other in zip(p, q, strict=True):
        expected = torch.tensor(hamilton(one.tolist(), other.tolist()), dtype=torch.float64)
        assert torch.allclose(left_multiplication(one) @ other, expected)
        assert torch.allclose(right_multiplication(other) @ one, expected)


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 4, 3), (3, 3), (1, 2, 3, 3)])
def test_matrices_of_a_group_are_square(shape):
    words = r"are \(k, n, n\) matrices, got shape"
    with pytest.raises(ValueError, match=words):
        MatrixGroup(generators=torch.rand(shape, dtype=torch.float64) + torch.eye(*shape[-2:]))
