"""Networks on images and volumes: exact on the grid, small errors between, export, audit, bad options."""

import copy

import pytest
import torch

from intertwine.actions import Images, LinearAction, RotatedImages, Transform
from intertwine.auditing import audit
from intertwine.groups import O2, SO2, SO3, Cyclic, Dihedral, Icosahedral, Octahedral
from intertwine.models import (
    GCNN,
    FourierFields,
    GatedFields,
    HarmonicNetwork,
    NormFields,
    RegularFields,
    UNet,
    VoxelCNN,
    WideResNet,
)
from intertwine.nn import GridLayer
from intertwine.testing import ModuleCase, ModuleTests

C4, D4, O = Cyclic(4), Dihedral(4), Octahedral()
SMALL = {"widths": (2, 3), "kernel_size": 3, "pool_after": (1,), "head": (4,)}


def gcnn(group, **options):
    return GCNN(group.trivial, 3 * group.trivial, **{**SMALL, **options})


class TestConformance(ModuleTests):
    """Law, training, export, compilation, copies, dtypes, empty batches."""

    def cases(self):
        modules = {
            "gcnn": lambda: gcnn(D4),
            "gcnn, vector": lambda: GCNN(C4.trivial, C4.vector, **SMALL),
            "gcnn, restricted": lambda: gcnn(Dihedral(4), restriction=(1, C4), dropout=0.1),
            "residual": lambda: WideResNet(C4.trivial, 2 * C4.trivial, widths=(2, 3), blocks=1),
            "u-net": lambda: UNet(D4.trivial, D4.vector, widths=(2, 3), blocks=1),
            "voxels": lambda: VoxelCNN(O.trivial, 2 * O.trivial, **SMALL),
        }
        return {name: ModuleCase(make) for name, make in modules.items()}


