"""Frames from points and vectors: orthogonal always, equivariant where they can be, finite everywhere."""

import pytest
import torch

from intertwine.groups import O3, SO3
from intertwine.ops import gram_schmidt, principal_axes

DEGENERATE = {
    "nothing": [[0.0, 0, 0]] * 3,
    "one": [[0.0, 0, 2], [0, 0, 0], [0, 0, 0]],
    "parallel": [[1.0, 1, 1], [-2, -2, -2], [3, 3, 3]],
    "planar": [[1.0, 0, 0], [1, 1, 0], [3, -2, 0]],
    "tiny": [[1e-200, 0, 0], [0, 1e-200, 0], [0, 0, 1]],
    "axis and zero": [[0.0, 3, 0], [0, 0, 0], [0, 0, 1]],
}


def is_orthogonal(frames: torch.Tensor) -> None:
    eye = torch.eye(3, dtype=frames.dtype).expand_as(frames)
    torch.testing.assert_close(frames.mT @ frames, eye, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("count", "group"), [(2, SO3()), (3, SO3()), (3, O3())], ids=["2, SO3", "3, SO3", "3, O3"])
def test_gram_schmidt_follows_the_vectors(count: int, group) -> None:
    vectors = torch.randn(5, count, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    frames = gram_schmidt(vectors)
    is_orthogonal(frames)
    torch.testing.assert_close(frames[..., 0], torch.nn.functional.normalize(vectors[:, 0], dim=-1))
    if count == 2:
        torch.testing.assert_close(torch.linalg.det(frames), torch.ones(5, dtype=torch.float64))
    else:
        assert ((frames[..., 2] * vectors[:, 2]).sum(-1) > 0).all()
    for g in group.sample(32, generator=torch.Generator().manual_seed(1)):
        torch.testing.assert_close(gram_schmidt(vectors @ g.mT), g @ frames, rtol=1e-10, atol=1e-10)
    assert torch.autograd.gradcheck(gram_schmidt, (vectors.requires_grad_(),))


def test_two_vectors_do_not_follow_reflections() -> None:
    vectors = torch.randn(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert not torch.allclose(gram_schmidt(-vectors), -gram_schmidt(vectors))


@pytest.mark.parametrize("kind", DEGENERATE)
@pytest.mark.parametrize("count", [2, 3])
def test_degenerate_vectors_are_completed(kind: str, count: int) -> None:
    vectors = torch.tensor(DEGENERATE[kind], dtype=torch.float64)[:count].requires_grad_()
    frame = gram_schmidt(vectors)
    is_orthogonal(frame.detach())
    (frame * torch.randn(3, 3, dtype=torch.float64)).sum().backward()
    assert vectors.grad.isfinite().all()


def test_principal_axes_are_those_of_each_cloud_up_to_signs() -> None:
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(40, 3, dtype=torch.float64, generator=generator) * torch.tensor([3.0, 2.0, 1.0])
    batch = torch.arange(40) % 2
    axes = principal_axes(points, batch, 3)
    is_orthogonal(axes)
    for number in range(2):
        inside = points[batch == number]
        _, _, rows = torch.linalg.svd(inside - inside.mean(0))
        torch.testing.assert_close((rows @ axes[number]).abs(), torch.eye(3, dtype=torch.float64), rtol=0, atol=1e-9)
    for g in O3().sample(8, generator=generator):
        turned = principal_axes(points @ g.mT + 4, batch, 3)
        torch.testing.assert_close((turned.mT @ g @ axes)[:2].abs(), torch.eye(3).double().expand(2, 3, 3))


@pytest.mark.parametrize("points", [0, 1, 2, 3])
def test_few_points_have_some_axes(points: int) -> None:
    axes = principal_axes(torch.zeros(points, 3), torch.zeros(points, dtype=torch.int64), 1)
    is_orthogonal(axes.double())


def test_bad_use_says_so() -> None:
    with pytest.raises(ValueError, match="vectors"):
        gram_schmidt(torch.zeros(4, 3))
