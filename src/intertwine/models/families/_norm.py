"""Choice of normalization before each nonlinearity of a family."""

from __future__ import annotations

from typing import Literal, get_args

from torch import nn

from intertwine.nn import BatchNorm, LayerNorm
from intertwine.reps import Rep

_EPS = 1e-3  # added to the power: vectors that are small by cancellation are mostly rounding errors, and stay small

Norm = Literal["layer", "batch", "none"]


def check_norm(name: str, norm: str, known: tuple[str, ...] = get_args(Norm)) -> None:
    """Check the name of a normalization.

    Args:
        name: Name of the family, for the message.
        norm: Name of the normalization.
        known: Those that the family has.

    Raises:
        ValueError: If it is none of them.
    """
    if norm not in known:
        names = " or ".join(", ".join(f'"{one}"' for one in part) for part in (known[:-1], known[-1:]))
        raise ValueError(f'layer "{name}": norm is {names}, got {norm!r}')


def make_norm(norm: Norm, rep: Rep) -> nn.Module:
    """The normalization layer of that name."""
    if norm == "layer":
        return LayerNorm(rep, eps=_EPS)
    return BatchNorm(rep) if norm == "batch" else nn.Identity()
