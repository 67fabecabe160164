"""Gates and norm nonlinearities: a nonlinearity of invariants, which scale the other irreps."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from intertwine.nn._blocks import Blocks
from intertwine.ops import safe_norm
from intertwine.reps import Rep, as_rep, direct_sum

# Factors that give silu and sigmoid of a standard normal variable the mean square one.
SILU_GAIN, SIGMOID_GAIN = 1.6768, 1.8467


class Gate(nn.Module):
    """Invariants pass a SiLU; each other copy is scaled by the sigmoid of an invariant of its own.

        s -> silu(s),      v -> sigmoid(gate) v

    Args:
        rep_out: Representation of the features that go out: a sum of irreps, or its text. ``rep_in`` follows: the
            invariants of ``rep_out`` and one gate for each other copy, in one block, then the other blocks.

    Raises:
        ValueError: If ``rep_out`` is not a sum of irreps; in ``forward`` if the shape does not fit.

    Law: ``f(rho_in(g) x) = rho_out(g) f(x)``.

    Reference: Weiler et al., 3D steerable CNNs, NeurIPS 2018, section 4.3.

    Example:
        >>> print(Gate("4x0e + 2x1o").rep_in)
        6x0e + 2x1o
    """

    def __init__(self, rep_out: Rep | str) -> None:
        super().__init__()
        self.rep_out = rep_out = as_rep(rep_out)
        out = Blocks.of(rep_out)
        nontrivial = [term for term, trivial in zip(out.terms, out.trivial, strict=True) if not trivial]
        self._invariant = out.trivial
        self._gates = tuple(copies for copies, _ in nontrivial)
        self._sizes = [sum(self._gates), *(n for n, trivial in zip(out.copies, out.trivial, strict=True) if trivial)]
        rest = direct_sum(rep_out.group, nontrivial)
        self.rep_in: Rep = sum(self._sizes) * rep_out.group.trivial + rest
        self._rest, self._in = Blocks.of(rest), Blocks.of(self.rep_in)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(..., rep_in.dim)`` to ``(..., rep_out.dim)``."""
        self._in.check(features, "Gate")
        head = sum(self._sizes)
        gates, *invariants = features[..., :head].split(self._sizes, -1)
        scales = (SIGMOID_GAIN * gates.sigmoid()).split(self._gates, -1)
        nontrivial = zip(self._rest.split(features[..., head:]), scales, strict=True)
        vectors = iter([block * scale[..., None, :] for block, scale in nontrivial])
        plain = iter([SILU_GAIN * functional.silu(invariant)[..., None, :] for invariant in invariants])
        blocks = [next(plain) if invariant else next(vectors) for invariant in self._invariant]
        return Blocks.join(blocks, features)

    def extra_repr(self) -> str:
        """The two representations."""
        return f"{self.rep_in} -> {self.rep_out}"


class NormNonlinearity(nn.Module):
    """Scale each copy by a function of its own length: softplus with a learned bias.

        v -> softplus(|v| + b) v / |v|,      invariants: s -> silu(s + b)

    Args:
        rep_in: Representation of input and output: a sum of irreps that act orthogonally, or its text.

    Raises:
        ValueError: If ``rep_in`` is not a sum of irreps; in ``forward`` if the shape does not fit.

    Law: ``f(rho(g) x) = rho(g) f(x)``. The zero vector stays zero, with a finite gradient.

    Reference: Thomas et al., Tensor field networks, 2018, section 4.1.4, with the phase v / |v|.

    Example:
        >>> from intertwine.groups import SO3
        >>> NormNonlinearity(SO3().rep("2x1"))(torch.zeros(1, 6)).abs().max().item()
        0.0
    """

    def __init__(self, rep_in: Rep | str) -> None:
        super().__init__()
        self.rep_in = self.rep_out = as_rep(rep_in)
        self._blocks = Blocks.of(self.rep_in)
        self.bias = nn.Parameter(torch.zeros(sum(self._blocks.copies), dtype=torch.float32))

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(..., rep_in.dim)`` to the same shape."""
        self._blocks.check(features, "NormNonlinearity")
        parts, biases = [], self.bias.split(self._blocks.copies)
        for part, bias, trivial in zip(self._blocks.split(features), biases, self._blocks.trivial, strict=True):
            if trivial:
                parts.append(SILU_GAIN * functional.silu(part + bias))
            else:
                norm = safe_norm(part, dim=-2)[..., None, :]
                parts.append(part * functional.softplus(norm + bias) / torch.where(norm == 0, 1.0, norm))
        return Blocks.join(parts, features)

    def extra_repr(self) -> str:
        """The representation."""
        return str(self.rep_in)


class NormInvariants(nn.Module):
    """Invariants of a feature: those in it as they are, and the norm of each other copy. ``o3.Norm`` of e3nn.

    Args:
        rep_in: A sum of irreps that act orthogonally, or its text; ``rep_out`` has one trivial irrep for each copy, in
            order.

    Raises:
        ValueError: If ``rep_in`` is not a sum of irreps; in ``forward`` if the shape does not fit.

    Law: ``f(rho(g) x) = f(x)``.

    Example:
        >>> NormInvariants("1x0e + 1x1o")(torch.tensor([-2.0, 0.0, 3.0, 4.0])).tolist()
        [-2.0, 5.0]
    """

    def __init__(self, rep_in: Rep | str) -> None:
        super().__init__()
        self.rep_in = rep_in = as_rep(rep_in)
        self._blocks = Blocks.of(rep_in)
        self.rep_out: Rep = sum(self._blocks.copies) * rep_in.group.trivial

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(..., rep_in.dim)`` to ``(..., number of copies)``."""
        self._blocks.check(features, "NormInvariants")
        parts = zip(self._blocks.split(features), self._blocks.trivial, strict=True)
        norms = [part[..., 0, :] if trivial else safe_norm(part, dim=-2) for part, trivial in parts]
        return torch.cat(norms, -1) if norms else features.new_zeros((*features.shape[:-1], 0))

    def extra_repr(self) -> str:
        """The two representations."""
        return f"{self.rep_in} -> {self.rep_out}"
