"""Batch normalization of copies with several components, beside the formula by operations of torch."""

import pytest
import torch

from intertwine.ops import normalize_copies
from intertwine.ops.grids._batch_norm import normalize_copies_by_steps

EPS = 1e-3
COPY = torch.tensor([0, 1, 1, 2, 2, 2, 3])
CENTERED = torch.tensor([True, False, True, False])


def inputs(shape=(5, 4), dtype=torch.float64):
    fields = 3 * torch.randn(3, len(COPY), *shape, dtype=dtype) + 1
    return [value.requires_grad_() for value in (fields, torch.rand(4, dtype=dtype), torch.randn(4, dtype=dtype))]


def results_and_gradients(normalize, values):
    results = normalize(*values, COPY, CENTERED, EPS)
    cotangents = torch.linspace(-1, 1, results[0].numel(), dtype=results[0].dtype).sin().view_as(results[0])
    return [*results, *torch.autograd.grad(results[0], [v for v in values if v.requires_grad], cotangents)]


@pytest.mark.parametrize("shape", [(5, 4), (1, 1), (3, 2, 4), (6,)], ids=str)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-11), (torch.float32, 2e-5)], ids=str)
def test_few_passes_give_the_formula(shape, dtype, tolerance):
    values = inputs(shape, dtype)
    found, expected = (results_and_gradients(f, values) for f in (normalize_copies, normalize_copies_by_steps))
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    assert not any(value.requires_grad for value in found[1:3])


def test_each_copy_as_its_definition_says():
    fields, weight, bias = (value.detach() for value in inputs())
    normal, mean, power = normalize_copies(fields, weight, bias, COPY, CENTERED, EPS)
    for i, has_mean in enumerate(CENTERED.tolist()):
        own = fields[:, i == COPY]
        center = own.mean() if has_mean else 0 * own.mean()
        moment = (own - center).square().mean()
        expected = weight[i] * (own - center) / (moment + EPS).sqrt() + bias[i]
        torch.testing.assert_close([normal[:, i == COPY], mean[i], power[i]], [expected, center, moment])


def test_fields_far_from_zero_keep_their_variance():
    fields = torch.randn(8, 2, 9, 9) + 1000
    args = torch.ones(1), torch.zeros(1), torch.tensor([0, 0]), torch.tensor([True]), 0.0
    exact = torch.stack([fields.double().mean(), fields.double().var(correction=0)]).float()
    _, mean, power = normalize_copies(fields, *args)
    torch.testing.assert_close(torch.cat([mean, power]), exact, rtol=1e-4, atol=0)


@pytest.mark.parametrize("needed", [0, 1, 2])
def test_each_gradient_alone(needed):
    values = [value.detach().requires_grad_(i == needed) for i, value in enumerate(inputs())]
    found, expected = (results_and_gradients(f, values)[3:] for f in (normalize_copies, normalize_copies_by_steps))
    torch.testing.assert_close(found, expected)


def test_derivatives_of_both_orders():
    def normalize(*values):
        return normalize_copies(*values, COPY, CENTERED, EPS)[0]

    assert torch.autograd.gradcheck(normalize, inputs((2, 2)))
    assert torch.autograd.gradgradcheck(normalize, inputs((2, 1)))


def test_transforms_and_compilers_see_operations_of_torch():
    fields, weight, bias = (value.detach() for value in inputs())

    def loss(fields):
        return normalize_copies(fields, weight, bias, COPY, CENTERED, EPS)[0].sin().sum()

    expected = torch.autograd.grad(loss(fields.requires_grad_()), fields)[0]
    fields = fields.detach()
    torch.testing.assert_close(torch.func.grad(loss)(fields), expected)
    torch.testing.assert_close(torch.compile(loss, backend="eager", fullgraph=True)(fields), loss(fields))
    tangent = torch.randn_like(fields)
    torch.testing.assert_close(torch.func.jvp(loss, (fields,), (tangent,))[1], (expected * tangent).sum())
