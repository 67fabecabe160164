"""Linear maps between exchangeable arrays: number, span, law, masks and sparse entries."""

from types import MappingProxyType

import pytest
import torch
from torch import nn

from intertwine.actions import Array, Indices, TrivialAction, TupleAction
from intertwine.auditing import EquivarianceError, audit
from intertwine.groups import Symmetric, direct_product, left_projection, right_projection
from intertwine.hom import intertwiners
from intertwine.nn import ExchangeableLinear, ObservedEntries
from intertwine.testing import ModuleCase, ModuleTests, assert_equivariant

BELL = [1, 1, 2, 5, 15, 52, 203]
ROWS, COLUMNS = 4, 5


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def dense_matrices(layer, *shape):
    """The matrix of each map, on arrays with one channel: ``(maps, out, in)``."""
    layer = layer.double()
    size = torch.Size(shape).numel()
    units = torch.eye(size, dtype=torch.float64).reshape(size, *shape, 1)
    matrices = []
    for weight in layer.map_weights():
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.zero_()
            weight.fill_(1)
            matrices.append(layer(units).flatten(1).T)
    return torch.stack(matrices)


def assert_same_span(matrices, basis):
    flat = matrices.flatten(1)
    assert torch.linalg.matrix_rank(flat) == len(flat) == len(basis)
    known = basis.flatten(1)
    torch.testing.assert_close(flat @ known.T @ known, flat, rtol=0, atol=1e-12)


class TestNumberOfMaps:
    @pytest.mark.parametrize(("order_in", "order_out"), [(1, 1), (2, 1), (1, 2), (2, 2), (3, 2), (3, 3)])
    def test_one_group_counts_partitions(self, order_in, order_out):
        layer = ExchangeableLinear("n " * order_in, 1, 1, "n " * order_out)
        assert layer.num_maps == BELL[order_in + order_out]
        assert layer.num_biases == BELL[order_out]

    @pytest.mark.parametrize("order", [1, 2, 3, 4])
    def test_a_group_for_each_axis_counts_subsets(self, order):
        axes = " ".join("abcd"[:order])
        assert ExchangeableLinear(axes, 1, 1).num_maps == 2**order
        assert ExchangeableLinear(axes, 1, 1, "1").num_maps == 1

    def test_unmoved_axes_are_dense(self):
        layer = ExchangeableLinear("rows 3", 2, 4, "rows 5")
        assert layer.num_maps == 2 * 3 * 5
        assert layer.weights[0].shape == (1, 3 * 2, 5 * 4)

    @pytest.mark.parametrize(("order_in", "order_out"), [(1, 2), (2, 1), (2, 2)])
    def test_span_is_that_of_the_intertwiners(self, order_in, order_out):
        V = Symmetric(4).vector
        basis = intertwiners(V**order_in, V**order_out)
        layer = ExchangeableLinear("n " * order_in, 1, 1, "n " * order_out, bias=False)
        assert_same_span(dense_matrices(layer, *[4] * order_in), basis)

    def test_span_of_a_product_of_groups(self):
        layer = ExchangeableLinear("rows columns", 1, 1, bias=False)
        group = direct_product(Symmetric(ROWS), Symmetric(COLUMNS))
        rows = Symmetric(ROWS).vector.restrict(left_projection(group))
        columns = Symmetric(COLUMNS).vector.restrict(right_projection(group))
        assert_same_span(dense_matrices(layer, ROWS, COLUMNS), intertwiners(rows * columns, rows * columns))

    def test_names(self):
        names = [each.name for each in ExchangeableLinear("rows columns", 1, 1).maps]
        assert names == ["identity", "row mean", "column mean", "all mean"]
        patterns = [each.pattern for each in ExchangeableLinear("n n", 1, 1).maps]
        assert patterns[:2] == ["x[ab] -> y[ab]", "x[ab] -> y[ba]"]
        assert len(set(patterns)) == 15


