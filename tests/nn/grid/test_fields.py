"""Norms, nonlinearities, pooling, restriction and dropout of fields."""

import pytest
import torch

from intertwine.groups import O2, O3, SO2, SO3, Cyclic, Dihedral, Icosahedral, Octahedral
from intertwine.nn import (
    GridAvgPool,
    GridBatchNorm,
    GridConv,
    GridDropout,
    GridFourierNonlinearity,
    GridGate,
    GridGroupPool,
    GridInvariants,
    GridLayerNorm,
    GridMaxPool,
    GridNormNonlinearity,
    GridPointwiseNonlinearity,
    GridRestriction,
    GridSpatialPool,
    GridUpsample,
    band_limited_regular,
    export_grid,
    grid_action,
)
from intertwine.testing import ModuleCase, ModuleTests, assert_equivariant

C4, D4, O = Cyclic(4), Dihedral(4), Octahedral()
MIXED = D4.trivial + 2 * D4.regular + D4.vector
IRREPS = D4.rep("2xA1 + 1xA2 + 2xE")


class TestConformance(ModuleTests):
    """Law, training, export, compilation, copies, dtypes, empty batches."""

    def cases(self):
        modules = {
            "convolution": lambda: GridConv(MIXED, MIXED, 3, padding="same"),
            "convolution, volumes": lambda: GridConv(O.trivial, O.vector + O.trivial, 3, padding="same"),
            "batch norm": lambda: GridBatchNorm(MIXED),
            "layer norm": lambda: GridLayerNorm(MIXED),
            "pointwise": lambda: GridPointwiseNonlinearity(D4.trivial + D4.regular, "elu"),
            "norm nonlinearity": lambda: GridNormNonlinearity(IRREPS),
            "gate": lambda: GridGate(IRREPS),
            "fourier": lambda: GridFourierNonlinearity(band_limited_regular(D4, 2, 2)),
            "average pool": lambda: GridAvgPool(MIXED),
            "max pool": lambda: GridMaxPool(D4.regular),
            "upsample": lambda: GridUpsample(MIXED),
            "spatial pool": lambda: GridSpatialPool(MIXED),
            "invariants": lambda: GridInvariants(MIXED),
            "group pool": lambda: GridGroupPool(2 * D4.regular),
            "restriction": lambda: GridRestriction(2 * D4.regular, C4),
            "dropout": lambda: GridDropout(MIXED, 0.2),
        }
        lossy = {"upsample", "restriction"}  # their output has another group, or is compared on another grid
        return {name: ModuleCase(make, equivariant=name not in lossy) for name, make in modules.items()}


