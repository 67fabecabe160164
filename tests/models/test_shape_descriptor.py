"""The descriptor of whole shapes: invariance, batches and single clouds."""

from __future__ import annotations

import pytest
import torch

from intertwine.groups import O3
from intertwine.models import ShapeDescriptor
from intertwine.models._shape_descriptor import _NormByKind
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


def in_place(normals, kind):
    """Normals of two kinds, by the kind of each cloud."""
    return torch.cat([normals * (kind[BATCH] == number)[:, None] for number in range(2)], 1)


def test_each_kind_of_normals_is_normalized_by_itself(inputs):
    vectors, points, edges, batch, count = with_normals(inputs)
    models = [ShapeDescriptor(8, normals=1, shells=3).eval() for _ in range(2)]
    told = ShapeDescriptor(8, normals=2, shells=3).eval()
    for number, model in enumerate(models):
        norm = model.layers[0]
        norm.running_mean.normal_(generator=torch.Generator().manual_seed(number))
        norm.running_var.uniform_(0.5, 2, generator=torch.Generator().manual_seed(number))
        told.layers[0].mean[number], told.layers[0].variance[number] = norm.running_mean, norm.running_var
        model.layers[1:].load_state_dict(told.layers[1:].state_dict())
    single = [model(vectors[:, :3], points, edges, batch, count) for model in models]
    for kind in (torch.tensor([0, 0]), torch.tensor([1, 0]), torch.tensor([1, 1])):
        found = told(in_place(vectors[:, :3], kind), points, edges, batch, count)
        expected = torch.stack([single[number][cloud] for cloud, number in enumerate(kind.tolist())])
        assert torch.allclose(found, expected, atol=1e-5)
    assert (single[0] - single[1]).abs().amax(1).min() > 1e-2


def test_the_statistics_of_a_kind_are_those_of_all_its_rows():
    generator = torch.Generator().manual_seed(0)
    kind = torch.randint(0, 2, (40,), generator=generator)
    rows = torch.randn(40, 3, generator=generator) * torch.tensor([1.0, 20.0])[kind, None] + 5
    norm = _NormByKind(3, 2)
    norm.train()
    for part in torch.arange(40).split([1, 6, 2, 31]):  # some batches have one row of a kind, or none
        assert norm(rows[part], kind[part]).isfinite().all()
    found = norm.eval()(rows, kind)
    assert torch.equal(norm(rows[:5], kind[:5]), found[:5])
    for number in range(2):
        assert torch.allclose(norm.mean[number], rows[kind == number].mean(0), atol=1e-5)
        assert torch.allclose(norm.variance[number], rows[kind == number].var(0, correction=0), rtol=1e-4)
        assert torch.allclose(found[kind == number].var(0, correction=0), torch.ones(3), atol=1e-3)
    assert norm.count.tolist() == kind.bincount().tolist()
    with torch.no_grad():
        norm.shift[1] += 1
    assert torch.allclose(norm(rows, kind), found + kind[:, None], atol=1e-5)
