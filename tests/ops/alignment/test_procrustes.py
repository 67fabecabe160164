"""Nearest rotations and alignments: recovery, laws, and derivatives where singular values coincide or vanish."""

import math

import pytest
import torch
from scipy.spatial.transform import Rotation
from torch.autograd import gradcheck, gradgradcheck

from intertwine import SO3
from intertwine.nn import procrustes
from intertwine.ops import nearest_rotation, rigid_alignment, similarity_alignment


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed))


def rotations(count: int, seed: int = 0) -> torch.Tensor:
    return SO3().sample(count, generator=generator(seed))


def half_turn(axis: torch.Tensor) -> torch.Tensor:
    axis = axis / axis.norm()
    return 2 * torch.outer(axis, axis) - torch.eye(3, dtype=axis.dtype)


def test_recovers_every_rotation_also_by_180_degrees():
    wanted = torch.cat([rotations(32), torch.stack([half_turn(axis) for axis in normal(8, 3)])])
    points = normal(len(wanted), 7, 3)
    found = procrustes(points, points @ wanted.mT)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    single = procrustes(points.float(), (points @ wanted.mT).float())
    torch.testing.assert_close(single.double(), wanted, rtol=0, atol=1e-5)


def test_two_vectors_are_enough():
    wanted, points = rotations(32), normal(32, 2, 3)
    torch.testing.assert_close(procrustes(points, points @ wanted.mT), wanted, rtol=0, atol=1e-10)


def test_beside_scipy():
    first, second = normal(16, 6, 3), normal(16, 6, 3, seed=1)
    weights = normal(16, 6, seed=2).square()
    found = procrustes(first, second, weights)
    for rotation, a, b, weight in zip(found, first, second, weights, strict=True):
        theirs, _ = Rotation.align_vectors(b.numpy(), a.numpy(), weights=weight.numpy())
        torch.testing.assert_close(rotation, torch.from_numpy(theirs.as_matrix()), rtol=0, atol=1e-10)


def test_mirrored_vectors_give_a_rotation():
    points = normal(32, 9, 3)
    found = procrustes(points, -points)
    torch.testing.assert_close(torch.linalg.det(found), torch.ones(32, dtype=torch.float64))
    # no rotation of a dense sample is better
    others = rotations(4096, seed=3)
    reached = torch.einsum("nij,nij->n", found, -points.mT @ points)
    best = torch.einsum("mij,nij->nm", others, -points.mT @ points).amax(1)
    assert (reached >= best - 1e-9).all()


def test_is_bi_equivariant_and_swaps():
    first, second = normal(32, 5, 3), normal(32, 5, 3, seed=1)
    g, h = rotations(32, seed=2), rotations(32, seed=3)
    found = procrustes(first, second)
    moved = procrustes(first @ g.mT, second @ h.mT)
    torch.testing.assert_close(moved, h @ found @ g.mT, rtol=0, atol=1e-10)
    torch.testing.assert_close(procrustes(second, first), found.mT, rtol=0, atol=1e-10)
    # the unsigned factor of the decomposition is not a rotation, and the law of the test would show it
    u, _, vh = torch.linalg.svd(second.mT @ first)
    assert (torch.linalg.det(u @ vh) < 0).any()
    assert not torch.allclose(u @ vh, found)


CASES = {
    "distinct": torch.diag(torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64)),
    "two equal": torch.diag(torch.tensor([2.0, 2.0, 1.0], dtype=torch.float64)),
    "all equal": torch.eye(3, dtype=torch.float64),
    "rank two": torch.diag(torch.tensor([2.0, 1.0, 0.0], dtype=torch.float64)),
    "mirrored": torch.diag(torch.tensor([3.0, 2.0, -1.0], dtype=torch.float64)),
    "mirrored, two equal": torch.diag(torch.tensor([2.0, 2.0, -1.0], dtype=torch.float64)),
    "half turn": half_turn(torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64)),
    "nearly equal": torch.diag(torch.tensor([1.0 + 1e-9, 1.0, 1.0 - 1e-9], dtype=torch.float64)),
}


@pytest.mark.parametrize("case", CASES)
def test_derivatives(case: str):
    a, b = rotations(2, seed=4)
    matrix = (a @ CASES[case] @ b.mT).requires_grad_()
    assert gradcheck(nearest_rotation, matrix, check_forward_ad=True, atol=1e-6)
    assert gradgradcheck(nearest_rotation, matrix, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "values",
    [(1.0, 1.0, -1.0), (1.0, 0.0, 0.0), (0.0, 0.0, 0.0), (2.0, 1.0, -1.0 + 1e-9), (1e30, 1e30, 1e30), (1e-30,) * 3],
)
def test_derivatives_are_finite_where_the_rotation_is_not_unique(values, dtype):
    a, b = rotations(2, seed=5)
    matrix = (a @ torch.diag(torch.tensor(values, dtype=torch.float64)) @ b.mT).to(dtype).requires_grad_()
    rotation = nearest_rotation(matrix)
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(3, dtype=dtype), rtol=0, atol=1e-5)
    assert torch.linalg.det(rotation) > 0
    (gradient,) = torch.autograd.grad((rotation * normal(3, 3).to(dtype)).sum(), matrix)
    assert torch.isfinite(gradient).all()
    if not any(values):
        assert torch.equal(rotation, torch.eye(3, dtype=dtype))
        assert not gradient.any()