class TestBatchNorm:
    @pytest.mark.parametrize(
        "rep",
        [3 * C4.regular, 4 * D4.trivial, 2 * O.regular, MIXED, SO2().rep("3x0 + 2x1"), SO3().rep("1x0 + 2x2")],
        ids=str,
    )
    def test_few_passes_equal_statistics_channel_by_channel(self, rep):
        fast, slow = GridBatchNorm(rep).double(), GridBatchNorm(rep).double()
        torch.nn.init.normal_(fast.bias)
        torch.nn.init.uniform_(fast.weight)
        slow.load_state_dict(fast.state_dict())
        fields = 3 * torch.randn(2, rep.dim, *(5, 4, 3)[: fast.dimension], dtype=torch.float64) + 1
        fields.requires_grad_()
        weights, axes = torch.randn_like(fields), (-1,) + (1,) * fast.dimension
        scale, shift = slow._affine(*slow._batch_statistics(fields))
        results = fast(fields), shift.view(axes) + fields * scale.view(axes)
        torch.testing.assert_close(*results, rtol=1e-10, atol=1e-10)
        gradients = (
            torch.autograd.grad((weights * result).sum(), [fields, *norm.parameters()])
            for result, norm in zip(results, (fast, slow), strict=True)
        )
        torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(dict(fast.state_dict()), dict(slow.state_dict()), rtol=1e-5, atol=1e-7)

    def test_regular_fields_as_torch_does(self):
        """Statistics over batch, group and pixels: one more axis of the image."""
        norm, plain = GridBatchNorm(3 * C4.regular), torch.nn.BatchNorm2d(3)
        fields = 2 + 3 * torch.randn(4, 12, 5, 5)
        expected = plain(fields.view(4, 3, 20, 5)).view_as(fields)
        torch.testing.assert_close(norm(fields), expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(norm.running_mean, plain.running_mean)

    def test_irreps_by_their_length(self):
        norm = GridBatchNorm(SO2().rep("2x1"))
        fields = 5 * torch.randn(4, 4, 6, 6) + 1
        normal = norm(fields).unflatten(1, (2, 2))
        torch.testing.assert_close(normal.square().mean((0, 2, 3, 4)), torch.ones(2), rtol=1e-4, atol=1e-4)
        directions = torch.nn.functional.normalize(fields.unflatten(1, (2, 2)), dim=2)
        torch.testing.assert_close(torch.nn.functional.normalize(normal, dim=2), directions)

    def test_export(self):
        norm = GridBatchNorm(MIXED)
        for _ in range(3):
            norm(torch.randn(4, MIXED.dim, 3, 3) + 1)
        torch.nn.init.normal_(norm.bias)
        fields = torch.randn(4, MIXED.dim, 3, 3)
        torch.testing.assert_close(norm.export()(fields), norm.eval()(fields))

    def test_products_are_to_be_decomposed(self):
        with pytest.raises(ValueError, match="needs irreps"):
            GridBatchNorm(O2().vector * O2().vector)


class TestNonlinearities:
    @pytest.mark.parametrize("rep", [D4.vector, SO2().rep("1x0 + 1x1"), D4.irrep("A2")], ids=str)
    def test_pointwise_needs_permutations(self, rep):
        with pytest.raises(ValueError, match="regular, quotient and trivial"):
            GridPointwiseNonlinearity(rep)

    def test_pointwise_on_a_quotient(self):
        quotient = D4.quotient(D4.stabilizer(torch.tensor([1.0, 0.0])))
        assert_equivariant(GridPointwiseNonlinearity(2 * quotient))

    def test_norms_in_few_operations_are_the_formula(self):
        """relu(1 + b / max(|v|, 0.1)) v, with its gradients, at lengths on both sides of 0.1 and at zero."""
        layer = GridNormNonlinearity(SO2().rep("1x0 + 2x1")).double()
        torch.nn.init.normal_(layer.bias)
        fields = torch.randn(2, 5, 3, 4, dtype=torch.float64) * torch.logspace(-3, 1, 4, dtype=torch.float64)
        fields[0, :, 0] = 0
        fields.requires_grad_()
        vectors = fields[:, 1:].unflatten(1, (2, 2))
        lengths = vectors.detach().norm(dim=2, keepdim=True)
        lengths = torch.where(lengths > 0.1, (vectors + 0).square().sum(2, keepdim=True).sqrt(), 0.1)
        scaled = vectors * torch.relu(1 + layer.bias[1:].view(2, 1, 1, 1) / lengths)
        expected = torch.cat((torch.relu(fields[:, :1] + layer.bias[0]), scaled.flatten(1, 2)), 1)
        torch.testing.assert_close(layer(fields), expected)
        found, wanted = (
            torch.autograd.grad(result.sin().sum(), [fields, layer.bias]) for result in (layer(fields), expected)
        )
        torch.testing.assert_close(found[0][1], wanted[0][1])
        torch.testing.assert_close(found[1], wanted[1])
        assert bool(found[0].isfinite().all())

    def test_norms_at_zero(self):
        """The zero vector stays zero, with a finite gradient."""
        layer = GridNormNonlinearity(SO2().rep("1x0 + 2x1"))
        torch.nn.init.ones_(layer.bias)
        fields = torch.zeros(1, 5, 2, 2, requires_grad=True)
        out = layer(fields)
        assert out[:, 1:].abs().max() == 0
        out.sum().backward()
        assert bool(fields.grad.isfinite().all())

    def test_norms_are_thresholded(self):
        """relu(|v| + b) v / |v|: with b = -1 a vector of length 3 has length 2."""
        layer = GridNormNonlinearity(SO2().rep("1x1"))
        torch.nn.init.constant_(layer.bias, -1)
        assert layer(torch.tensor([0.0, 3.0]).view(1, 2, 1, 1)).flatten().tolist() == pytest.approx([0, 2])

    def test_rounding_errors_stay_small(self):
        """With a bias of 1, vectors of length 1e-7 do not become vectors of length 1."""
        layer = GridNormNonlinearity(SO2().rep("1x1"))
        torch.nn.init.constant_(layer.bias, 1)
        lengths = torch.tensor([0.0, 1e-7, 0.05, 0.1, 0.2])
        images = torch.stack([torch.zeros(5), lengths]).T.view(5, 2, 1, 1)
        assert layer(images)[:, 1].flatten().tolist() == pytest.approx([0, 1.1e-6, 0.55, 1.1, 1.2])

    @pytest.mark.parametrize("function", ["relu", "elu", "tanh"])
    def test_fourier_on_a_finite_group_is_pointwise(self, function):
        """All elements sampled: the nonlinearity of regular fields, in the basis of irreps."""
        layer = GridFourierNonlinearity(band_limited_regular(D4, 2, 3), function).double()
        values = torch.randn(2, 3, 8, 5, 5, dtype=torch.float64)
        project = torch.linalg.inv(layer.sampling())
        coefficients = torch.einsum("kg,bcgxy->bckxy", project, values)
        sizes = [width * dim for width, (_, dim) in zip(layer._widths, layer._sizes, strict=True)]
        fields = torch.cat([part.flatten(1, 2) for part in coefficients.split(sizes, 2)], 1)
        after = torch.einsum("kg,bcgxy->bckxy", project, layer._function(values))
        expected = torch.cat([part.flatten(1, 2) for part in after.split(sizes, 2)], 1)
        torch.testing.assert_close(layer(fields), expected)

    @pytest.mark.parametrize(
        ("group", "degree", "bounds"),
        [(SO2(), 2, (5e-3, 1e-5)), (O2(), 2, (1e-1, 1e-3)), (SO3(), 1, (2e-1, 1e-2)), (O3(), 1, (2e-1, 1e-2))],
        ids=str,
    )
    def test_fourier_aliasing_falls_with_the_samples(self, group, degree, bounds):
        """A smooth function: the error at random elements, at two oversamplings."""
        rep = band_limited_regular(group, degree, 2)
        g = group.sample(8, generator=torch.Generator().manual_seed(0))
        shape = (1, rep.dim, *[1] * group.dimension)
        fields = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        errors = []
        for oversampling in (2, 6):
            layer = GridFourierNonlinearity(rep, "tanh", oversampling=oversampling).double()
            matrices = rep.matrix(g)
            moved = layer(torch.einsum("gij,j->gi", matrices, fields.flatten()).view(8, *shape[1:]))
            expected = torch.einsum("gij,j->gi", matrices, layer(fields).flatten()).view_as(moved)
            errors.append(float((moved - expected).norm() / expected.norm()))
        assert errors[0] < bounds[0]
        assert errors[1] < bounds[1]
        assert errors[1] < errors[0]

    @pytest.mark.parametrize(("group", "samples"), [(SO3(), Octahedral()), (SO3(), Icosahedral()), (SO2(), Cyclic(12))])
    def test_fourier_is_exact_on_the_subgroup_that_is_sampled(self, group, samples):
        rep = band_limited_regular(group, 1, 2)
        layer = GridFourierNonlinearity(rep, "relu", samples=samples).double()
        fields = torch.randn(rep.dim, dtype=torch.float64)
        matrices = rep.matrix(samples.elements)
        ones = [1] * group.dimension
        moved = layer((matrices @ fields).view(-1, rep.dim, *ones)).flatten(1)
        expected = matrices @ layer(fields.view(1, -1, *ones)).flatten()
        torch.testing.assert_close(moved, expected, rtol=0, atol=1e-12)

    def test_fourier_refuses_what_no_function_has(self):
        with pytest.raises(ValueError, match="band_limited_regular"):
            GridFourierNonlinearity(SO2().rep("2x0 + 1x1"))
        with pytest.raises(ValueError, match="as many samples"):
            GridFourierNonlinearity(SO2().rep("1x0 + 1x1 + 1x2"), samples=Cyclic(4))


class TestPooling:
    @pytest.mark.parametrize("size", [7, 8, 9, 12])
    @pytest.mark.parametrize("stride", [2, 3])
    def test_every_size_keeps_the_symmetry(self, size, stride):
        pool = GridAvgPool(D4.vector, stride)
        inputs = torch.randn(2, 2, size, size)
        assert_equivariant(pool, inputs=inputs)
        assert pool(inputs).shape[-1] == -(-size // stride)

    def test_constant_fields_stay(self):
        fields = torch.full((1, 4, 9, 6), 3.0)
        assert torch.allclose(GridAvgPool(C4.regular)(fields), torch.tensor(3.0))
        assert torch.allclose(GridUpsample(C4.regular)(fields), torch.tensor(3.0))

    @pytest.mark.parametrize("size", [7, 8])
    def test_upsampling_puts_values_back_in_place(self, size):
        """A linear function is reproduced between the outermost values."""
        ramp = torch.arange(float(size)).expand(size, size)[None, None]
        coarse = ramp[..., ::2, ::2] if size % 2 else (ramp[..., ::2, ::2] + ramp[..., 1::2, 1::2]) / 2
        finer = GridUpsample(C4.trivial).resize(coarse, (size, size))
        torch.testing.assert_close(finer[..., 1:-1], ramp[..., 1:-1])
        action = grid_action(D4.vector)
        from intertwine.auditing import audit

        layer = GridUpsample(D4.vector)
        audit(layer, action, action, inputs=torch.randn(1, 2, size, size), samples=8).check(1e-5)

    def test_max_pool_refuses_a_rest(self):
        with pytest.raises(ValueError, match="GridAvgPool, which takes every size"):
            GridMaxPool(C4.regular)(torch.ones(1, 4, 7, 8))
        with pytest.raises(ValueError, match="regular, quotient and trivial"):
            GridMaxPool(C4.vector)


class TestRestriction:
    def test_regular_fields_are_regular_fields_of_the_subgroup(self):
        group, subgroup = Dihedral(8), Cyclic(8)
        layer = GridRestriction(group.trivial + 2 * group.regular, subgroup)
        assert layer.rep_out == subgroup.trivial + 4 * subgroup.regular
        fields = torch.randn(layer.rep_in.dim, dtype=torch.float64)
        for h in subgroup.elements:
            moved = layer((layer.rep_in.matrix(h) @ fields).view(1, -1, 1, 1)).flatten()
            expected = layer.rep_out.matrix(h) @ layer(fields.view(1, -1, 1, 1)).flatten()
            assert torch.equal(moved, expected)

    def test_irreps_go_on_into_a_convolution(self):
        layer = GridRestriction(O2().rep("2x0+ + 1x0- + 2x1"), Dihedral(4))
        conv = GridConv(layer.rep_out, D4.regular, 3, padding="same")
        assert_equivariant(conv, dtypes=(torch.float64,))
        with pytest.raises(ValueError, match=r"."):
            GridRestriction(C4.regular, Dihedral(4))


class TestDropout:
    def test_whole_copies(self):
        rep = 6 * C4.regular + 3 * C4.vector
        out = GridDropout(rep, 0.5)(torch.ones(20, rep.dim, 3, 3))
        regular = out[:, :24].view(20, 6, -1)
        assert bool((regular.amin(2) == regular.amax(2)).all())
        assert set(out.unique().tolist()) == {0.0, 2.0}
        with pytest.raises(ValueError, match="probability"):
            GridDropout(rep, 1.0)


@pytest.mark.parametrize(
    "layer",
    [
        GridGate(IRREPS),
        GridNormNonlinearity(IRREPS),
        GridLayerNorm(MIXED),
        GridInvariants(MIXED, "mean"),
        GridFourierNonlinearity(SO2().rep("2x0 + 2x1"), "relu"),
        GridUpsample(MIXED),
        GridRestriction(D4.regular, C4),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_export(layer):
    fields = torch.randn(2, layer.rep_in.dim, 5, 6)
    torch.testing.assert_close(export_grid(layer)(fields), layer.eval()(fields))