class TestFormula:
    def test_rows_and_columns(self):
        layer, x = ExchangeableLinear("rows columns", 2, 3).double(), randn(4, 5, 2)
        identity, row, column, everything = layer.map_weights()
        expected = x @ identity + x.mean(1, keepdim=True) @ row + x.mean(0, keepdim=True) @ column
        expected = expected + x.mean((0, 1)) @ everything + layer.bias
        torch.testing.assert_close(layer(x), expected)

    @pytest.mark.parametrize("axes", ["n n", "n n n", "a n a", "a 2 b + a + 3 + 1"])
    def test_batches_equal_loops(self, axes):
        layer = ExchangeableLinear(axes, 2, 3).double()
        x = layer.action_in.example(seeded())
        several = x if isinstance(x, tuple) else (x,)
        batch = tuple(torch.stack([each, each * 2 + 1]) for each in several)
        joined = layer(batch)
        for k in range(2):
            alone = layer(tuple(each[k] for each in batch))
            torch.testing.assert_close(_part(joined, k), alone if isinstance(alone, tuple) else (alone,))

    @pytest.mark.parametrize("axes", ["rows columns", "a 2 b", "a b c", "a b c d"])
    @pytest.mark.parametrize("bias", [True, False])
    def test_few_passes_equal_the_general_way(self, axes, bias):
        """One array of different axes has an operator of its own; with a mask, here of everything, it has not."""
        layer = ExchangeableLinear(axes, 2, 3, bias=bias).double()
        if bias:
            torch.nn.init.normal_(layer.bias)
        x = torch.stack([layer.action_in.example(seeded(k)) for k in range(2)]).requires_grad_()
        everything = torch.ones(x.movedim(2, -1).shape[:-2] if axes == "a 2 b" else x.shape[:-1], dtype=torch.bool)
        fast, slow = layer(x), layer(x, mask=everything)
        torch.testing.assert_close(fast, slow, rtol=0, atol=1e-12)
        leaves, cotangent = [x, *layer.parameters()], randn(*slow.shape)
        expected = torch.autograd.grad(slow, leaves, cotangent)
        torch.testing.assert_close(torch.autograd.grad(fast, leaves, cotangent), expected, rtol=0, atol=1e-12)

    @pytest.mark.parametrize(("axes", "axes_out"), [("n n", "n n"), ("n n", "n"), ("n n n", "n n")])
    def test_diagonal_and_masks_equal_smaller_arrays(self, axes, axes_out):
        """Graphs of different sizes, padded, against one by one."""
        layer = ExchangeableLinear(axes, 2, 3, axes_out).double()
        sizes, order, widest = [3, 5, 4], len(axes.split()), 5
        x = torch.zeros(3, *[widest] * order, 2).double()
        mask = torch.zeros(3, *[widest] * order, dtype=torch.bool)
        graphs = []
        for k, size in enumerate(sizes):
            graphs.append(randn(*[size] * order, 2, seed=k))
            where = (k, *[slice(size)] * order)
            x[where], mask[where] = graphs[-1], True
        padded = layer(x, mask=mask)
        for k, (size, graph) in enumerate(zip(sizes, graphs, strict=True)):
            where = (k, *[slice(size)] * len(axes_out.split()))
            torch.testing.assert_close(padded[where], layer(graph), rtol=0, atol=1e-12)

    def test_masked_entries_have_no_influence(self):
        layer, x = ExchangeableLinear("rows columns", 2, 3).double(), randn(4, 5, 2)
        mask = torch.rand(4, 5, generator=seeded()) < 0.6
        noise = torch.where(mask[..., None], x, 100 * x)
        torch.testing.assert_close(layer(noise, mask=mask), layer(x, mask=mask), rtol=0, atol=0)
        assert not layer(x, mask=mask)[~mask].any()


def _part(joined, k):
    return tuple(each[k] for each in joined) if isinstance(joined, tuple) else (joined[k],)


