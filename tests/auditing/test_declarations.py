"""Actions that modules of e3nn, PyG and e2cnn declare."""

import pytest
import torch
from torch import nn

from intertwine.auditing import audit, declaration
from intertwine.auditing._declarations import stated
from intertwine.groups import O3


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(5)


def report(model):
    said = declaration(model)
    return audit(
        said.function, said.input_action, said.output_action, inputs=said.inputs, dtypes=said.dtypes, samples=8
    )


class TestE3nn:
    @pytest.fixture
    def o3(self):
        return pytest.importorskip("e3nn.o3")

    def test_linear(self, o3):
        linear = o3.Linear("4x0e + 2x1o", "2x0e + 1x1o")
        report(linear).check()
        linear.irreps_out = "2x0e + 1x1e"
        assert not report(linear).passed

    def test_linear_with_broken_weights(self, o3):
        class Leaky(o3.Linear):
            def forward(self, features):
                return super().forward(features) + 1e-3

        assert not report(Leaky("4x0e + 2x1o", "2x0e + 1x1o")).passed

    def test_tensor_products(self, o3):
        report(o3.FullyConnectedTensorProduct("2x0e + 1x1o", "1x1o", "1x0e + 2x1o")).check()
        report(o3.FullTensorProduct("1x1o", "1x1o")).check()

    def test_gate_norm_activation_and_harmonics(self, o3):
        from e3nn.nn import BatchNorm, Gate, NormActivation

        report(Gate("2x0e", [torch.tanh], "2x0e", [torch.sigmoid], "2x1o")).check()
        report(NormActivation("2x0e + 2x1o", torch.tanh)).check()
        report(BatchNorm("2x0e + 2x1o")).check()
        report(o3.SphericalHarmonics([0, 1, 2, 3], normalize=True, irreps_in="1o")).check()

    def test_other_attributes_are_not_read(self):
        module = nn.Identity()
        module.irreps_in, module.irreps_out = "a", "b"
        assert declaration(module) is None
        assert declaration(nn.Linear(2, 2)) is None
        assert declaration(len) is None


class TestPyG:
    @pytest.fixture
    def pyg(self):
        return pytest.importorskip("torch_geometric.nn")

    @pytest.mark.parametrize("name", ["GCNConv", "SAGEConv", "GATConv", "GraphConv", "TAGConv"])
    def test_convolutions(self, pyg, name):
        report(getattr(pyg, name)(4, 3)).check()

    def test_a_convolution_that_knows_the_order_of_nodes(self, pyg):
        class Ordered(pyg.GCNConv):
            def forward(self, x, edge_index):
                return super().forward(x, edge_index) * torch.arange(len(x), dtype=x.dtype)[:, None]

        found = report(Ordered(4, 3))
        assert found.laws["nodes"] > 1e-2

    def test_a_convolution_on_positions_asks(self, pyg):
        assert declaration(pyg.PointNetConv(nn.Linear(7, 5))) is None


class TestE2cnn:
    @pytest.fixture
    def enn(self):
        return pytest.importorskip("e2cnn.nn")

    @pytest.mark.parametrize("order", [4, 8])
    def test_convolution(self, enn, order):
        from e2cnn import gspaces

        space = gspaces.Rot2dOnR2(order)
        image = enn.FieldType(space, [space.trivial_repr])
        field = enn.FieldType(space, [space.regular_repr, space.irrep(1)])
        report(enn.SequentialModule(enn.R2Conv(image, field, 5, padding=2), enn.R2Conv(field, field, 3))).check()

    def test_wrong_type(self, enn):
        from e2cnn import gspaces

        space = gspaces.Rot2dOnR2(4)
        image = enn.FieldType(space, [space.trivial_repr])
        layer = enn.R2Conv(image, enn.FieldType(space, [space.regular_repr]), 3)
        layer.out_type = enn.FieldType(space, 4 * [space.trivial_repr])
        assert not report(layer).passed

    @pytest.mark.parametrize(("group", "order"), [("DihedralGroup", 8), ("CyclicGroup", 6), ("O2", -1)])
    def test_groups_without_exact_rotations_ask(self, group, order):
        """Flips have their own convention, and rotations by 60 degrees need interpolation."""
        fibergroup = type(group, (), {"order": lambda self: order})()
        space = type("Space", (), {"fibergroup": fibergroup})()
        field = type("FieldType", (), {"__module__": "e2cnn.nn", "gspace": space, "representations": ()})()
        module = nn.Identity()
        module.in_type = module.out_type = field
        assert declaration(module) is None


@pytest.mark.parametrize(
    ("rep_in", "rep_out"), [("graph: 4", "graph: 0"), ("graph: x", "graph: 4"), ("graph: 4", "points: 2x0e")]
)
def test_graphs_are_stated_on_both_sides_with_channels(rep_in, rep_out):
    with pytest.raises(ValueError, match='stated as "graph: 4" on both sides'):
        stated(nn.Identity(), rep_in, rep_out, O3())


def test_a_stated_graph_is_permuted():
    class Sums(nn.Module):
        def forward(self, features, edges):
            return features + features.sum(0)

    found = stated(Sums(), "graph: 4", "graph: 4", O3())
    assert found.inputs[0].shape[1] == 4
