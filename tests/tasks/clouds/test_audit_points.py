"""The audit of a network on clouds sees at most 128 points of each, spread over the cloud, and says so."""

import torch

from intertwine.data import PointCloudSet
from intertwine.tasks.clouds._predictor import _thinned


def test_thinned():
    counts = [600, 3, 256, 257]
    positions = torch.arange(3 * sum(counts), dtype=torch.float64).view(-1, 3)
    offsets = torch.tensor([0, *torch.tensor(counts).cumsum(0).tolist()])
    labels = torch.arange(sum(counts))
    clouds = PointCloudSet(positions, offsets, point_fields={"index": labels})
    found = _thinned(clouds, 256)
    assert found.counts.tolist() == [200, 3, 256, 129]
    assert found.point_fields["index"][:3].tolist() == [0, 3, 6]
    assert torch.equal(found.positions, positions[found.point_fields["index"]])
    assert torch.equal(_thinned(found, 256).positions, found.positions)