def trained(net, *shape):
    """A few steps, so that running statistics and biases are not those of the beginning."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    for _ in range(3):
        optimizer.zero_grad()
        net(torch.randn(shape)).square().mean().backward()
        optimizer.step()
    return net.eval()


NETWORKS = {
    "C8": lambda: gcnn(Cyclic(8)),
    "D8 to C4": lambda: gcnn(Dihedral(8), restriction=(1, C4)),
    "SO2": lambda: gcnn(SO2()),
    "O2": lambda: gcnn(O2(), fields=GatedFields(1)),
    "harmonic": lambda: HarmonicNetwork(SO2().trivial, 3 * SO2().trivial, widths=(2, 3), kernel_size=3),
    "residual": lambda: WideResNet(C4.trivial, 2 * C4.trivial, widths=(2, 3), blocks=1),
    "u-net": lambda: UNet(SO2().trivial, SO2().irrep(1), widths=(2, 3), blocks=1, fields="norm"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_quarter_turns_are_exact_and_the_export_agrees(name):
    torch.manual_seed(0)
    net = trained(NETWORKS[name](), 4, 1, 14, 14)
    plain, image = net.export(), torch.randn(2, 1, 15, 15)
    torch.testing.assert_close(plain(image), net(image), rtol=1e-6, atol=1e-6)
    assert not any(isinstance(module, GridLayer) and list(module.parameters()) for module in plain.modules())
    net, image = net.double(), image.double()
    subgroup = Images(C4.trivial, step=0)
    turn = Transform(C4.elements[1])
    output = LinearAction(net.rep_out) if not net.dense else Images(net.rep_out.restrict(C4), step=0)
    torch.testing.assert_close(net(subgroup(turn, image)), output(turn, net(image)), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("group", "fields"), [(O, "regular"), (SO3(), "gated"), (SO3(), FourierFields(1, samples=Octahedral()))], ids=str
)
def test_volumes(group, fields):
    torch.manual_seed(0)
    net = trained(VoxelCNN(group.trivial, 2 * group.trivial, **{**SMALL, "fields": fields}), 2, 1, 9, 9, 9)
    volume = torch.randn(2, 1, 9, 9, 9)
    torch.testing.assert_close(net.export()(volume), net(volume), rtol=1e-6, atol=1e-6)
    net, volume = net.double(), volume.double()
    turned = torch.rot90(volume, 1, (-3, -1)).rot90(1, (-2, -1))
    torch.testing.assert_close(net(turned), net(volume), rtol=0, atol=1e-12)


def _curve(net, angles):
    """The relative change of invariants of smooth images that are rotated by these angles."""
    action = RotatedImages(SO2().trivial)
    image = torch.cat([action.example(torch.Generator().manual_seed(seed)) for seed in range(3)])
    found = []
    with torch.no_grad():
        features = net(image)
        for angle in angles:
            g = Transform(SO2().exp(torch.deg2rad(torch.tensor(angle)) * SO2().lie_algebra[0]))
            found.append(float((net(action(g, image)) - features).norm() / features.norm()))
    return found


@pytest.mark.parametrize(("group", "bound"), [(Cyclic(8), 0.05), (Cyclic(16), 0.05), (SO2(), 0.05)], ids=str)
def test_error_curve_on_smooth_images(group, bound):
    """Small between the symmetries of the grid, and the error of the interpolation of the image at quarter turns; a
    network without the group changes far more.
    """
    torch.manual_seed(1)
    options = {"widths": (4, 4), "kernel_size": 5, "pool_after": (), "head": ()}
    net = GCNN(group.trivial, 8 * group.trivial, **options).double().eval()
    plain = GCNN(Cyclic(1).trivial, 8 * Cyclic(1).trivial, **{**options, "widths": (16, 16)}).double().eval()
    angles = [45.0, 90.0]
    error, control = _curve(net, angles), _curve(plain, angles)
    assert error[1] < 1e-8
    assert error[0] < bound
    assert control[0] > 3 * error[0]


@pytest.mark.parametrize("name", ["C8", "SO2", "SO3"])
def test_compiled_networks(name):
    """Training and evaluation in one graph, of groups whose filters are interpolated."""
    torch.manual_seed(0)
    net = VoxelCNN(SO3().trivial, 2 * SO3().trivial, **SMALL) if name == "SO3" else NETWORKS[name]()
    data = torch.randn(2, 1, *[7] * (3 if name == "SO3" else 2))
    torch.compiler.reset()
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    net.eval()
    torch.testing.assert_close(compiled(data), net(data))
    net.train()
    gradients = []
    for each in (net, compiled):
        net.zero_grad()
        each(data).square().sum().backward()
        gradients.append([weight.grad.clone() for weight in net.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("size", [1, 9])
def test_a_batch_of_one_image_in_training(size):
    net = gcnn(C4).train()
    logits = net(torch.randn(1, 1, size, size))
    logits.sum().backward()
    assert logits.isfinite().all()
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in net.parameters())


def test_audit_by_layer():
    """The report names the layers, under the shifts and rotations of the input."""
    net = gcnn(D4).double().eval()
    report = audit(net, net.action_in, net.action_out, samples=8, dtypes=(torch.float64,))
    report.check(1e-10)
    assert any("layers.0" in row.name for row in report.layers)


def test_audit_finds_a_broken_network():
    net = gcnn(C4).eval()
    net.layers[0][2] = torch.nn.Sequential(net.layers[0][2], torch.nn.Conv2d(8, 8, 3, padding=1))
    report = audit(net, net.action_in, net.action_out, samples=8)
    assert not report.passed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda: GCNN(C4.trivial, D4.trivial), "one group"),
        (lambda: gcnn(C4, kernel_size=(3, 3, 3)), "one for each of 2 layers"),
        (lambda: gcnn(C4, pool_after=(3,)), "name layers 1 .. 2"),
        (lambda: gcnn(C4, restriction=(1, D4)), "a subgroup of it"),
        (lambda: gcnn(SO2(), fields="regular"), "is infinite"),
        (lambda: gcnn(C4, fields="steerable"), "fields are one of"),
        (lambda: WideResNet(C4.trivial, C4.trivial, widths=()), "a stage"),
        (lambda: UNet(C4.trivial, C4.trivial, blocks=0), "at least one level"),
    ],
)
def test_bad_options(arguments, message):
    with pytest.raises(ValueError, match=message):
        arguments()


def test_fields_of_every_kind_and_group():
    """Every combination that exists runs; regular fields of an infinite group do not."""
    for group in (Cyclic(6), Dihedral(5), SO2(), O2()):
        for fields in (RegularFields("elu"), FourierFields(1), GatedFields(1), NormFields(2)):
            if isinstance(fields, RegularFields) and group.order is None:
                continue
            net = gcnn(group, fields=fields)
            assert net(torch.randn(2, 1, 8, 8)).shape == (2, 3)
    net = VoxelCNN(Icosahedral().trivial, Icosahedral().trivial, **{**SMALL, "widths": (1,)})
    assert net(torch.randn(2, 1, 5, 5, 5)).shape == (2, 1)


def test_one_pixel_and_copies():
    net = gcnn(C4).eval()
    assert net(torch.randn(1, 1, 1, 1)).shape == (1, 3)
    image = torch.randn(2, 1, 9, 9)
    assert torch.equal(copy.deepcopy(net)(image), net(image))