class TestSparse:
    @pytest.mark.parametrize("axes", ["rows columns", "rows columns + rows + columns + 1", "rows columns 3 + rows"])
    def test_equals_masked_dense(self, axes):
        layer = ExchangeableLinear(axes, 2, 3).double()
        mask = torch.rand(6, 7, generator=seeded()) < 0.4
        mask[2], mask[:, 3] = False, False
        shapes = {"rows columns": (6, 7), "rows columns 3": (6, 7, 3), "rows": (6,), "columns": (7,), "1": ()}
        given = tuple(randn(*shapes[str(array)], 2, seed=k) for k, array in enumerate(layer.arrays_in))
        dense = layer(given, mask=(mask, *[None] * (len(given) - 1)))
        sparse = layer((given[0][mask], *given[1:]), mask.nonzero().T, sizes=(6, 7))
        dense, sparse = (x if isinstance(x, tuple) else (x,) for x in (dense, sparse))
        torch.testing.assert_close(sparse[0], dense[0][mask], rtol=0, atol=1e-12)
        torch.testing.assert_close(sparse[1:], dense[1:], rtol=0, atol=1e-12)

    def test_three_axes_and_gradients(self):
        layer = ExchangeableLinear("a b c", 2, 2).double()
        mask = torch.rand(3, 4, 3, generator=seeded()) < 0.5
        x = randn(int(mask.sum()), 2).requires_grad_()
        full = torch.zeros(3, 4, 3, 2).double()
        entries = ObservedEntries.from_index(mask.nonzero().T, (3, 4, 3))
        torch.testing.assert_close(layer(x, entries), layer(full.masked_scatter(mask[..., None], x), mask=mask)[mask])
        assert torch.autograd.gradcheck(lambda v: layer(v, entries), (x,))
        assert torch.autograd.gradgradcheck(lambda v: layer(v, entries).square().sum(), (x,))

    def test_gradients_equal_those_of_masked_dense(self):
        layer = ExchangeableLinear("rows columns + rows + 1", 2, 2, "columns + rows columns + rows").double()
        mask = torch.rand(4, 5, generator=seeded()) < 0.6
        sides = (randn(4, 2, seed=1), randn(2, seed=2))
        full = randn(4, 5, 2)
        gradients = []
        for sparse in (True, False):
            given = tuple(each.clone().requires_grad_() for each in (full, *sides))
            if sparse:
                columns, entries, rows = layer((given[0][mask], *given[1:]), mask.nonzero().T, sizes=(4, 5))
            else:
                columns, entries, rows = layer(given, mask=(mask, None, None))
                entries = entries[mask]
            loss = entries.sin().sum() + columns.square().sum() + rows.cos().sum()
            once = torch.autograd.grad(loss, [*given, *layer.parameters()], create_graph=True)
            twice = torch.autograd.grad(sum(x.square().sum() for x in once), [*given, *layer.weights])
            gradients.append([*once, *twice])
        for found, expected in zip(*gradients, strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)

    def test_forward_derivatives(self):
        layer, x, v = ExchangeableLinear("a b", 2, 3).double(), randn(6, 2), randn(6, 2, seed=1)
        entries = ObservedEntries.from_index(torch.tensor([[0, 0, 1, 2, 2, 2], [0, 1, 1, 0, 1, 3]]), (3, 4))
        found = torch.func.jvp(lambda values: layer(values, entries), (x,), (v,))[1]
        torch.testing.assert_close(found, layer(v, entries) - layer(torch.zeros_like(v), entries))

    def test_side_features_from_entries_alone(self):
        layer = ExchangeableLinear("cameras points", 2, 3, "cameras + points + 1").double()
        values, index = randn(9, 2), torch.stack([torch.arange(9) % 3, torch.arange(9) % 4])
        cameras, points, whole = layer(values, index, sizes=(3, 4))
        assert (cameras.shape, points.shape, whole.shape) == ((3, 3), (4, 3), (3,))

    def test_duplicates_count_twice_and_no_entries_are_fine(self):
        layer = ExchangeableLinear("rows columns", 1, 1, "rows", bias=False).double()
        values = torch.tensor([[1.0], [4.0], [4.0]], dtype=torch.float64)
        row, everything = (float(weight) for weight in layer.map_weights())
        out = layer(values, torch.tensor([[0, 0, 0], [0, 1, 1]]), sizes=(2, 2))
        torch.testing.assert_close(out[:, 0], torch.tensor([3 * (row + everything), 3 * everything]).double())
        empty = layer(torch.zeros(0, 1).double(), torch.zeros(2, 0, dtype=torch.long), sizes=(2, 2))
        assert empty.tolist() == [[0.0], [0.0]]

    def test_law(self):
        layer = ExchangeableLinear("cameras points + cameras", 2, 3)
        rows, columns = torch.arange(12) % 4, torch.arange(12) % 5
        data = (randn(12, 2), randn(4, 2), randn(5), rows, columns)
        action = TupleAction(None, Array("cameras ."), Array("points"), Indices("cameras"), Indices("points"))
        out = TupleAction(TrivialAction(), Array("cameras ."))

        class Network(nn.Module):
            def __init__(self, bad):
                super().__init__()
                self.layer, self.bad = layer, bad

            def forward(self, values, cameras, points, rows, columns):
                entries, cameras = self.layer((values, cameras), torch.stack([rows, columns]), sizes=(4, 5))
                return entries, cameras + self.bad * cameras.cumsum(0)

        assert audit(Network(0.0), action, out, inputs=data, layers=False).passed
        assert not audit(Network(1.0), action, out, inputs=data, layers=False).passed


