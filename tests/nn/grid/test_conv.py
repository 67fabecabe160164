"""The convolution: exact under the grid's symmetries, equal to the obvious one, and quick to build."""

import copy
import pickle

import pytest
import torch
from torch.nn import functional

from intertwine.groups import O2, O3, SO2, SO3, Cyclic, Dihedral, FullOctahedral, Icosahedral, Octahedral, Tetrahedral
from intertwine.nn import GridConv, GridLayer, PixelBasis, RingBasis, export_grid, grid_action
from intertwine.testing import assert_equivariant

EXACT = {"float64": 1e-12, "float32": 1e-5}


def mixed(group, regular=1):
    irreps = [irrep for irrep, _ in zip(group.irreps(), range(3), strict=False)]
    rep = irreps[0] + 2 * irreps[-1]
    return rep + regular * group.regular if group.order and regular else rep


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("basis", [None, RingBasis()], ids=["pixels", "rings"])
@pytest.mark.parametrize(
    "group", [Cyclic(2), Cyclic(4), Dihedral(4), Tetrahedral(), Octahedral(), FullOctahedral()], ids=str
)
def test_exact_on_the_symmetries_of_the_grid(group, basis):
    rep = mixed(group, 1 if group.order < 24 else 0)
    conv = GridConv(rep, rep, 3, padding="same", padding_mode="circular", basis=basis)
    assert_equivariant(conv, samples=32, tolerance=EXACT, dtypes=(torch.float64,))


@pytest.mark.parametrize(
    ("group", "grid"),
    [
        (Cyclic(8), Cyclic(4)),
        (Dihedral(8), Dihedral(4)),
        (SO2(), Cyclic(4)),
        (O2(), Dihedral(4)),
        (SO3(), Octahedral()),
        (O3(), FullOctahedral()),
        (Icosahedral(), Tetrahedral()),
    ],
    ids=str,
)
def test_other_groups_are_exact_on_what_they_share_with_the_grid(group, grid):
    rep = mixed(group, 1 if group != Icosahedral() else 0)
    conv = GridConv(rep, rep, 5 if group.dimension == 2 else 3, padding="same")
    action = grid_action(rep.restrict(grid))
    assert_equivariant(conv, action_in=action, action_out=action, tolerance=EXACT, dtypes=(torch.float64,))


def test_the_law_fails_for_an_ordinary_convolution():
    """Negative control."""
    conv = GridConv(Cyclic(4).trivial, Cyclic(4).regular, 3, padding="same").double()
    plain = conv.export()
    torch.nn.init.normal_(plain.weight)
    from intertwine.auditing import audit

    assert not audit(plain, conv.action_in, conv.action_out, samples=8).passed


class TestGroupConvolution:
    """P4CNN and P4M: the convolution of Cohen and Welling, by a loop over the group."""

    @pytest.mark.parametrize("group", [Cyclic(4), Dihedral(4)], ids=str)
    def test_equal_to_the_sum_over_the_group(self, group):
        """[f * psi](h, x) = sum_k sum_z f(k, x + z) psi(h^-1 k, h^-1 z), one h and one k at a time."""
        conv = GridConv(2 * group.regular, 3 * group.regular, 3, padding=1, bias=False).double()
        order, fields = group.order, torch.randn(2, 2 * group.order, 7, 7, dtype=torch.float64)
        weight = next(iter(conv.weights))[0]  # out, in, order, pixels
        action = grid_action(group.trivial)
        expected = torch.zeros(2, 3, order, 7, 7, dtype=torch.float64)
        from intertwine.actions import Transform

        for h in range(order):
            for k in range(order):
                which = int(group.multiplication_table[group.inverses[h], k])
                psi = action(Transform(group.elements[h]), weight[:, :, which].reshape(-1, 1, 3, 3)).view(3, 2, 3, 3)
                expected[:, :, h] += functional.conv2d(fields.view(2, 2, order, 7, 7)[:, :, k], psi, padding=1)
        torch.testing.assert_close(conv(fields).view_as(expected), expected, rtol=0, atol=1e-12)

    def test_shapes_and_parameters(self):
        """Co Ci |H| k k weights, expanded to [Co |H|, Ci |H|, k, k]."""
        conv = GridConv(2 * Cyclic(4).regular, 3 * Cyclic(4).regular, 3)
        assert sum(weight.numel() for weight in conv.weights) == 3 * 2 * 4 * 9
        assert conv.filter().shape == (12, 8, 3, 3)
        assert conv.bias.shape == (3,)

    @pytest.mark.parametrize("group", [Cyclic(4), Dihedral(4)], ids=str)
    def test_rotations_and_mirrors_of_an_image(self, group):
        """Stated without the library's own actions: rot90 permutes the values cyclically; the mirror inverts them."""
        conv = GridConv(group.trivial, group.regular, 3, padding=1).double()
        image = torch.randn(1, 1, 9, 9, dtype=torch.float64)
        rotated = conv(torch.rot90(image, 1, (-2, -1)))
        expected = torch.rot90(conv(image), 1, (-2, -1))
        torch.testing.assert_close(rotated[:, :4], expected[:, [3, 0, 1, 2]], rtol=0, atol=1e-12)
        if group.order == 8:
            mirrored, expected = conv(image.flip(-2)), conv(image).flip(-2)
            torch.testing.assert_close(mirrored[:, 4:], expected[:, [0, 3, 2, 1]], rtol=0, atol=1e-12)


