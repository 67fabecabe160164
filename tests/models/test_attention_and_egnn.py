"""What is particular to the attention and EGNN families: heads, which representations go, what they see."""

import json

import pytest
import torch

from intertwine.groups import SO3
from intertwine.models import AttentionFamily, EGNNFamily, PointEncoder
from intertwine.nn import Geometry
from intertwine.ops import bessel_basis, radius_graph, smooth_cutoff
from intertwine.testing import assert_equivariant


def cloud() -> tuple[torch.Tensor, torch.Tensor]:
    positions = torch.randn(10, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return positions, radius_graph(positions, 2.0)


def shape_features(positions: torch.Tensor) -> torch.Tensor:
    """What a shape without features has: 1, and the position minus the center."""
    return torch.cat([torch.ones_like(positions[:, :1]), positions - positions.mean(0)], 1)


@pytest.mark.parametrize(("layer", "pool"), [("attention", None), ("egnn", None), ("egnn", "mean")])
def test_a_bare_shape_to_scalars_and_vectors(layer: str, pool: str | None) -> None:
    torch.manual_seed(0)
    encoder = PointEncoder(
        "1x0e + 1x1o", "2x0e + 1x1o", layer=layer, hidden="8x0e + 4x1o", layers=2, cutoff=2.0, pool=pool
    ).double()
    positions, edges = cloud()
    features = shape_features(positions)
    output = encoder(features, positions, edges)
    assert output.shape == ((1, 5) if pool else (10, 5))
    assert output[:, :2].abs().min() > 1e-8
    assert output[:, 2:].norm(dim=1).min() > 1e-8
    assert_equivariant(encoder, inputs=(features, positions, edges))


@pytest.mark.parametrize("layer", ["attention", "egnn"])
def test_the_vectors_of_the_input_count(layer: str) -> None:
    torch.manual_seed(0)
    encoder = PointEncoder("1x0e + 1x1o", "1x0e", layer=layer, layers=2, cutoff=2.0).double()
    positions, edges = cloud()
    features = shape_features(positions)
    other = features.clone()
    other[0, 1:] += 1
    assert (encoder(features, positions, edges) - encoder(other, positions, edges)).abs() > 1e-8


@pytest.mark.parametrize("layer", ["attention", "egnn"])
def test_the_groups_of_so3_serve_as_well(layer: str) -> None:
    rep = SO3().rep("4x0 + 2x1")
    assert_equivariant(PointEncoder(rep, SO3().rep("1x0 + 1x1"), layer=layer, hidden=rep, layers=1, cutoff=3.0))


def test_heads_are_an_option_that_the_configuration_keeps() -> None:
    encoder = PointEncoder("1x0e", "1x0e", layer=AttentionFamily(heads=2), hidden="6x0e + 3x1o", layers=1)
    assert encoder.config["layer"] == {"name": "attention", "heads": 2, "norm": "none"}
    again = PointEncoder(**json.loads(json.dumps(encoder.config)))
    assert again.family == AttentionFamily(heads=2)
    assert again.interactions[0].attend.heads == 2
    assert str(again.interactions[0].attend.rep_out) == "6x0e + 4x1o"
    with pytest.raises(ValueError, match="heads must be at least 1"):
        PointEncoder("1x0e", "1x0e", layer=AttentionFamily(heads=0), layers=1)


def test_egnn_moves_nothing_without_vectors_and_still_sees_the_distances() -> None:
    torch.manual_seed(0)
    encoder = PointEncoder("1x0e", "1x0e", layer=EGNNFamily(), hidden="8x0e", layers=2, cutoff=2.0).double()
    positions, edges = cloud()
    features = torch.ones(10, 1, dtype=torch.float64)
    assert (encoder(features, positions, edges) - encoder(features, 0.9 * positions, edges)).abs() > 1e-8


@pytest.mark.parametrize("hidden", ["8x0e + 4x2e", "4x1o", "4x1o + 8x0e", "8x0e + 4x1e"])
def test_egnn_has_scalars_and_vectors_inside(hidden: str) -> None:
    with pytest.raises(ValueError, match='hidden of layer "egnn" is "Cx0e'):
        PointEncoder("1x0e", "1x0e", layer="egnn", hidden=hidden, layers=1)


def test_egnn_gives_scalars_and_vectors_only() -> None:
    with pytest.raises(ValueError, match='"egnn" gives scalars and vectors only, not rep_out = 2e'):
        PointEncoder("1x0e", "1x2e", layer="egnn")
    encoder = PointEncoder("1x2e + 1x0o", "1x0e + 1x1o", layer="egnn", hidden="8x0e + 2x1o", layers=1, cutoff=2.0)
    positions, edges = cloud()
    assert_equivariant(encoder, inputs=(torch.ones(10, 6), positions.float(), edges))


def test_egnn_is_smooth_at_the_cutoff() -> None:
    torch.manual_seed(0)
    encoder = PointEncoder("1x0e", "1x0e + 1x1o", layer="egnn", layers=2, cutoff=2.0).double()
    features, edges = torch.ones(2, 1, dtype=torch.float64), torch.tensor([[1, 0], [0, 1]])

    def at(distance: float) -> torch.Tensor:
        return encoder(features, torch.tensor([[0.0, 0, 0], [distance, 0, 0]], dtype=torch.float64), edges)

    assert (at(1.0) - at(2.5)).norm() > 1e-6
    assert (at(2 - 1e-3) - at(2.5)).norm() <= 1e-6 * (at(1.0) - at(2.5)).norm()


def test_the_egnn_interaction_is_the_layer_on_positions_that_have_moved() -> None:
    torch.manual_seed(0)
    encoder = PointEncoder("1x0e", "1x0e", layer="egnn", hidden="4x0e + 3x1o", layers=1, cutoff=2.0).double()
    (interaction,), (positions, edges) = encoder.interactions, cloud()
    where = Geometry.from_edges(positions, edges)
    hidden = torch.randn(10, 13, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    begin = positions[:, None] / 2 + hidden[:, 4:].unflatten(1, (3, 3))
    ends = torch.stack([where.graph.source, where.graph.target])
    known = bessel_basis(where.lengths, 2.0, 8), smooth_cutoff(where.lengths, 2.0)
    scalars, moved = interaction.conv(hidden[:, :4], begin, ends, *known)
    expected = torch.cat([hidden[:, :4] + scalars, (moved - positions[:, None] / 2).flatten(1)], 1)
    torch.testing.assert_close(interaction(hidden, where), expected, rtol=1e-12, atol=1e-12)


def test_the_scalars_and_lengths_of_the_input_count_in_egnn() -> None:
    torch.manual_seed(0)
    encoder = PointEncoder("2x0e + 1x2e", "1x0e", layer="egnn", hidden="8x0e + 2x1o", layers=0).double()
    positions, edges = cloud()
    features = torch.randn(10, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    (slope,) = torch.autograd.grad(encoder(features, positions, edges).sum(), features)
    assert slope.abs().min() > 0
