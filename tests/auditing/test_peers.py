"""Networks of other libraries: e3nn, e2cnn (the elder brother of escnn), PyG: what they promise, and what not."""

import pytest
import torch
from torch import nn

from intertwine.actions import Array, Images, Indices, PointCloud, PointFeatures, TupleAction
from intertwine.auditing import EquivarianceError, audit
from intertwine.groups import O3, SO3, Cyclic


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(5)


class TestE3nn:
    @pytest.fixture
    def network(self):
        o3 = pytest.importorskip("e3nn.o3")
        from e3nn.nn import Gate

        class Convolution(nn.Module):
            """Tensor products with spherical harmonics of the edges, summed over neighbors, then gated."""

            def __init__(self):
                super().__init__()
                self.gate = Gate("4x0e", [torch.tanh], "4x0e", [torch.sigmoid], "4x1o")
                self.harmonics = o3.Irreps.spherical_harmonics(2)
                self.product = o3.FullyConnectedTensorProduct("2x0e+2x1o", self.harmonics, self.gate.irreps_in)
                self.mix = o3.Linear(self.gate.irreps_out, "2x0e+2x1o")

            def forward(self, features, positions, edges):
                source, target = edges
                arrows = o3.spherical_harmonics(self.harmonics, positions[source] - positions[target], True)
                messages = self.product(features[source], arrows)
                summed = messages.new_zeros(len(features), messages.shape[-1]).index_add(0, target, messages)
                return self.mix(self.gate(summed))

        return Convolution()

    def test_holds(self, network):
        rep = O3().rep(network.mix.irreps_out)
        report = audit(network, PointCloud(rep), PointFeatures(rep), samples=8, gradients=True)
        report.check(1e-5)
        assert {row.name for row in report.layers} >= {"gate", "mix"}
        assert set(report.irreps) == {"0e", "1o"}

    def test_its_constants_are_of_single_precision(self, network):
        """Not the rounding of float64 but that of the constants: what a tolerance of 1e-10 is for."""
        rep = O3().rep("2x0e + 2x1o")
        report = audit(network, PointCloud(rep), PointFeatures(rep), samples=4)
        assert 1e-10 < report.errors["float64"] < 1e-5

    def test_wrong_parity_is_caught(self, network):
        network.mix.irreps_out = None
        wrong = O3().rep("2x0e + 2x1e")
        report = audit(network, PointCloud(O3().rep("2x0e + 2x1o")), PointFeatures(wrong), samples=16)
        assert report.irreps["1e"] == pytest.approx(2, abs=1e-3)
        assert report.irreps["0e"] < 1e-5
        audit(network, PointCloud(SO3().rep("2x0+2x1")), PointFeatures(SO3().rep("2x0+2x1")), samples=8).check()


class TestE2cnn:
    """Its channels of C_4 are permuted as our regular representation says, its quarter turns are ours."""

    @pytest.fixture
    def network(self):
        gspaces = pytest.importorskip("e2cnn.gspaces")
        from e2cnn import nn as enn

        space = gspaces.Rot2dOnR2(N=4)
        image, hidden = enn.FieldType(space, [space.trivial_repr]), enn.FieldType(space, 3 * [space.regular_repr])

        class Network(nn.Module):
            def __init__(self):
                super().__init__()
                self.lift = enn.R2Conv(image, hidden, kernel_size=5, padding=2)
                self.relu = enn.ReLU(hidden)
                self.last = enn.R2Conv(hidden, hidden, kernel_size=3, padding=1)

            def forward(self, x):
                return self.last(self.relu(self.lift(enn.GeometricTensor(x, image)))).tensor

        return Network()

    def test_holds(self, network):
        source, target = Images(Cyclic(4).trivial, step=0), Images(3 * Cyclic(4).regular, step=0)
        options = {"inputs": torch.randn(1, 1, 17, 17), "modes": ("eval", "train")}
        audit(network, source, target, elements=Cyclic(4).elements, **options).check(1e-5)
        plain = Images(Cyclic(4).rep("12x0"), step=0)
        assert not audit(network, source, plain, elements=Cyclic(4).elements, **options).passed

    def test_shifts_hold_away_from_the_border(self, network):
        source = Images(Cyclic(4).trivial, reach=2, margin=6)
        target = Images(3 * Cyclic(4).regular, reach=2, margin=6)
        options = {"inputs": torch.randn(1, 1, 17, 17), "modes": ("eval", "train")}
        audit(network, source, target, samples=8, **options).check(1e-5)


class TestPyG:
    def test_graph_convolution_under_permutations(self):
        pyg = pytest.importorskip("torch_geometric.nn")
        graph = TupleAction(Array("nodes"), Indices("nodes"))
        data = torch.randn(7, 4), torch.randint(7, (2, 20))
        report = audit(pyg.GCNConv(4, 3), graph, Array("nodes"), inputs=data, samples=8, gradients=True)
        report.check(1e-5)

        def numbered(x, edges):
            return pyg.GCNConv(4, 3).to(x.dtype)(x * torch.arange(7)[:, None], edges)

        with pytest.raises(EquivarianceError, match="S_nodes"):
            audit(numbered, graph, Array("nodes"), inputs=data, samples=2).check()

    def test_point_net_knows_translations_and_no_rotations(self):
        pyg = pytest.importorskip("torch_geometric.nn")
        rep = O3().rep("4x0e")
        layer = pyg.PointNetConv(nn.Linear(7, 5))
        report = audit(layer, PointCloud(rep), PointFeatures(O3().rep("5x0e")), samples=8)
        assert report.laws["rotation"] > 1e-2
        assert max(report.laws["translation"], report.laws["permutation"]) < 1e-5
