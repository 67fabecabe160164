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


def with_normals(inputs):
    """The first vector of each point of length one."""
    vectors, *others = inputs
    return torch.cat([vectors[:, :3] / vectors[:, :3].norm(dim=1, keepdim=True), vectors[:, 3:]], 1), *others


def test_normals_are_known_up_to_sign_and_seen(inputs):
    vectors, points, edges, batch, count = with_normals(inputs)
    model = ShapeDescriptor(16, vectors=1, normals=True, shells=4).eval()
    g = O3().sample(1, generator=torch.Generator().manual_seed(1))[0].float()
    expected = model(vectors, points, edges, batch, count)
    turned = (vectors.unflatten(1, (2, 3)) @ g.T).flatten(1)
    signs = torch.randint(0, 2, (70, 1), generator=torch.Generator().manual_seed(2)) * 2 - 1
    mirrored = torch.cat([turned[:, :3] * signs, turned[:, 3:]], 1)
    assert (model(mirrored, 3 * points @ g.T + 1, edges, batch, count) - expected).abs().max() < 1e-3
    for moved in (torch.cat([turned[:, :3], vectors[:, 3:]], 1), torch.cat([vectors[:, :3], turned[:, 3:]], 1)):
        assert (model(moved, points, edges, batch, count) - expected).abs().max() > 1e-3  # each by itself changes it


def test_with_normals_a_batch_is_its_clouds_and_weights_have_gradients(inputs):
    vectors, points, edges, batch, count = with_normals(inputs)
    model = ShapeDescriptor(8, normals=True, shells=3, landmarks=50)  # more than the points of either cloud
    model(vectors[:, :3], points, edges, batch, count).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    both = model.eval()(vectors[:, :3], points, edges, batch, count)
    for number in range(2):
        alone = batch == number
        single = model(vectors[alone, :3], points[alone], knn_graph(points[alone], 8))
        assert torch.allclose(single[0], both[number], atol=1e-4)
