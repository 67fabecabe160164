"""Layers under ``torch.func``, without channels, in half precision, and compiled with the default backend."""

import pytest
import torch

from intertwine import nn
from intertwine.groups import O3
from intertwine.ops import radius_graph

REP, VECTORS, NONE = O3().rep("2x0e + 2x1o"), O3().rep("3x1o"), O3().rep("0x0e")
POSITIONS = torch.randn(2, 6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
EDGES = radius_graph(POSITIONS[0], 3.0)
RADIAL = {"radial_basis": 4, "radial_hidden": (4,), "lmax": 1}
CONVOLUTIONS = {
    "steerable": lambda: nn.SteerableConv(REP, REP, **RADIAL),
    "depthwise": lambda: nn.DepthwiseConv(REP, REP, **RADIAL),
    "so2": lambda: nn.SO2Conv(REP, REP, radial_basis=4, radial_hidden=(4,)),
    "attention": lambda: nn.SteerableAttention(REP, REP, heads=2, **RADIAL),
    "message": lambda: nn.MessageConv(REP, REP, hidden=4),
    "vector": lambda: nn.VectorPositionConv(VECTORS, VECTORS, norm=nn.VectorBatchNorm(VECTORS)),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_gradients_of_each_example(name: str) -> None:
    torch.manual_seed(0)
    layer = CONVOLUTIONS[name]().double().eval()
    features = torch.randn(6, layer.rep_in.dim, dtype=torch.float64)

    def energy(positions):
        return layer(features, positions, EDGES).square().sum()

    expected = torch.stack([torch.autograd.functional.jacobian(energy, x) for x in POSITIONS])
    torch.testing.assert_close(torch.stack([torch.func.grad(energy)(x) for x in POSITIONS]), expected)
    torch.testing.assert_close(torch.func.vmap(torch.func.grad(energy))(POSITIONS), expected)
    direction = POSITIONS[1]
    along = torch.func.jvp(energy, (POSITIONS[0],), (direction,))[1]
    torch.testing.assert_close(along, (expected[0] * direction).sum())

    parameters = {key: value.detach() for key, value in layer.named_parameters()}

    def loss(weights, positions):
        return torch.func.functional_call(layer, weights, (features, positions, EDGES)).square().sum()

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(parameters, POSITIONS)
    for i, positions in enumerate(POSITIONS):
        layer.zero_grad()
        energy(positions).backward()
        for key, value in layer.named_parameters():
            torch.testing.assert_close(each[key][i], value.grad)


POINTWISE = {
    "Linear in": (lambda: nn.Linear(NONE, REP), REP.dim),
    "Linear out": (lambda: nn.Linear(REP, NONE), 0),
    "Linear": (lambda: nn.Linear(NONE, NONE), 0),
    "Gate": (lambda: nn.Gate(NONE), 0),
    "LayerNorm": (lambda: nn.LayerNorm(NONE), 0),
    "BatchNorm": (lambda: nn.BatchNorm(NONE), 0),
    "VectorBatchNorm": (lambda: nn.VectorBatchNorm(NONE), 0),
    "VectorReLU": (lambda: nn.VectorReLU(NONE, VECTORS), 9),
    "VectorReLU out": (lambda: nn.VectorReLU(VECTORS, NONE), 0),
    "NormNonlinearity": (lambda: nn.NormNonlinearity(NONE), 0),
    "NormInvariants": (lambda: nn.NormInvariants(NONE), 0),
    "TensorSquare": (lambda: nn.TensorSquare(NONE, REP), REP.dim),
    "TensorSquare out": (lambda: nn.TensorSquare(REP, NONE), 0),
    "SphereNonlinearity": (lambda: nn.SphereNonlinearity(NONE), 0),
    "AttentiveSelfInteraction": (lambda: nn.AttentiveSelfInteraction(NONE, REP), REP.dim),
    "AttentiveSelfInteraction out": (lambda: nn.AttentiveSelfInteraction(REP, NONE), 0),
    "Pool": (lambda: nn.Pool(NONE), 0),
}


@pytest.mark.parametrize("name", POINTWISE)
def test_no_channels(name: str) -> None:
    make, width = POINTWISE[name]
    layer = make()
    output = layer(torch.ones(4, layer.rep_in.dim))
    assert output.shape == (1 if name == "Pool" else 4, width)
    assert not output.any()


@pytest.mark.parametrize("make", [nn.SteerableConv, nn.DepthwiseConv, nn.SO2Conv, nn.MessageConv])
@pytest.mark.parametrize(("rep_in", "rep_out"), [(NONE, REP), (REP, NONE), (NONE, NONE)], ids=["in", "out", "both"])
def test_convolution_without_channels(make, rep_in, rep_out) -> None:
    layer = make(rep_in, rep_out)
    positions = POSITIONS[0].float().requires_grad_()
    output = layer(torch.ones(6, rep_in.dim), positions, EDGES)
    assert output.shape == (6, layer.rep_out.dim)
    if make is not nn.MessageConv:  # which makes features of the lengths alone
        assert not output.any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("train", [False, True])
def test_vector_norm_in_half_precision(dtype: torch.dtype, train: bool) -> None:
    exact, norm = nn.VectorBatchNorm(VECTORS).double(), nn.VectorBatchNorm(VECTORS).to(dtype)
    for scale in (0.0, 1e-4, 1e-3, 1.0, 100.0):
        vectors = (scale * torch.randn(8, 9, generator=torch.Generator().manual_seed(0))).to(dtype)
        output = norm.train(train)(vectors)
        assert output.dtype == dtype
        torch.testing.assert_close(output.double(), exact.train(train)(vectors.double()), rtol=0.05, atol=0.05)
