"""Score maps and descriptors of patches: their laws, exact and between the angles of the grid."""

import pytest
import torch

import intertwine as iw
from intertwine._errors import UsageError
from intertwine.data import rotate_images
from intertwine.models import KeypointDetector, PatchDescriptor

GROUPS = {"C4": iw.Cyclic(4), "C8": iw.Cyclic(8), "SO2": iw.SO2()}


def smooth(batch, size, seed=0):
    """Band-limited images."""
    noise = torch.randn(batch, 1, size // 6 + 2, size // 6 + 2, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(noise, (size, size), mode="bicubic", align_corners=True)


def trained_statistics(module, *inputs):
    """A module in evaluation whose batch norms have seen some input."""
    torch.manual_seed(0)
    module.train()
    for _ in range(3):
        module(*inputs)
    return module.double().eval()


@pytest.mark.parametrize("name", GROUPS)
def test_score_map_turns_with_the_image(name):
    detector = trained_statistics(KeypointDetector(GROUPS[name].trivial, widths=(2, 2)), smooth(4, 24))
    images = torch.rand(2, 1, 19, 26, dtype=torch.float64)
    with torch.no_grad():
        scores = detector(images)
        for turns in (1, 2, 3):
            turned = detector(torch.rot90(images, turns, (-2, -1)))
            assert torch.allclose(turned, torch.rot90(scores, turns, (-2, -1)), atol=1e-10)
        mirrored = detector(images.flip(-1))
    assert not torch.allclose(mirrored, scores.flip(-1), atol=1e-3), "rotations alone, not reflections"
    assert scores.shape == images.shape
    with pytest.raises(UsageError, match="odd"):
        KeypointDetector(GROUPS[name].trivial, kernel_size=4)


def test_score_map_at_other_angles_beside_a_plain_network():
    """The error at angles between those of the grid is that of interpolation; a plain network has none of the law."""
    images = smooth(3, 61, 1).double()
    inside = (torch.arange(61) - 30).square()[:, None] + (torch.arange(61) - 30).square() < 18**2
    errors = {}
    for name, group in {**GROUPS, "plain": iw.Cyclic(1)}.items():
        detector = trained_statistics(KeypointDetector(group.trivial, widths=(3, 3)), smooth(4, 40))
        with torch.no_grad():
            scores = detector(images)
            found = []
            for degrees in (45.0, 107.0):
                expected = rotate_images(scores, degrees)[..., inside]
                difference = detector(rotate_images(images, degrees))[..., inside] - expected
                found.append(float(difference.norm() / (expected - expected.mean()).norm()))
        errors[name] = max(found)
    assert errors["C8"] < 0.1
    assert errors["SO2"] < 0.1
    assert errors["plain"] > 0.5


@pytest.mark.parametrize("name", GROUPS)
def test_descriptors_stay_and_angles_turn(name):
    torch.manual_seed(0)
    net = trained_statistics(PatchDescriptor(GROUPS[name].trivial, width=4, widths=(2, 2, 3), size=13), smooth(16, 13))
    patches = torch.rand(6, 1, 13, 13, dtype=torch.float64)
    with torch.no_grad():
        here = net(patches)
        assert torch.allclose(here.descriptors.norm(dim=1), torch.ones(6, dtype=torch.float64))
        for turns in (1, 2, 3):
            there = net(torch.rot90(patches, turns, (-2, -1)))
            assert torch.allclose(there.descriptors, here.descriptors, atol=1e-10)
            turn = torch.remainder(there.angles - here.angles - turns * torch.pi / 2 + 1, 2 * torch.pi) - 1
            assert turn.abs().max() < 1e-9
        assert torch.allclose(net(0.5 * patches + 0.1).descriptors, here.descriptors, atol=1e-3), "brightness, contrast"
        assert (net(patches.flip(-1)).descriptors - here.descriptors).norm(dim=1).min() > 1e-3
    assert here.descriptors.shape == (6, net.dim)


def test_descriptors_at_other_angles():
    net = trained_statistics(PatchDescriptor(iw.Cyclic(8).trivial, widths=(3, 3, 4), size=21), smooth(32, 21))
    patches = smooth(40, 21, 3).double()
    with torch.no_grad():
        here, there = net(patches), net(rotate_images(patches, 30.0))
    cosine = (here.descriptors * there.descriptors).sum(1)
    strange = (here.descriptors * there.descriptors.roll(1, 0)).sum(1)
    assert cosine.median() > 0.95
    assert 1 - strange.median() > 3 * (1 - cosine.median())
    turn = torch.remainder(there.angles - here.angles, 2 * torch.pi).rad2deg()
    assert (turn - 30).abs().median() < 10


def test_plain_descriptors_and_degenerate_patches():
    plain = PatchDescriptor(iw.Cyclic(1).trivial, width=4, degree=1, widths=(2, 2, 2), size=9)
    assert plain(torch.rand(3, 1, 9, 9)).angles.tolist() == [0, 0, 0]
    assert plain.dim == 12
    net = PatchDescriptor(iw.Cyclic(8).trivial, width=2, widths=(1, 1, 1), size=9).eval()
    patches = torch.cat((torch.zeros(1, 1, 9, 9), torch.full((1, 1, 9, 9), 0.7))).requires_grad_()
    found = net(patches)
    found.descriptors.sum().backward()
    assert found.descriptors.isfinite().all()
    assert patches.grad.isfinite().all()
    with pytest.raises(UsageError, match="odd"):
        PatchDescriptor(iw.Cyclic(8).trivial, size=10)
