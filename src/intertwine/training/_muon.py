"""Muon optimizer: orthogonalized momentum for weights that are matrices, AdamW for the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import sqrt
from typing import Any

import torch
from torch import Tensor

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_ADAMW_SCALE = 0.2
"""Root mean square of an update of AdamW in units of the learning rate: that of Muon is made the same."""


def orthogonalize(matrix: Tensor) -> Tensor:
    """The nearest semi-orthogonal matrix, roughly: singular values between 0.7 and 1.2 in place of their own.

        X <- a X + b (X X^T) X + c (X X^T)^2 X,    five times, from X / |X|

    Args:
        matrix: ``(..., m, n)``, float32 or float64.

    Returns:
        The same shape; zero for zero.

    Law: ``orthogonalize(U x V) = U orthogonalize(x) V`` for orthogonal U and V; positive factors have no effect.

    Cost: about ``20 m n min(m, n) + 10 min(m, n)^3`` operations.

    Reference: Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024; Higham, Functions of
    Matrices, 2008, chapter 8, for the Newton-Schulz iteration.

    Example:
        >>> values = torch.linalg.svdvals(orthogonalize(torch.diag(torch.tensor([5.0, 1.0]))))
        >>> bool((values > 0.6).all() and (values < 1.3).all())
        True
    """
    a, b, c = _COEFFICIENTS
    largest = matrix.abs().amax((-2, -1), keepdim=True)
    x: Tensor = matrix / torch.where(largest > 0, largest, 1.0)  # first: squares of small numbers would be zero
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp_min(1.0)
    wide = x.shape[-2] <= x.shape[-1]
    x = x if wide else x.mT
    for _ in range(_ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x if wide else x.mT


class Muon(torch.optim.Optimizer):
    """Orthogonalized momentum for matrices, AdamW for vectors, rows and columns, at one learning rate.

        m <- mu m + (1 - mu) g,    w <- (1 - lr decay) w - 0.2 lr sqrt(max(rows, columns)) orthogonalize(n)

    with Nesterov's ``n = mu m + (1 - mu) g``. A weight of shape ``(..., rows, columns)`` is a stack of matrices. All
    directions of a matrix learn at one rate, whatever the sizes of their gradients; a matrix whose gradient has become
    zero comes to rest, since its update has the factor ``|n| / (|n| + eps)``.

    Args:
        parameters: The weights.
        learning_rate: Of all weights; the schedule may change ``lr`` in the groups.
        weight_decay: Decoupled weight decay of all weights.
        momentum: mu.
        betas: Decay of the averages of AdamW.
        eps: Added to the root of the second one, and to the norm of a matrix.

    Reference: Jordan et al., Muon, 2024; Liu et al., Muon is scalable for LLM training, 2025, eq. 4, for the scale;
    Loshchilov, Hutter, Decoupled weight decay regularization, ICLR 2019.

    Example:
        >>> weight = torch.nn.Parameter(torch.zeros(4, 4))
        >>> optimizer = Muon([weight], 0.1)
        >>> (weight - torch.eye(4)).square().sum().backward()
        >>> optimizer.step()
        >>> bool((weight.diagonal() > 0).all())
        True
    """

    def __init__(
        self,
        parameters: Iterable[torch.nn.Parameter],
        learning_rate: float,
        *,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
    ) -> None:
        defaults = {"lr": learning_rate, "weight_decay": weight_decay}
        super().__init__(parameters, {**defaults, "momentum": momentum, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the weights; a closure evaluates the loss again and is returned, as in torch."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                    direction = (self._matrix if is_matrix(weight) else self._vector)(weight, weight.grad, group)
                    weight.add_(direction, alpha=-group["lr"])
        return loss

    def _matrix(self, weight: Tensor, grad: Tensor, group: Mapping[str, Any]) -> Tensor:
        state = self.state[weight]
        average = state.setdefault("momentum", torch.zeros_like(weight)).lerp_(grad, 1 - group["momentum"])
        ahead = grad.lerp(average, group["momentum"])
        norm: Tensor = torch.linalg.matrix_norm(ahead, keepdim=True)
        scale = _ADAMW_SCALE * sqrt(max(weight.shape[-2:]))
        update: Tensor = orthogonalize(ahead) * (scale * norm / (norm + group["eps"]))
        return update

    def _vector(self, weight: Tensor, grad: Tensor, group: Mapping[str, Any]) -> Tensor:
        state, (first, second) = self.state[weight], group["betas"]
        count = state.setdefault("step", torch.zeros(())).add_(1).item()
        mean = state.setdefault("mean", torch.zeros_like(weight)).lerp_(grad, 1 - first)
        square = state.setdefault("square", torch.zeros_like(weight)).lerp_(grad.square(), 1 - second)
        root = (square / (1 - second**count)).sqrt_().add_(group["eps"])
        direction: Tensor = mean / (1 - first**count) / root
        return direction


def is_matrix(weight: Tensor) -> bool:
    """Whether a weight is a stack of matrices with more than one row and more than one column."""
    return weight.ndim >= 2 and min(weight.shape[-2:]) > 1