class TestConformance(ModuleTests):
    tolerance = MappingProxyType({"float32": 1e-5, "float64": 1e-12})

    def cases(self):
        return {
            "set": ModuleCase(lambda: ExchangeableLinear("items", 4, 3)),
            "matrix": ModuleCase(lambda: ExchangeableLinear("rows columns", 4, 3), degenerate=("zeros", "no points")),
        }


class TestAxesOfOneName(ModuleTests):
    tolerance = TestConformance.tolerance

    def cases(self):
        return {
            "graph": ModuleCase(lambda: ExchangeableLinear("n n", 2, 3), degenerate=("zeros",)),
            "invariants": ModuleCase(lambda: ExchangeableLinear("n n 2", 2, 3, "1"), degenerate=("zeros",)),
        }

    def test_export(self, case):
        """The two axes have one size, which is dynamic."""
        module, (x,) = case.new_module().eval(), case.inputs_of(case.new_module())
        n = torch.export.Dim("n", min=2)
        program = torch.export.export(module, (x,), dynamic_shapes=({0: n, 1: n},)).module()
        for other in (x, x[:3, :3]):
            torch.testing.assert_close(program(other), module(other))


class TestExportedSparse:
    def test_any_number_of_entries(self):
        layer, index = ExchangeableLinear("a b", 2, 3), torch.tensor([[0, 0, 1, 2], [0, 1, 3, 3]])

        class Fixed(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = layer

            def forward(self, values, index):
                return self.layer(values, index, sizes=(3, 4))

        module, values = Fixed(), torch.randn(4, 2, generator=seeded())
        shapes = ({0: torch.export.Dim.DYNAMIC}, {1: torch.export.Dim.DYNAMIC})
        program = torch.export.export(module, (values, index), dynamic_shapes=shapes).module()
        for count in (4, 3):
            given = values[:count], index[:, :count]
            torch.testing.assert_close(program(*given), module(*given))


class TestErrors:
    @pytest.mark.parametrize(
        ("axes", "message"),
        [
            ("", "axes are text"),
            ("rows, columns", '"rows," in'),
            ("rows + ", "without axes"),
            ("0", '"0" in'),
            (3, "got 3"),
        ],
    )
    def test_axes(self, axes, message):
        with pytest.raises(ValueError, match=message):
            ExchangeableLinear(axes, 1, 1)

    def test_unknown_output_axis(self):
        with pytest.raises(ValueError, match='the output "columns" has the axis "columns"'):
            ExchangeableLinear("rows", 1, 1, "columns")

    def test_channels(self):
        with pytest.raises(ValueError, match="channels_in expects"):
            ExchangeableLinear("rows + columns", [1, 2, 3], 1)

    def test_shapes(self):
        layer = ExchangeableLinear("n n", 2, 3)
        with pytest.raises(ValueError, match=r'the array "n n" as \(\*batch, n, n, 2\), got \(3, 4, 2\) where n 3'):
            layer(torch.zeros(3, 4, 2))
        with pytest.raises(ValueError, match="expected a mask"):
            layer(torch.zeros(3, 3, 2), mask=torch.ones(3, dtype=torch.bool))

    def test_sparse(self):
        layer, index = ExchangeableLinear("rows columns", 2, 3), torch.tensor([[0], [9]])
        with pytest.raises(ValueError, match=r"need the sizes"):
            layer(torch.zeros(1, 2), index)
        with pytest.raises(ValueError, match=r"expected indices 0 .. 4 along axis 1, got 9 .. 9"):
            layer(torch.zeros(1, 2), index, sizes=(3, 5))
        with pytest.raises(ValueError, match="with different names"):
            ExchangeableLinear("n n", 2, 3)(torch.zeros(1, 2), torch.zeros(2, 1, dtype=torch.long), sizes=(3, 3))

    def test_a_layer_that_orders_its_rows_fails(self):
        class Ordered(ExchangeableLinear):
            def forward(self, values):
                return super().forward(values).cumsum(0)

        with pytest.raises(EquivarianceError):
            assert_equivariant(Ordered("rows columns", 2, 3), samples=4)
