"""Examples, compared regions, band limits and matched rows of actions, against their definitions."""

import math

import pytest
import torch

from intertwine.actions import Images, LinearAction, PointSubset, RotatedImages, RotatedVolumes
from intertwine.groups import O3, SO2, SO3, Cyclic

TURN, VECTORS = SO2().rep("1x0 + 1x1"), SO2().irrep(1)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("action", [RotatedImages(TURN), RotatedVolumes(SO3().irrep(1))], ids=["image", "volume"])
def test_examples_are_smooth_and_vanish_at_the_border(action, seed):
    f = action.example(torch.Generator().manual_seed(seed))
    size, d = f.shape[-1], action.group.dimension
    assert f.shape == (1, action.rep.dim, *[{2: 41, 3: 15}[d]] * d)
    assert 0.3 < float(f.abs().amax()) < 12
    inside = f[(..., *[slice(1, size - 1)] * d)]
    border = f.square().sum() - inside.square().sum()
    assert float(border) < {2: 1e-8, 3: 1e-2}[d] * float(f.square().sum())
    lost = f - action.lossless_part(f)
    assert float(lost.norm()) < {2: 1e-5, 3: 0.05}[d] * float(f.norm())
    assert action.example(torch.Generator().manual_seed(seed), torch.float32).dtype == torch.float32


def test_waves_pass_up_to_the_band_limit():
    n, action = 40, RotatedImages(SO2().trivial)
    x = torch.arange(n, dtype=torch.float64)
    for kx, ky in ((0, 0), (3, 0), (8, 5), (12, 9), (15, 0), (16, 0), (18, 0), (12, 14), (19, 19), (20, 0)):
        wave = torch.cos(2 * math.pi * (kx * x + ky * x[:, None]) / n)[None, None]
        share = math.hypot(kx, ky) / (n / 2)  # of the highest frequency of the grid
        expected = wave if share <= 0.85 else torch.zeros_like(wave)
        assert torch.allclose(action.lossless_part(wave), expected, atol=1e-12)
        assert torch.allclose(action.lossless_part(wave.mT), expected.mT, atol=1e-12)


@pytest.mark.parametrize(("size", "margin"), [(9, 0), (9, 2), (10, 2), (5, 2), (4, 1)])
def test_disks_that_are_compared(size, margin):
    found = RotatedImages(SO2().trivial, margin).compared_region(torch.ones(1, 1, size, size + 2))
    for row in range(size):
        for column in range(size + 2):
            distance = math.hypot(row - (size - 1) / 2, column - (size + 1) / 2)
            assert found[0, 0, row, column] == (distance <= (size - 1) / 2 - margin)
    with pytest.raises(ValueError, match="a margin of 3 pixels leaves nothing of an image 6 x 9"):
        RotatedImages(SO2().trivial, 3).compared_region(torch.ones(1, 1, 6, 9))


def test_frames_that_are_compared():
    f = torch.arange(30.0).reshape(1, 1, 5, 6)
    C4 = Cyclic(4).trivial
    assert torch.equal(Images(C4).compared_region(f), f)
    assert Images(C4, margin=2).compared_region(f).tolist() == [[[[14.0, 15.0]]]]
    with pytest.raises(ValueError, match="a margin of 3 pixels leaves nothing of an image 5 x 6"):
        Images(C4, margin=3).compared_region(f)


@pytest.mark.parametrize("kind", [Images, RotatedImages])
def test_actions_on_features_of_images(kind):
    rep, regular, f = Cyclic(4).trivial, Cyclic(4).regular, torch.zeros(2, 1, 12, 12)
    action = kind(rep)
    found = action.feature_action(regular, torch.zeros(2, 4, 6, 6), f)
    assert (type(found), found.rep) == (kind, regular)
    if kind is Images:
        assert found.stride == 2
        assert action.feature_action(regular, torch.zeros(2, 4, 12, 12), f).stride == 1
        assert action.feature_action(regular, torch.zeros(2, 4, 24, 24), f).stride == 1
    assert action.feature_action(regular, torch.zeros(2, 4), f) == LinearAction(regular)
    for features in (torch.zeros(2, 3), torch.zeros(2, 4, 4), torch.zeros(2, 4, 1, 1), torch.zeros(2, 3, 6, 6)):
        assert action.feature_action(regular, features, f) is None


def test_actions_on_features_by_their_last_axis():
    action = LinearAction(VECTORS)
    assert action.feature_action(VECTORS, torch.zeros(5, 2), None) == LinearAction(VECTORS)
    assert action.feature_action(VECTORS, torch.zeros(2), None) == LinearAction(VECTORS)
    assert action.feature_action(VECTORS, torch.zeros(2, 5), None) is None
    assert action.feature_action(VECTORS, torch.zeros(()), None) is None


def test_rows_find_their_places():
    """Rows that moved are matched as a set; those that stayed, and all if but one moved, are left as they are."""
    action = PointSubset(O3().rep("1x1o"))
    expected = torch.randn(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    order = torch.tensor([0, 4, 2, 1, 3, 5, 6])
    noise = 1e-9 * torch.randn(7, 3, dtype=torch.float64)
    assert torch.equal(action.matched((expected + noise)[order], expected), expected + noise)
    one = expected.clone()
    one[3] += 1
    assert torch.equal(action.matched(one, expected), one)
    for other in (expected[:6], expected[None], "rows"):
        assert action.matched(other, expected) is other
