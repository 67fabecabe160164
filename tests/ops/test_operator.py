"""Every operator under every transform, beside plain autograd: forward derivatives, ``torch.func``, vmap, autocast."""

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.autograd.functional import jvp as jvp_by_double_backward

from intertwine import ops
from intertwine.ops import Coupling, EdgeVectors, Graph, SO2Coupling
from intertwine.ops._operator import operator
from intertwine.ops.functions import _activation, _harmonic_derivatives
from intertwine.ops.functions._unit_vectors import unit_vectors
from intertwine.ops.so2 import _rotation_generators
from intertwine.ops.steerable._fused_conv import fused_conv
from intertwine.ops.steerable._small_conv import small_conv

EDGES = torch.tensor([[1, 2, 3, 0, 0], [0, 0, 2, 3, 2]])
GRAPH = Graph.from_edges(EDGES, 4)
SMALL = Coupling((((0, 1), 2), ((1, -1), 1)), (((0, 1), 1), ((1, -1), 2)), lmax=1)
SO2 = SO2Coupling((((0, 1), 1), ((1, -1), 2)), (((1, -1), 1), ((2, 1), 1)), mmax=2)


def _conv(convolve, coupling=SMALL, weights=None):
    shapes = [(rows * 2, columns) for rows, columns in coupling.weight_shapes()] if weights is None else [weights]
    tensor = coupling.clebsch_gordan()

    def function(features, harmonics, radial, *matrices):
        given = matrices if weights is None else matrices[0]
        clebsch_gordan = tensor.to(torch.promote_types(features.dtype, torch.float32))
        return convolve(features, harmonics, radial, GRAPH, coupling, clebsch_gordan, given)

    return function, [(4, sum((2 * l + 1) * c for (l, _), c in coupling.inputs)), (5, 4), (5, 2), *shapes]


def _messages(features, harmonics, radial, *weights):
    tensor = SMALL.clebsch_gordan().to(torch.promote_types(features.dtype, torch.float32))
    return ops.steerable_messages(features, harmonics, radial, GRAPH.by_source(4), SMALL, tensor, weights)


def _so2(features, radial, vectors, scales, *weights):
    return ops.so2_conv(features, radial, vectors, GRAPH, SO2, scales, weights)


def _vn_relu(q, q_source, k, edge_attr, mixing, affine):
    values, directions = EdgeVectors(q, q_source, mixing), EdgeVectors(k)
    return ops.vn_relu_mean(values, directions, GRAPH, edge_attr=edge_attr, affine=affine, negative_slope=0.2)


def _norm_stats(q, q_source):
    return torch.stack(ops.edge_norm_stats(EdgeVectors(q, q_source), GRAPH))


DEPTHWISE = Coupling.depthwise((((0, 1), 2), ((1, -1), 2)), (((0, 1)), ((1, -1))), lmax=1)
CASES = {
    "harmonics": (lambda v: ops.spherical_harmonics(2, v), [(4, 3)]),
    "solid harmonics": (lambda v: ops.spherical_harmonics(3, v, normalize=False), [(4, 3)]),
    "harmonics_vjp": (lambda g, y: _harmonic_derivatives.harmonics_vjp(g, y, "norm"), [(4, 9), (4, 9)]),
    "unit_vectors": (lambda v: torch.cat(unit_vectors(v)), [(4, 3)]),
    "silu": (ops.silu, [(4, 3)]),
    "silu_backward": (_activation._backward, [(4, 3), (4, 3)]),
    "silu_double_backward": (_activation._double_backward, [(4, 3), (4, 3), (4, 3)]),
    "segment_outer": (lambda a, b: ops.segment_outer(a, b, EDGES[1], 4), [(5, 2), (5, 3)]),
    "segment_apply": (lambda z, b: ops.segment_apply(z, b, EDGES[1]), [(4, 2, 3), (5, 3)]),
    "torque": (lambda g, d: _rotation_generators.torque(g, d, 1), [(4, 10), (4, 10)]),
    "infinitesimal_rotation": (lambda w, d: _rotation_generators.infinitesimal_rotation(w, d, 1), [(4, 3), (4, 10)]),
    "apply_generator": (lambda x: _rotation_generators.apply_generator(x, [1, 2, 0, 4], 2), [(4, 10)]),
    "edge_wigner_d": (lambda v: ops.edge_wigner_d(v, 2)[2][:, :, 2], [(4, 3)]),  # the column that is free of the roll
    "fused_conv": _conv(fused_conv),
    "small_conv": _conv(small_conv),
    "depthwise_conv": _conv(ops.depthwise_conv, DEPTHWISE, (2, sum(c for _, c in DEPTHWISE.outputs))),
    "messages": (_messages, _conv(fused_conv)[1]),
    "so2_conv": (_so2, [(4, 7), (5, 2), (5, 3), (2, SO2.num_scales), *SO2.weight_shapes()]),
    "vn_relu_mean": (_vn_relu, [(3, 4, 2), (3, 4, 2), (3, 4, 2), (3, 5, 2), (2, 2), (2, 2)]),
    "array_linear": (ops.array_linear, [(2, 3, 4, 2), (2, 3), (3, 2, 3), (3,)]),
    "array_linear of three axes": (ops.array_linear, [(1, 2, 3, 2, 2), (2, 1), (7, 2, 1), (1,)]),
    "edge_norm_stats": (_norm_stats, [(3, 4, 2), (3, 4, 2)]),
}
every_operator = pytest.mark.parametrize("name", CASES)


