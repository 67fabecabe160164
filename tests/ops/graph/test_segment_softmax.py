"""The softmax over segments beside a loop; huge logits, empty segments, envelopes that end."""

import pytest
import torch

from intertwine.ops import segment_softmax

INDEX = torch.tensor([3, 0, 0, 3, 3, 1, 0])


def logits(*shape: int) -> torch.Tensor:
    return torch.randn(len(INDEX), *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", [(), (3,), (2, 2)])
def test_equals_the_loop(shape: tuple[int, ...]) -> None:
    values = logits(*shape)
    expected = torch.zeros_like(values)
    for i in range(4):
        own = INDEX.eq(i)
        expected[own] = torch.softmax(values[own], 0)
    torch.testing.assert_close(segment_softmax(values, INDEX, 4), expected)


def test_the_envelope_weighs_the_exponentials() -> None:
    values, envelope = logits(2), torch.rand(len(INDEX), dtype=torch.float64)
    weighted = values.exp() * envelope[:, None]
    total = torch.zeros(4, 2, dtype=torch.float64).index_add(0, INDEX, weighted)
    torch.testing.assert_close(segment_softmax(values, INDEX, 4, envelope), weighted / total[INDEX])


@pytest.mark.parametrize("shift", [1e4, -1e4])
def test_large_logits_neither_overflow_nor_vanish(shift: float) -> None:
    shifted = segment_softmax(logits() + shift, INDEX, 4)
    torch.testing.assert_close(shifted, segment_softmax(logits(), INDEX, 4), rtol=1e-10, atol=0)
    far = segment_softmax(torch.tensor([0.0, shift], dtype=torch.float32), torch.tensor([0, 0]), 1)
    assert far.tolist() == ([0.0, 1.0] if shift > 0 else [1.0, 0.0])


def test_no_edges() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    assert segment_softmax(torch.zeros(0, 2), none, 3).shape == (0, 2)
    assert segment_softmax(torch.zeros(0, 2), none, 0, torch.zeros(0)).shape == (0, 2)


def test_where_all_edges_have_ended_there_is_nothing() -> None:
    values = logits(2).requires_grad_()
    envelope = (INDEX != 3).double().requires_grad_()
    alpha = segment_softmax(values, INDEX, 4, envelope)
    assert alpha[INDEX == 3].abs().max() == 0
    alpha.square().sum().backward()
    assert values.grad is not None
    assert envelope.grad is not None
    assert values.grad.isfinite().all()
    assert envelope.grad.isfinite().all()


@pytest.mark.parametrize("smallest", [1e-39, -1e-8, 0.0, 1e-30])
def test_an_envelope_that_underflows_has_finite_gradients(smallest: float) -> None:
    values = torch.tensor([0.0, 1.0, -200.0], requires_grad=True)
    envelope = torch.tensor([1.0, smallest, smallest], requires_grad=True)
    alpha = segment_softmax(values, torch.tensor([0, 0, 1]), 2, envelope)
    assert alpha.isfinite().all()
    assert (alpha >= 0).all()
    for gradient in torch.autograd.grad(alpha[:2].square().sum(), [values, envelope]):
        assert gradient.isfinite().all()


def test_first_and_second_derivatives_by_differences() -> None:
    envelope = torch.rand(len(INDEX), dtype=torch.float64, requires_grad=True)
    inputs = logits(2).requires_grad_(), envelope
    assert torch.autograd.gradcheck(lambda l, u: segment_softmax(l, INDEX, 4, u), inputs)
    assert torch.autograd.gradgradcheck(lambda l, u: segment_softmax(l, INDEX, 4, u), inputs)