def test_derivative_is_that_of_the_decomposition():
    """Beside the slow way: automatic differentiation through the decomposition, where it is defined."""
    matrix = normal(16, 3, 3).requires_grad_()
    weight = normal(16, 3, 3, seed=1)
    (ours,) = torch.autograd.grad((nearest_rotation(matrix) * weight).sum(), matrix)
    u, _, vh = torch.linalg.svd(matrix)
    sign = torch.diag_embed(torch.stack([torch.ones(16), torch.ones(16), torch.linalg.det(u @ vh)], -1).detach())
    (theirs,) = torch.autograd.grad(((u @ sign.double() @ vh) * weight).sum(), matrix)
    torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-8)


def test_vmap_compile_and_half_precision():
    matrices = normal(4, 3, 3)
    torch.testing.assert_close(torch.vmap(nearest_rotation)(matrices), nearest_rotation(matrices))
    per_sample = torch.vmap(torch.func.grad(lambda m: nearest_rotation(m)[0, 1]))(matrices)
    together = matrices.clone().requires_grad_()
    nearest_rotation(together)[:, 0, 1].sum().backward()
    torch.testing.assert_close(per_sample, together.grad)
    compiled = torch.compile(nearest_rotation, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(matrices), nearest_rotation(matrices))
    half = nearest_rotation(matrices.bfloat16())
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.double(), nearest_rotation(matrices), rtol=0, atol=0.05)


def test_rigid_motions_are_recovered():
    rotation, shift = rotations(32), normal(32, 3)
    points = normal(32, 6, 3)
    weights = normal(32, 6, seed=1).square()
    motion = rigid_alignment(points, points @ rotation.mT + shift[:, None], weights)
    torch.testing.assert_close(motion.rotation, rotation, rtol=0, atol=1e-10)
    torch.testing.assert_close(motion.translation, shift, rtol=0, atol=1e-10)


def test_a_pair_of_weight_zero_has_no_effect():
    points, others = normal(8, 3), normal(8, 3, seed=1)
    weights = torch.tensor([1.0, 2, 1, 1, 3, 1, 1, 0], dtype=torch.float64)
    torch.testing.assert_close(
        similarity_alignment(points, others, weights), similarity_alignment(points[:-1], others[:-1], weights[:-1])
    )


def test_similarities_are_recovered_and_are_the_best():
    rotation, shift, scale = rotations(32), normal(32, 3), normal(32, seed=2).exp()
    points = normal(32, 6, 3)
    found = similarity_alignment(points, scale[:, None, None] * points @ rotation.mT + shift[:, None])
    torch.testing.assert_close(found.scale, scale, rtol=1e-10, atol=0)
    torch.testing.assert_close(found.rotation, rotation, rtol=0, atol=1e-10)
    torch.testing.assert_close(found.translation, shift, rtol=0, atol=1e-9)
    # of clouds that do not fit, no change of the answer makes it better
    first, second = normal(6, 3), normal(6, 3, seed=1)
    scale, rotation, shift = similarity_alignment(first, second)

    def error(scale, rotation, shift):
        return (second - scale * first @ rotation.mT - shift).square().sum()

    best = error(scale, rotation, shift)
    for seed in range(20):
        angle = 1e-3 * normal(3, seed=seed)
        turned = torch.from_numpy(Rotation.from_rotvec(angle.numpy()).as_matrix()) @ rotation
        changed = error(
            scale * math.exp(1e-3 * float(normal(1, seed=seed))), turned, shift + 1e-3 * normal(3, seed=seed + 50)
        )
        assert changed > best


def test_coincident_and_single_points():
    point = torch.tensor([[1.0, 2.0, 3.0]])
    motion = rigid_alignment(point, point + 1)
    torch.testing.assert_close(motion.rotation @ point[0] + motion.translation, point[0] + 1)
    same = similarity_alignment(point.expand(4, 3), point.expand(4, 3) + 1)
    assert same.scale == 0
    assert torch.isfinite(same.translation).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nearest_rotation(torch.ones(2, 3)), r"expects matrices \(..., 3, 3\), got \(2, 3\)"),
        (lambda: procrustes(torch.ones(2, 3), torch.ones(3, 3)), r"corresponding vectors, got \(2, 3\) and \(3, 3\)"),
        (lambda: procrustes(torch.ones(2, 2), torch.ones(2, 2)), "corresponding vectors"),
        (lambda: procrustes(torch.ones(2, 3), torch.ones(2, 3), torch.ones(3)), "one for each pair"),
        (lambda: rigid_alignment(torch.ones(0, 3), torch.ones(0, 3)), "at least 1 pair"),
    ],
)
def test_wrong_shapes(call, message):
    with pytest.raises(ValueError, match=message):
        call()
