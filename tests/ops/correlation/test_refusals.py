"""What the search over motions refuses, and the last value that it accepts."""

import re

import pytest
import torch

from intertwine.groups import O3, SO3, Octahedral
from intertwine.ops.alignment import RigidMotion, covering_radius, maximal_rotation, rotation_grid
from intertwine.ops.correlation import (
    GaussianKernel,
    PointField,
    maximize_correlation,
    refine_correlation,
    search_correlation,
    suppress_motions,
)

POINTS = torch.tensor([[0.0, 0, 0], [4, 0, 0], [0, 3, 0], [0, 0, 2]], dtype=torch.float64)
FIELD = PointField(POINTS, torch.ones(4, 1, dtype=torch.float64))
VECTORS = PointField(POINTS, torch.ones(4, 3, dtype=torch.float64), SO3().irrep(1))
KERNEL = GaussianKernel(torch.tensor([1.0]), torch.tensor([[1.0]]))
ONE = RigidMotion(torch.eye(3, dtype=torch.float64)[None], torch.zeros(1, 3, dtype=torch.float64))
WIDE = GaussianKernel(torch.tensor([1.0]), torch.ones(3, 1))
FLAT = torch.eye(3, dtype=torch.float64).repeat(5, 1, 1)

CASES = [
    (lambda: PointField(POINTS, torch.ones(4, 2), SO3().irrep(1)), "has 3 channels, got features of 2"),
    (lambda: PointField(POINTS[:, :2], torch.ones(4, 1)), "points (n, 3) with n at least 1, got (4, 2)"),
    (lambda: PointField(POINTS[:0], torch.ones(0, 1)), "points (n, 3) with n at least 1, got (0, 3)"),
    (lambda: PointField(POINTS, torch.ones(3, 1)), "expects features (4, channels), got (3, 1)"),
    (lambda: PointField(POINTS, torch.ones(4)), "expects features (4, channels), got (4,)"),
    (lambda: PointField(POINTS, torch.full((4, 1), float("inf"))), "expects finite points and features"),
    (lambda: PointField(POINTS * float("nan"), torch.ones(4, 1)), "expects finite points and features"),
    (lambda: GaussianKernel(torch.tensor([1.0, 0.0]), torch.ones(1, 2)), "positive widths (gaussians,), got [1.0, 0."),
    (lambda: GaussianKernel(torch.ones(1, 1), torch.ones(1, 1)), "positive widths (gaussians,), got [[1.0]]"),
    (lambda: GaussianKernel(torch.ones(0), torch.ones(1, 0)), "positive widths (gaussians,), got []"),
    (lambda: GaussianKernel(torch.ones(2), torch.ones(1, 3)), "amplitudes (channels, 2), got (1, 3)"),
    (lambda: GaussianKernel(torch.ones(2), torch.ones(2)), "amplitudes (channels, 2), got (2,)"),
    (lambda: maximize_correlation(FIELD, VECTORS, KERNEL), "channels in both fields and the kernel, got (1, 3, 1)"),
    (lambda: search_correlation(FIELD, FIELD, WIDE, FLAT, spacing=1.0), "and the kernel, got (1, 1, 3)"),
    (
        lambda: refine_correlation(VECTORS, PointField(POINTS, torch.ones(4, 3), O3().irrep("1o")), WIDE, ONE),
        "refine_correlation expects fields of one representation, got 1",
    ),
    (lambda: maximize_correlation(FIELD, FIELD, KERNEL, refined=0), "refined of at least 1, got 0"),
    (lambda: refine_correlation(FIELD, FIELD, KERNEL, ONE, steps=-1), "steps of at least 0, got -1"),
    (lambda: search_correlation(FIELD, FIELD, KERNEL, FLAT, spacing=0.0), "a positive spacing, got 0.0"),
    (lambda: search_correlation(FIELD, FIELD, KERNEL, FLAT, spacing=float("inf")), "a positive spacing, got inf"),
    (lambda: search_correlation(FIELD, FIELD, KERNEL, FLAT, spacing=0.01), "too large: use a spacing wider than 0.01"),
    (lambda: covering_radius(FLAT), "rotations whose quaternions span four dimensions"),
    (lambda: rotation_grid(-1), "expects a level from 0 to"),
    (lambda: rotation_grid(True), "expects a level from 0 to"),
    (lambda: rotation_grid(2.0), "expects a level from 0 to"),
    (lambda: suppress_motions(ONE, torch.ones(1), POINTS, distance=-1e-9, limit=1), "distance of at least 0"),
    (lambda: suppress_motions(ONE, torch.ones(1), POINTS, distance=0.0, limit=0), "limit of at least 1, got 0.0 and 0"),
    (lambda: maximal_rotation([torch.ones(1, 1)]), "forms (..., 2 l + 1, 2 l + 1) for l = 0, 1, ..; got (1, 1)"),
    (lambda: maximal_rotation([torch.ones(1, 1), torch.ones(3, 2)]), "l = 0, 1, ..; got (1, 1), (3, 2)"),
]


@pytest.mark.parametrize(("call", "message"), CASES, ids=[message for _, message in CASES])
def test_refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_the_last_values_that_are_accepted():
    motions, scores = refine_correlation(FIELD, FIELD, KERNEL, ONE, steps=0)
    assert torch.equal(motions.rotation, ONE.rotation)
    assert scores.item() == pytest.approx(float(torch.exp(-(torch.cdist(POINTS, POINTS) ** 2) / 2).sum()), abs=1e-9)
    assert suppress_motions(ONE, torch.ones(1), POINTS, distance=0.0, limit=1).tolist() == [0]
    assert len(maximize_correlation(FIELD, FIELD, KERNEL, level=0, refined=1).scores) == 1
    assert 1.0 < covering_radius(Octahedral().elements) < 1.2


def test_the_radial_function_and_its_transform_are_a_pair():
    """k(r) = int k^(xi) exp(i xi r) d xi / (2 pi)^3, by a radial sum: sin(xi r) / (xi r) 4 pi xi^2."""
    kernel = GaussianKernel(torch.tensor([0.7, 1.5]).double(), torch.tensor([[1.0, -0.3], [0.2, 2.0]]).double())
    xi = torch.linspace(0, 20, 20_001, dtype=torch.float64)
    for r in (0.3, 1.1, 2.5):
        shell = 4 * torch.pi * xi**2 * torch.sinc(xi * r / torch.pi) / (2 * torch.pi) ** 3
        found = torch.trapezoid(kernel.fourier(xi**2) * shell, xi)
        expected = kernel.amplitudes @ torch.exp(-(r**2) / (2 * kernel.widths**2))
        assert torch.allclose(found, expected, atol=1e-6)
        assert torch.allclose(kernel.radial(torch.tensor([r**2]).double())[0], expected, atol=1e-12)
