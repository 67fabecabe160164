"""The point encoder: degenerate clouds, and errors of use."""

import pytest
import torch

from intertwine.groups import SO3
from intertwine.models import PointEncoder
from intertwine.ops import radius_graph


@pytest.fixture(params=["attention", "egnn", "message", "steerable"])
def encoder(request: pytest.FixtureRequest) -> PointEncoder:
    torch.manual_seed(0)
    return PointEncoder("3x0e", "2x0e + 1x1o", layer=request.param, hidden="8x0e + 4x1o", layers=2, cutoff=2.0).double()


@pytest.mark.parametrize(
    "positions",
    [torch.zeros(1, 3), torch.zeros(4, 3), torch.tensor([[0.0, 0, 0], [1, 0, 0], [1.5, 0, 0]]), torch.zeros(0, 3)],
    ids=["one point", "all points equal", "a line", "none"],
)
def test_degenerate_clouds_have_finite_outputs_and_gradients(encoder: PointEncoder, positions: torch.Tensor) -> None:
    positions = positions.double().requires_grad_()
    features = torch.ones(len(positions), 3, dtype=torch.float64)
    batch = torch.zeros(len(positions), dtype=torch.int64)
    output = encoder(features, positions, radius_graph(positions, 2.0), batch, 1)
    assert output.shape == (1, 5)
    assert output.isfinite().all()
    output.sum().backward()
    assert positions.grad is None or positions.grad.isfinite().all()


def test_bad_use_says_so() -> None:
    with pytest.raises(ValueError, match=r"known: .*message, steerable"):
        PointEncoder("1x0e", "1x0e", layer="steered")
    with pytest.raises(ValueError, match="layers"):
        PointEncoder("1x0e", "1x0e", layers=-1)
    model = PointEncoder("1x0e", "1x0e", layers=1)
    with pytest.raises(ValueError, match=r"positions must be \(2, 3\)"):
        model(torch.ones(2, 1), torch.ones(2, 2), torch.zeros((2, 0), dtype=torch.int64))


def test_text_is_read_in_the_grammar_of_the_other_representation() -> None:
    encoder = PointEncoder(SO3().rep("2x0 + 1x1"), "1x0 + 1x1", layers=1, lmax=1)
    assert encoder.rep_out == SO3().rep("1x0 + 1x1")
    assert encoder.hidden == SO3().rep("32x0 + 16x1 + 8x2")  # the default, restricted
    assert PointEncoder("1x0 + 1x1", SO3().rep("1x1"), hidden="4x0 + 2x1", layers=1).rep_in == SO3().rep("1x0 + 1x1")


def test_the_output_starts_at_its_scale() -> None:
    torch.manual_seed(0)
    scales = {}
    for scale in (0.02, 1.0):
        encoder = PointEncoder("4x0e", "64x0e", layers=1, lmax=1, pool=None, output_scale=scale).eval()
        scales[scale] = encoder.readout(torch.randn(200, encoder.hidden.dim)).std().item()
    assert scales[1.0] / scales[0.02] == pytest.approx(50, rel=0.3)