class TestOptions:
    def test_depthwise(self):
        """Copies convolved each by itself: as many separate convolutions."""
        group = Cyclic(4)
        conv = GridConv(3 * group.regular, 3 * group.regular, 3, groups=3, bias=False).double()
        fields = torch.randn(1, 12, 6, 6, dtype=torch.float64)
        for c in range(3):
            one = GridConv(group.regular, group.regular, 3, bias=False).double()
            with torch.no_grad():
                one.weights[0].copy_(conv.weights[0][c : c + 1])
            block = slice(4 * c, 4 * c + 4)
            torch.testing.assert_close(conv(fields)[:, block], one(fields[:, block]))

    def test_depthwise_of_a_sum(self):
        share = SO2().trivial + SO2().irrep(1)
        conv = GridConv(2 * share, 2 * share, 3, groups=2)
        assert conv(torch.randn(1, 6, 5, 5)).shape == (1, 6, 3, 3)
        with pytest.raises(ValueError, match="2 copies of one representation"):
            GridConv("2x0 + 2x1", 2 * share, 3, groups=2)

    def test_equal_terms_apart(self):
        """0 + 1 + 0 + 1 is 2x0 + 2x1 in another order of the channels."""
        G = SO2()
        apart, together = 2 * (G.trivial + G.irrep(1)), G.rep("2x0 + 2x1")
        order = [0, 3, 1, 2, 4, 5]
        one, other = GridConv(apart, G.irrep(2), 5).double(), GridConv(together, G.irrep(2), 5).double()
        other.load_state_dict(one.state_dict())
        fields = torch.randn(2, 6, 7, 7, dtype=torch.float64)
        torch.testing.assert_close(one(fields), other(fields[:, order]))

    def test_pointwise_is_the_linear_map(self):
        """One pixel: all that commutes with the group at that pixel."""
        conv = GridConv("2x0 + 1x1", SO2().rep("1x0 + 2x1"), 1)
        assert [tuple(weight.shape) for weight in conv.weights] == [(1, 1, 2, 1), (1, 2, 1, 2)]
        assert conv.filter().shape == (5, 4, 1, 1)

    def test_text(self):
        conv = GridConv("1x0", SO3().rep("1x0 + 1x1"), 3)
        assert conv.rep_in == SO3().trivial
        assert conv.dimension == 3

    @pytest.mark.parametrize("mode", ["zeros", "circular", "reflect", "replicate"])
    def test_padding_modes(self, mode):
        conv = GridConv(Dihedral(4).regular, Dihedral(4).regular, 3, padding="same", padding_mode=mode)
        assert_equivariant(conv, tolerance=EXACT, dtypes=(torch.float64,))

    @pytest.mark.parametrize(
        ("options", "size"), [({"stride": 2, "padding": 1}, 9), ({"dilation": 2, "padding": "same"}, 8), ({}, 8)]
    )
    def test_strides_dilations_and_even_kernels(self, options, size):
        """Symmetric about the center of the image, hence exact under rotations."""
        group = Dihedral(4)
        kernel = 3 if options else 4
        conv = GridConv(group.trivial, group.regular, kernel, **options)
        inputs = torch.randn(2, 1, size, size)
        action = grid_action(conv.rep_in), grid_action(conv.rep_out)
        assert_equivariant(conv, action_in=action[0], action_out=action[1], inputs=inputs, tolerance=EXACT)

    def test_a_stride_that_breaks_rotations_is_refused(self):
        conv = GridConv(Cyclic(4).trivial, Cyclic(4).regular, 3, stride=2, padding=1)
        with pytest.raises(ValueError, match=r"use a size of 27 or 29, or GridAvgPool"):
            conv(torch.ones(1, 1, 28, 28))
        with pytest.raises(ValueError, match="use an odd kernel"):
            GridConv(Cyclic(4).trivial, Cyclic(4).regular, 4, padding="same")

    @pytest.mark.parametrize(
        ("shape", "message"),
        [((1, 2, 9, 9), "expected fields"), ((1, 1, 9), "expected fields"), ((1, 1, 2, 9), "smaller than the kernel")],
    )
    def test_bad_shapes(self, shape, message):
        with pytest.raises(ValueError, match=message):
            GridConv(Cyclic(4).trivial, Cyclic(4).regular, 3)(torch.ones(shape))

    @pytest.mark.parametrize(
        ("arguments", "options", "message"),
        [
            ((Cyclic(4).trivial, Cyclic(8).trivial, 3), {}, "one group"),
            ((Cyclic(4).trivial, Cyclic(4).trivial, 0), {}, "kernel_size is a whole number"),
            ((Cyclic(4).trivial, Cyclic(4).trivial, 3), {"padding": -1}, "padding is a number"),
            ((Cyclic(4).trivial, Cyclic(4).trivial, 3), {"padding_mode": "wrap"}, "padding_mode is one of"),
            ((Cyclic(8).trivial, Cyclic(8).trivial, 3), {"basis": PixelBasis()}, "RingBasis"),
        ],
    )
    def test_bad_arguments(self, arguments, options, message):
        with pytest.raises(ValueError, match=message):
            GridConv(*arguments, **options)


