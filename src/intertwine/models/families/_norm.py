"""Choice of normalization before each nonlinearity of a family."""

from __future__ import annotations

from typing import Literal, get_args

from torch import nn

from intertwine.nn import BatchNorm
from intertwine.reps import Rep

Norm = Literal["batch", "none"]


def check_norm(name: str, norm: str) -> None:
    """Check the name of a normalization.

    Args:
        name: Name of the family, for the message.
        norm: ``"batch"`` or ``"none"``.

    Raises:
        ValueError: If it is neither.
    """
    if norm not in get_args(Norm):
        raise ValueError(f'layer "{name}": norm is "batch" or "none", got {norm!r}')


def make_norm(norm: Norm, rep: Rep) -> nn.Module:
    """The normalization layer of that name."""
    return BatchNorm(rep) if norm == "batch" else nn.Identity()
