"""The descriptor of whole shapes: invariance, batches and single clouds."""

from __future__ import annotations

import pytest
import torch

from intertwine.groups import O3
from intertwine.models import ShapeDescriptor
from intertwine.ops import knn_graph

BATCH = torch.tensor([0] * 40 + [1] * 30)


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(70, 3, generator=generator) * torch.tensor([1.0, 0.6, 0.3])
    return torch.randn(70, 6, generator=generator), points, knn_graph(points, 8, BATCH), BATCH, 2


def test_invariance(inputs):
    vectors, points, edges, batch, count = inputs
    model = ShapeDescriptor(16, vectors=2).eval()
    g = O3().sample(1, generator=torch.Generator().manual_seed(1))[0].float()
    expected = model(*inputs)
    turned = model((vectors.unflatten(1, (2, 3)) @ g.T).flatten(1), 3 * points @ g.T + 1, edges, batch, count)
    assert (turned - expected).abs().max() < 1e-4
    # the vectors are seen: turned alone they change the result
    assert (model((vectors.unflatten(1, (2, 3)) @ g.T).flatten(1), *inputs[1:]) - expected).abs().max() > 1e-3


def test_a_batch_is_its_clouds(inputs):
    _, points, _, _, _ = inputs
    model = ShapeDescriptor(8).eval()
    both = model(None, points, knn_graph(points, 8, BATCH), BATCH, 2)
    for number in range(2):
        alone = points[number == BATCH]
        assert torch.allclose(model(None, alone, knn_graph(alone, 8))[0], both[number], atol=1e-5)


def test_training(inputs):
    model = ShapeDescriptor(8, vectors=2, dropout=0.5)
    assert not torch.equal(model(*inputs), model(*inputs))
    model(*inputs).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
