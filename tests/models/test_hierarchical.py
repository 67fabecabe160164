"""The hierarchical encoder: four kinds of outputs, batches beside a loop, its configuration, few and equal points."""

import json

import pytest
import torch

from intertwine.actions import PointCloud
from intertwine.groups import O3
from intertwine.models import HierarchicalEncoder
from intertwine.nn import BatchNorm, Gate, Linear
from intertwine.ops import farthest_point_sampling, radius_graph
from intertwine.testing import assert_equivariant

OPTIONS = {"hidden": "6x0e + 3x1o", "lmax": 1, "width": 8, "cutoff": 2.0, "k": 5, "ratio": 3}


def encoder(rep_out: str = "2x0e + 1x1o", **options) -> HierarchicalEncoder:
    torch.manual_seed(0)
    return HierarchicalEncoder("1x0e + 1x1o", rep_out, **{**OPTIONS, **options})


def clouds(*sizes: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    batch = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    features = torch.randn(len(batch), 4, generator=generator, dtype=torch.float64)
    return features, torch.randn(len(batch), 3, generator=generator, dtype=torch.float64), batch


@pytest.mark.parametrize("pool", ["mean", None])
def test_invariant_and_equivariant_of_the_whole_and_by_point(pool: str | None) -> None:
    model = encoder("2x0e + 1x1o", pool=pool, levels=2)
    features, positions, batch = clouds(9, 13)
    order = torch.randperm(22, generator=torch.Generator().manual_seed(0))
    inputs = (features[order], positions[order], None, batch[order], 2)
    assert_equivariant(
        model, inputs=inputs, samples=32 if pool is None else 4
    )  # of the whole: in the conformance suite


def test_layers_on_fewer_points_are_measured_too() -> None:
    report = assert_equivariant(encoder(pool=None), samples=4)
    layers = {row.name: row.max_error for row in report.runs[0].layers}
    assert {"interactions.0.0.conv", "interactions.2.0.conv", "down.1", "up.1", "merge.0"} <= layers.keys()
    assert max(layers.values()) < 1e-5


def test_a_layer_on_fewer_points_that_breaks_the_law_is_named() -> None:
    class Broken(torch.nn.Module):
        def __init__(self, layer: Linear) -> None:
            super().__init__()
            self.rep_in, self.rep_out, self.layer = layer.rep_in, layer.rep_out, layer

        def forward(self, *args: torch.Tensor) -> torch.Tensor:
            return self.layer(*args).tanh()

    model = encoder()
    model.down[1] = Broken(model.down[1])
    with pytest.raises(AssertionError, match=r"down\.1"):
        assert_equivariant(model, samples=4)


@pytest.mark.parametrize("layer", ["steerable", "message"])
@pytest.mark.parametrize("pool", ["sum", "mean", None])
def test_a_batch_is_a_loop(layer: str, pool: str | None) -> None:
    model = encoder(layer=layer, pool=pool).double()
    features, positions, batch = clouds(40, 1, 12, 3)
    together = model(features, positions, None, batch, 4)
    loop = [model(features[batch == k], positions[batch == k]) for k in range(4)]
    torch.testing.assert_close(together, torch.cat(loop))
    torch.testing.assert_close(model(features, positions, batch=batch), together)


def test_levels_are_farthest_point_sampling_of_farthest_point_sampling() -> None:
    features, positions, batch = clouds(30, 10)
    levels = encoder()._pyramid(positions, None, batch, 2)
    assert [torch.bincount(level.batch).tolist() for level in levels] == [[30, 10], [10, 4], [4, 2]]
    index = farthest_point_sampling(positions, torch.tensor([10, 4]), batch)
    torch.testing.assert_close(levels[1].positions, positions[index])
    assert len(levels[1].geometry.graph.source) == 10 * 5 + 4 * 3
    del features


def test_edges_that_are_given_are_those_of_the_first_level() -> None:
    model = encoder(levels=1).double()
    features, positions, _ = clouds(20)
    alone = model(features, positions, torch.zeros((2, 0), dtype=torch.int64))
    graph = model(features, positions, radius_graph(positions, 2.0))
    assert not torch.allclose(alone, graph)


def test_every_level_is_heard() -> None:
    model = encoder(pool=None).double()
    features, positions, _ = clouds(40)
    model(features, positions).square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert all(parameter.grad.abs().max() > 0 for name, parameter in model.named_parameters() if "weight" in name)


def test_points_keep_their_own_features_beside_what_comes_from_above() -> None:
    model = encoder(pool=None).double()
    features, positions, _ = clouds(40)
    with torch.no_grad():
        for parameter in model.up.parameters():
            parameter.zero_()
    assert not torch.allclose(model(features, positions), model(2 * features, positions))


def test_one_hidden_representation_for_each_level_and_the_configuration_is_json() -> None:
    hidden = ["4x0e + 2x1o", "6x0e + 3x1o", "8x0e + 4x1o + 2x2e"]
    model = encoder(hidden=hidden, pool=None, lmax=2, layers=2).double()
    again = HierarchicalEncoder(**json.loads(json.dumps(model.config))).double()
    assert again.config == model.config
    again.load_state_dict(model.state_dict())
    features, positions, _ = clouds(20)
    torch.testing.assert_close(again(features, positions), model(features, positions), rtol=0, atol=0)
    assert isinstance(model.readout[1], Gate)
    assert model.readout[1].rep_out == O3().rep(hidden[0])


@pytest.mark.parametrize("pool", ["sum", None])
@pytest.mark.parametrize(
    "positions",
    [torch.zeros(0, 3), torch.zeros(1, 3), torch.zeros(5, 3), torch.arange(4.0)[:, None] * torch.ones(3)],
    ids=["none", "one point", "all points equal", "a line"],
)
def test_degenerate_clouds_have_finite_outputs_and_gradients(positions: torch.Tensor, pool: str | None) -> None:
    model = encoder(pool=pool)
    positions = positions.clone().requires_grad_()
    features = torch.ones(len(positions), 4, requires_grad=True)
    output = model(features, positions, None, torch.zeros(len(positions), dtype=torch.int64), 1)
    assert output.shape == (1 if pool else len(positions), 5)
    output.sum().backward()
    assert output.isfinite().all()
    assert all(x.grad is None or x.grad.isfinite().all() for x in (features, positions, *model.parameters()))


def test_gradients_are_those_of_the_function_and_move_with_it() -> None:
    model = encoder("2x0e", levels=2).double()
    features, positions, _ = clouds(9)
    inputs = (features.requires_grad_(), positions.requires_grad_())
    assert torch.autograd.gradcheck(model, inputs)
    assert_equivariant(model, gradients=True, dtypes=(torch.float64,), samples=4)


def test_a_thousand_points() -> None:
    model = HierarchicalEncoder("1x0e", "1x1o", hidden="4x0e + 2x1o", lmax=1)
    positions = torch.nn.functional.normalize(torch.randn(1024, 3, generator=torch.Generator().manual_seed(0)))
    rep = O3().rep("1x0e")
    report = assert_equivariant(model, action_in=PointCloud(rep), inputs=(torch.ones(1024, 1), positions), samples=2)
    assert report.passed


def test_bad_use_says_so() -> None:
    with pytest.raises(ValueError, match="each of 3 levels; got 2"):
        encoder(hidden=["4x0e", "4x0e"])
    for options in ({"levels": 0}, {"ratio": 1}, {"layers": -1}, {"k": 0}):
        with pytest.raises(ValueError, match="at least"):
            encoder(**options)
    with pytest.raises(ValueError, match=r"positions must be \(2, 3\)"):
        encoder()(torch.ones(2, 4), torch.ones(2, 2))
    with pytest.raises(ValueError, match="no layer"):
        encoder(layer="steered")


def test_pooling_is_a_convolution_from_the_finer_cloud() -> None:
    model = encoder(pool="mean", levels=2, layers=0, pool_neighbors=7).double()
    features, positions, batch = clouds(20, 11)
    fine, coarse = model._pyramid(positions, None, batch, 2)
    step, hidden = model.down[0], model.embed(features, fine.geometry)
    assert coarse.geometry is None
    found, order = step(hidden, coarse.pooling_geometry, coarse.sample_index), torch.cdist(coarse.positions, positions)
    order[coarse.batch[:, None] != batch] = torch.inf
    for row, index in enumerate(coarse.sample_index):
        near = order[row].argsort()[:7]
        edges = torch.stack([near, torch.full_like(near, 31)])
        moved = torch.cat([positions, coarse.positions[row : row + 1]])
        alone = step.conv(torch.cat([hidden, hidden[:1]]), moved, edges)[31]
        expected = step.mix(step.gate(alone + step.self_interaction(hidden[index])))
        torch.testing.assert_close(found[row], expected)


def test_what_is_left_before_pooling() -> None:
    model = encoder(pool="mean", levels=2).double()
    features, positions, batch = clouds(20, 11)
    output, output_batch = model.at_points(features, positions, None, batch, 2)
    assert torch.bincount(output_batch).tolist() == [7, 4]
    expected = torch.stack([output[output_batch == k].mean(0) for k in range(2)])
    torch.testing.assert_close(model(features, positions, None, batch, 2), expected)
    assert len(encoder(pool=None, levels=2).double().at_points(features, positions, None, batch, 2)[0]) == 31


@pytest.mark.parametrize("layer", ["steerable", "attention"])
def test_norms_stand_in_every_layer_and_keep_the_law(layer: str) -> None:
    model = encoder(layer={"name": layer, "norm": "batch"}, hidden="8x0e + 4x1o", levels=2)
    assert any(isinstance(module, BatchNorm) for module in model.interactions.modules())
    assert model.config["layer"]["norm"] == "batch"
    assert_equivariant(model, samples=8)
    with pytest.raises(ValueError, match='norm is "layer", "batch" or "none"'):
        encoder(layer={"name": layer, "norm": "rows"})


@pytest.mark.parametrize(("layer", "hidden"), [("steerable", "4x0e + 2x1o"), ("vector", "4x1o")])
def test_the_first_level_has_a_graph_where_a_layer_needs_it(layer: str, hidden: str) -> None:
    features, positions, batch = clouds(30, 10)
    model = encoder("2x1o", layer=layer, hidden=hidden, layers=[0, 1, 1]).double()
    needed = layer == "vector"  # its embedding sees the neighbors
    assert (model._pyramid(positions, None, batch, 2)[0].geometry is not None) is needed
    assert model(features, positions, batch=batch).isfinite().all()
    by_point = encoder("2x1o", layer=layer, hidden=hidden, layers=[0, 1, 1], pool=None)
    assert by_point._pyramid(positions, None, batch, 2)[0].geometry is not None


@pytest.mark.parametrize("points", [1, 2, 3, 5, 8, 9])
def test_small_clouds_are_invariant(points: int) -> None:
    """Of two points neither is the farther from their center: one of them alone would be chosen by rounding."""
    torch.manual_seed(points)
    encoder = HierarchicalEncoder("2x0e", "4x0e", hidden="4x0e + 2x1o", levels=4, lmax=1, k=4).double()
    features = torch.randn(points, 2, dtype=torch.float64)
    positions = 0.15 * torch.randn(points, 3, dtype=torch.float64)
    expected = encoder(features, positions)
    for _ in range(10):
        moved = positions @ O3().sample().double().T + torch.randn(3, dtype=torch.float64)
        torch.testing.assert_close(encoder(features, moved), expected, rtol=1e-9, atol=1e-12)
