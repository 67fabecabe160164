"""Nonlinearities of fields that act on values, norms and gates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from intertwine.nn._blocks import Blocks
from intertwine.nn.grid._layer import GridLayer, check_permutes, join_terms, split_axis, split_terms
from intertwine.nn.nonlinear import SIGMOID_GAIN, SILU_GAIN
from intertwine.reps import Rep, as_rep, direct_sum

Pointwise = Literal["relu", "elu", "silu", "gelu", "tanh"]
POINTWISE: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[], nn.Module]]] = {
    "relu": (functional.relu, nn.ReLU),
    "elu": (functional.elu, nn.ELU),
    "silu": (functional.silu, nn.SiLU),
    "gelu": (functional.gelu, nn.GELU),
    "tanh": (torch.tanh, nn.Tanh),
}


def pointwise_function(name: str) -> Callable[[Tensor], Tensor]:
    """The function of a name.

    Raises:
        ValueError: If it is not known.
    """
    if name not in POINTWISE:
        raise ValueError(f"the function is one of {', '.join(POINTWISE)}, got {name!r}")
    return POINTWISE[name][0]


class GridPointwiseNonlinearity(GridLayer):
    """A function of each value, for fields that the group permutes.

    Args:
        rep_in: Representation of input and output: regular, quotient and trivial ones.
        function: ``"relu"``, ``"elu"``, ``"silu"``, ``"gelu"`` or ``"tanh"``.

    Raises:
        ValueError: If a term is another representation, for which this is not equivariant.

    Law: ``f(rho(g) x) = rho(g) f(x)``, exactly.

    Reference: Cohen and Welling, Group equivariant convolutional networks, ICML 2016, section 6.2.

    Example:
        >>> from intertwine.groups import Cyclic
        >>> GridPointwiseNonlinearity(Cyclic(2).regular)(torch.tensor([-1.0, 2.0]).view(1, 2, 1, 1)).flatten().tolist()
        [0.0, 2.0]
    """

    def __init__(self, rep_in: Rep | str, function: Pointwise = "relu") -> None:
        super().__init__(rep_in, rep_in)
        check_permutes(self.rep_in, "GridPointwiseNonlinearity")
        self._function, self.function = pointwise_function(function), function

    def transform(self, fields: Tensor) -> Tensor:
        """The function of each value."""
        return self._function(fields)

    def export(self) -> nn.Module:
        """The module of torch."""
        return POINTWISE[self.function][1]()

    def extra_repr(self) -> str:
        """The representation and the function."""
        return f"{self.rep_in}, {self.function}"


SHORTEST = 0.1
"""The length below which a norm nonlinearity is linear; fields have lengths of about one."""


class GridNormNonlinearity(GridLayer):
    """A function of the length of each copy with a learned bias: the nonlinearity of harmonic networks.

        v -> relu(1 + b / max(|v|, e)) v,      invariant components: s -> relu(s + b)

    From the length e = 0.1 on this is ``relu(|v| + b) v / |v|``. Below it is linear: with a positive bias the
    formula of the reference is not continuous at zero, where it gives rounding errors the length b.

    Args:
        rep_in: Representation of input and output, by orthogonal matrices.

    Law: ``f(rho(g) x) = rho(g) f(x)``, exactly. The zero vector stays zero, with a finite gradient.

    Reference: Worrall et al., Harmonic networks, CVPR 2017, section 4.2.

    Example:
        >>> from intertwine.groups import SO2
        >>> GridNormNonlinearity(SO2().rep("1x1"))(torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)).flatten().tolist()
        [3.0, 4.0]
    """

    def __init__(self, rep_in: Rep | str) -> None:
        super().__init__(rep_in, rep_in)
        if not self.rep_in.orthogonal:
            raise ValueError(f"lengths are invariant for orthogonal matrices, which those of {self.rep_in} are not")
        self._sizes = [(copies, term.dim) for copies, term in self.rep_in.terms]
        self._trivial = [term == self.rep_in.group.trivial for _, term in self.rep_in.terms]
        self.bias = nn.Parameter(torch.zeros(sum(copies for copies, _ in self._sizes), dtype=torch.float32))

    def transform(self, fields: Tensor) -> Tensor:
        """Scale each copy."""
        parts, axes = [], (-1, 1) + (1,) * self.dimension
        biases = split_axis(self.bias, [copies for copies, _ in self._sizes], 0)
        for part, bias, trivial in zip(split_terms(fields, self._sizes), biases, self._trivial, strict=True):
            if trivial:
                parts.append(functional.relu(part + bias.view(axes)))
            else:
                length = part.square().sum(2, keepdim=True).clamp_min(SHORTEST**2).sqrt()
                parts.append(part * functional.relu(1 + bias.view(axes) / length))
        return join_terms(parts, fields)


class GridGate(GridLayer):
    """Invariants pass a SiLU; each other copy is scaled by the sigmoid of an invariant of its own.

        s -> silu(s),      v -> sigmoid(gate) v

    Args:
        rep_out: Representation of the fields that go out, or its text. ``rep_in`` has in front one invariant for each
            copy that is not invariant.

    Law: ``f(rho_in(g) x) = rho_out(g) f(x)``, exactly.

    Reference: Weiler et al., 3D steerable CNNs, NeurIPS 2018, section 4.3.

    Example:
        >>> from intertwine.groups import SO3
        >>> print(GridGate(SO3().rep("4x0 + 2x1")).rep_in)
        6x0 + 2x1
    """

    def __init__(self, rep_out: Rep | str) -> None:
        rep_out = as_rep(rep_out)
        blocks = Blocks.of_terms(rep_out)
        self_gates = sum(n for n, trivial in zip(blocks.copies, blocks.trivial, strict=True) if not trivial)
        trivial = rep_out.group.trivial
        super().__init__(direct_sum(rep_out.group, [(self_gates, trivial), (1, rep_out)]), rep_out)
        self._gates, self._trivial = self_gates, blocks.trivial
        self._sizes = list(zip(blocks.copies, blocks.widths, strict=True))

    def transform(self, fields: Tensor) -> Tensor:
        """Scale each copy by its gate."""
        counts = [0 if trivial else n for (n, _), trivial in zip(self._sizes, self._trivial, strict=True)]
        scales = split_axis(SIGMOID_GAIN * fields[:, : self._gates].sigmoid(), counts, 1)
        parts = split_terms(fields[:, self._gates :], self._sizes)
        gated = [
            SILU_GAIN * functional.silu(part) if trivial else part * scale.unsqueeze(2)
            for part, scale, trivial in zip(parts, scales, self._trivial, strict=True)
        ]
        return join_terms(gated, fields)