def draw(shapes, seed: int = 0, *batch: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*batch, *shape, dtype=torch.float64, generator=generator) for shape in shapes]


def scalar(function):
    def total(*args):
        result = function(*args)
        return (result * torch.linspace(0.5, 1, result.numel(), dtype=result.dtype).view_as(result)).square().sum()

    return total


def plain_gradients(function, args) -> tuple[Tensor, ...]:
    leaves = [x.clone().requires_grad_() for x in args]
    return torch.autograd.grad(scalar(function)(*leaves), leaves)


@every_operator
def test_forward_derivative(name: str) -> None:
    function, shapes = CASES[name]
    args, tangents = draw(shapes), draw(shapes, 1)
    expected = jvp_by_double_backward(function, tuple(args), tuple(tangents))[1]
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(torch.func.jvp(function, tuple(args), tuple(tangents))[1], expected)
    with forward_ad.dual_level():
        result = function(*map(forward_ad.make_dual, args, tangents))
        torch.testing.assert_close(forward_ad.unpack_dual(result).tangent, expected)


@every_operator
def test_forward_derivative_in_each_argument(name: str) -> None:
    function, shapes = CASES[name]
    args, tangents = draw(shapes), draw(shapes, 1)
    for i, tangent in enumerate(tangents):

        def only(x, i=i):
            return function(*args[:i], x, *args[i + 1 :])

        expected = jvp_by_double_backward(only, args[i], tangent)[1]
        torch.testing.assert_close(torch.func.jvp(only, (args[i],), (tangent,))[1], expected)


@every_operator
def test_functional_gradient(name: str) -> None:
    function, shapes = CASES[name]
    args = draw(shapes)
    found = torch.func.grad(scalar(function), tuple(range(len(args))))(*args)
    torch.testing.assert_close(found, plain_gradients(function, args))


@pytest.mark.parametrize("order", [2, pytest.param(3, marks=pytest.mark.slow)])
@every_operator
def test_forward_derivatives_of_higher_order(name: str, order: int) -> None:
    """Forward over forward beside reverse over forward, and once more."""
    function, shapes = CASES[name]
    args, tangents = tuple(draw(shapes)), tuple(draw(shapes, 1))

    def derivative(*x):
        return function(*x).sin().sum()

    for _ in range(order - 1):

        def derivative(*x, lower=derivative):
            return torch.func.jvp(lower, x, tangents)[1]

        gradients = torch.func.grad(derivative, tuple(range(len(args))))(*args)
        expected = sum((g * t).sum() for g, t in zip(gradients, tangents, strict=True))
        assert abs(expected) > 1e-3
        torch.testing.assert_close(torch.func.jvp(derivative, args, tangents)[1], expected)


@every_operator
def test_second_derivatives(name: str) -> None:
    """Along one direction: reverse over reverse, forward over reverse and reverse over forward."""
    function, shapes = CASES[name]
    args, tangents = draw(shapes), draw(shapes, 1)
    leaves = [x.clone().requires_grad_() for x in args]
    gradients = torch.autograd.grad(scalar(function)(*leaves), leaves, create_graph=True)
    along = sum((g * t).sum() for g, t in zip(gradients, tangents, strict=True))
    expected = torch.autograd.grad(along, leaves)

    every = tuple(range(len(args)))
    gradient = torch.func.grad(scalar(function), every)
    torch.testing.assert_close(torch.func.jvp(gradient, tuple(args), tuple(tangents))[1], expected)

    def derivative(*x):
        return torch.func.jvp(scalar(function), x, tuple(tangents))[1]

    torch.testing.assert_close(torch.func.grad(derivative, every)(*args), expected)
    leaves = [x.clone().requires_grad_() for x in args]
    torch.testing.assert_close(torch.autograd.grad(derivative(*leaves), leaves), expected)

    def pulled(*x):
        products = ((g * t).sum() for g, t in zip(torch.func.grad(scalar(function), every)(*x), tangents, strict=True))
        return sum(products)

    torch.testing.assert_close(torch.func.grad(pulled, every)(*args), expected)