@pytest.mark.parametrize(
    ("rep_in", "rep_out", "size"),
    [
        (3 * Cyclic(8).trivial, 8 * Cyclic(8).regular, 7),
        (4 * Cyclic(8).regular, 8 * Cyclic(8).regular, 5),
        (8 * Dihedral(4).regular, 8 * Dihedral(4).trivial, 3),
        (SO2().rep("8x0 + 8x1 + 8x2"), SO2().rep("8x0 + 8x1 + 8x2"), 5),
        (SO3().rep("8x0 + 8x1"), SO3().rep("8x0 + 8x1"), 3),
    ],
    ids=str,
)
def test_unit_variance_at_initialization(rep_in, rep_out, size):
    """Independent inputs of unit variance have outputs of unit variance."""
    found = []
    for _ in range(8):
        conv = GridConv(rep_in, rep_out, size, bias=False)
        found.append(conv.filter().flatten(1).square().sum(1).mean())
    assert abs(torch.stack(found).mean().item() - 1) < 0.2


class TestKeptFilter:
    def _pair(self):
        conv = GridConv(Cyclic(4).trivial, 2 * Cyclic(4).regular, 3).eval()
        return conv, torch.randn(1, 1, 6, 6)

    def test_built_once(self, monkeypatch):
        conv, image = self._pair()
        calls = []
        build = GridConv.filter
        monkeypatch.setattr(GridConv, "filter", lambda self: calls.append(1) or build(self))
        with torch.no_grad():
            first, second = conv(image), conv(image)
        assert torch.equal(first, second)
        assert len(calls) == 1

    @pytest.mark.parametrize("change", ["in place", "data", "replaced", "state dict", "dtype", "data in place"])
    def test_new_weights_are_seen(self, change):
        conv, image = self._pair()
        with torch.no_grad():
            before = conv(image)
            if change == "in place":
                conv.weights[0].mul_(2)
            elif change == "data":
                conv.weights[0].data = 2 * conv.weights[0].data
            elif change == "data in place":
                conv.weights[0].data.mul_(2)
            elif change == "replaced":
                conv.weights[0] = torch.nn.Parameter(2 * conv.weights[0])
            elif change == "state dict":
                state = {name: 2 * value for name, value in conv.state_dict().items()}
                conv.load_state_dict(state)
            else:
                conv.double().weights[0].mul_(2)
                image = image.double()
            torch.testing.assert_close(conv(image), 2 * before.to(image), rtol=1e-4, atol=1e-5)

    def test_gradients_flow_in_evaluation(self):
        conv, image = self._pair()
        with torch.no_grad():
            conv(image)
        conv(image).square().sum().backward()
        assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in conv.weights)

    def test_copies(self):
        conv, image = self._pair()
        with torch.no_grad():
            expected = conv(image)
            for twin in (copy.deepcopy(conv), pickle.loads(pickle.dumps(conv))):
                assert torch.equal(twin(image), expected)
                twin.weights[0].mul_(2)
                assert not torch.equal(twin(image), expected)

    def test_training_uses_the_newest_weights(self):
        conv, image = self._pair()
        optimizer = torch.optim.SGD(conv.parameters(), lr=0.1)
        conv.train()
        conv(image).square().sum().backward()
        optimizer.step()
        with torch.no_grad():
            trained = conv(image)
            assert torch.equal(conv.eval()(image), trained)


@pytest.mark.parametrize("rep", [Cyclic(8).regular, SO3().rep("1x0 + 1x1")], ids=str)
def test_gradients(rep):
    conv = GridConv(rep, rep, 3).double()
    fields = torch.randn(1, rep.dim, *[4] * conv.dimension, dtype=torch.float64, requires_grad=True)
    names, values = zip(*conv.named_parameters(), strict=True)

    def function(inputs, *parameters):
        return torch.func.functional_call(conv, dict(zip(names, parameters, strict=True)), (inputs,))

    assert torch.autograd.gradcheck(function, (fields, *values), fast_mode=True)


def test_export_is_a_convolution():
    conv = GridConv(2 * Cyclic(8).trivial, 2 * Cyclic(8).regular, 5, padding="same", padding_mode="circular")
    torch.nn.init.normal_(conv.bias)
    plain, image = conv.export(), torch.randn(1, 2, 9, 9)
    assert type(plain) is torch.nn.Conv2d
    assert not isinstance(plain, GridLayer)
    torch.testing.assert_close(plain(image), conv(image))
    torch.testing.assert_close(export_grid(conv)(image), conv(image))
