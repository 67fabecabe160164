"""Outer products summed over edges, beside a loop; derivatives of both orders; any order of the edges."""

import pytest
import torch

from intertwine.ops import segment_apply, segment_max, segment_outer, segment_sum


def graph(kind: str, generator: torch.Generator) -> torch.Tensor:
    if kind == "fixed":
        return torch.arange(10).repeat_interleave(4)
    if kind == "empty":
        return torch.zeros(0, dtype=torch.int64)
    target = torch.randint(0, 10, (40,), generator=generator)
    target = torch.where(target == 3, 4, target)  # a node without edges
    if kind == "sorted":
        return target.sort().values
    if kind == "by degree":
        counts = torch.bincount(target, minlength=10).sort().values
        return torch.arange(10).repeat_interleave(counts)
    return target


KINDS = ["fixed", "sorted", "by degree", "any", "empty"]


@pytest.mark.parametrize("kind", KINDS)
def test_outer_equals_the_loop(kind: str) -> None:
    generator = torch.Generator().manual_seed(0)
    target = graph(kind, generator)
    a = torch.randn(len(target), 5, dtype=torch.float64, generator=generator)
    b = torch.randn(len(target), 3, dtype=torch.float64, generator=generator)
    slow = torch.zeros(10, 5, 3, dtype=torch.float64)
    for e, i in enumerate(target.tolist()):
        slow[i] += torch.outer(a[e], b[e])
    torch.testing.assert_close(segment_outer(a, b, target, 10), slow)


@pytest.mark.parametrize("kind", KINDS)
def test_apply_equals_the_loop(kind: str) -> None:
    generator = torch.Generator().manual_seed(1)
    target = graph(kind, generator)
    z = torch.randn(10, 5, 3, dtype=torch.float64, generator=generator)
    b = torch.randn(len(target), 3, dtype=torch.float64, generator=generator)
    slow = torch.stack([z[i] @ b[e] for e, i in enumerate(target.tolist())]) if len(target) else b.new_zeros(0, 5)
    torch.testing.assert_close(segment_apply(z, b, target), slow)


def test_many_runs_of_counts_take_the_sorted_road() -> None:
    counts = torch.arange(200) % 7
    target = torch.arange(200).repeat_interleave(counts)
    generator = torch.Generator().manual_seed(2)
    a = torch.randn(len(target), 2, dtype=torch.float64, generator=generator)
    b = torch.randn(len(target), 3, dtype=torch.float64, generator=generator)
    torch.testing.assert_close(segment_outer(a, b, target, 200), segment_sum(a[:, :, None] * b[:, None], target, 200))
    z = torch.randn(200, 2, 3, dtype=torch.float64, generator=generator)
    torch.testing.assert_close(segment_apply(z, b, target), torch.einsum("epq,eq->ep", z[target], b))


@pytest.mark.parametrize("kind", ["sorted", "any"])
def test_derivatives_of_both_orders(kind: str) -> None:
    generator = torch.Generator().manual_seed(3)
    target = graph(kind, generator)[:12]
    a = torch.randn(12, 2, dtype=torch.float64, generator=generator, requires_grad=True)
    b = torch.randn(12, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    z = torch.randn(10, 2, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    for function, inputs in [
        (lambda a, b: segment_outer(a, b, target, 10), (a, b)),
        (lambda z, b: segment_apply(z, b, target), (z, b)),
    ]:
        assert torch.autograd.gradcheck(function, inputs)
        assert torch.autograd.gradgradcheck(function, inputs)


def test_the_operators_pass_torchs_own_examination() -> None:
    target = torch.tensor([0, 0, 1, 2, 2, 2])
    a, b, z = torch.randn(6, 2, requires_grad=True), torch.randn(6, 3), torch.randn(4, 2, 3)
    torch.library.opcheck(torch.ops.intertwine.segment_outer.default, (a, b, target, 4))
    torch.library.opcheck(torch.ops.intertwine.segment_apply.default, (z, b, target))


def test_the_largest_of_each_segment() -> None:
    values, index = (
        torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64),
        torch.arange(20) % 4,
    )
    largest = segment_max(values, index, 5)
    for i in range(4):
        assert torch.equal(largest[i], values[index == i].amax(0))
    assert torch.equal(largest[4], torch.zeros(3, dtype=torch.float64))
    assert torch.autograd.gradcheck(lambda x: segment_max(x, index, 5), values.requires_grad_())