@every_operator
def test_vmap(name: str) -> None:
    function, shapes = CASES[name]
    batch = draw(shapes, 0, 3)
    expected = torch.stack([function(*args) for args in zip(*batch, strict=True)])
    torch.testing.assert_close(torch.func.vmap(function)(*batch), expected)
    last = [batch[0].movedim(0, -1), *(x[0] for x in batch[1:])]  # one argument only, along its last axis
    found = torch.func.vmap(function, in_dims=(-1, *[None] * (len(batch) - 1)))(*last)
    torch.testing.assert_close(found, torch.stack([function(x, *last[1:]) for x in batch[0]]))


@every_operator
def test_gradients_of_each_example(name: str) -> None:
    function, shapes = CASES[name]
    batch = draw(shapes, 0, 2)
    every = tuple(range(len(batch)))
    expected = [plain_gradients(function, args) for args in zip(*batch, strict=True)]
    stacked = tuple(torch.stack(column) for column in zip(*expected, strict=True))
    torch.testing.assert_close(torch.func.vmap(torch.func.grad(scalar(function), every))(*batch), stacked)

    def total(*args):
        return torch.func.vmap(scalar(function))(*args).sum()

    torch.testing.assert_close(torch.func.grad(total, every)(*batch), stacked)
    leaves = [x.clone().requires_grad_() for x in batch]
    torch.testing.assert_close(torch.autograd.grad(total(*leaves), leaves), stacked)


@pytest.mark.parametrize("name", ["solid harmonics", "fused_conv", "so2_conv", "vn_relu_mean"])
def test_jacobians(name: str) -> None:
    function, shapes = CASES[name]
    args = draw(shapes)
    expected = torch.autograd.functional.jacobian(lambda x: function(x, *args[1:]), args[0])
    for jacobian in (torch.func.jacfwd, torch.func.jacrev):
        torch.testing.assert_close(jacobian(function)(*args), expected)


@every_operator
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_computes_in_float32(name: str, dtype: torch.dtype) -> None:
    function, shapes = CASES[name]
    half = [x.to(dtype) for x in draw(shapes)]
    expected = function(*(x.float() for x in half))
    leaves = [half[0].requires_grad_(), *(x.float() for x in half[1:])]  # of two dtypes
    with torch.autocast("cpu", dtype):
        found = function(*leaves)
        functional = torch.func.grad(lambda x: function(x, *leaves[1:]).sum())(leaves[0].detach())
    tolerance = 0.02 if "harmonics" in name or "wigner" in name else 1e-5
    torch.testing.assert_close(found.float(), expected.float(), rtol=tolerance, atol=tolerance)
    (gradient,) = torch.autograd.grad(found.sum(), leaves[0])
    assert gradient.dtype == dtype
    torch.testing.assert_close(functional, gradient, rtol=0.05, atol=0.05)


def test_graphs_inside_of_a_derivative() -> None:
    """The choice of neighbors has no derivative; it does not stand in the way of one."""
    points = draw([(8, 3)])[0]

    def energy(positions):
        edges = ops.knn_graph(positions, 3)
        table = ops.knn_table(positions, 2)
        sample = ops.farthest_point_sampling(positions, 4)
        lengths = (positions[edges[0]] - positions[edges[1]]).square().sum()
        return lengths + positions[table].sum() + positions[sample].square().sum()

    expected = torch.autograd.functional.jacobian(energy, points)
    torch.testing.assert_close(torch.func.grad(energy)(points), expected)
    torch.testing.assert_close(torch.func.jacfwd(energy)(points), expected)
    torch.testing.assert_close(torch.func.vmap(energy)(points[None])[0], energy(points))


def test_vmap_refuses_graphs_of_different_sizes() -> None:
    batch = torch.stack([torch.zeros(4, 3), torch.arange(12.0).view(4, 3)])
    with pytest.raises(ValueError, match="results of one shape"):
        torch.func.vmap(lambda x: ops.radius_graph(x, 1.0))(batch)


@operator("test_without_derivative")
def _square(x: Tensor) -> Tensor:
    return x.square()


@_square.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x)


def test_no_derivative_is_an_error() -> None:
    x = torch.ones(3)
    with pytest.raises(NotImplementedError, match="has no derivative"):
        torch.func.jvp(_square, (x,), (x,))
    with pytest.raises(NotImplementedError, match="has no derivative"):
        torch.func.grad(lambda x: _square(x).sum())(x)
    with pytest.raises(NotImplementedError, match="has no derivative"):
        _square(x.requires_grad_()).sum().backward()
