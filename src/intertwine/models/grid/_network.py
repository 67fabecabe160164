"""What the networks on images and volumes share: blocks, heads, their actions and their export."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, fx, nn

from intertwine._errors import UsageError
from intertwine.actions import Action, LinearAction
from intertwine.groups import Group
from intertwine.models._scalar_batch_norm import ScalarBatchNorm
from intertwine.models.grid._fields import Fields
from intertwine.nn import (
    GridBatchNorm,
    GridConv,
    GridDropout,
    GridInvariants,
    GridSpatialPool,
    KernelBasis,
    export_grid,
    grid_action,
)
from intertwine.reps import Rep, as_rep

PaddingMode = Literal["zeros", "circular", "reflect", "replicate"]


class GridNetwork(nn.Module):
    """Base of the networks: from fields ``(B, rep_in.dim, ...)`` to vectors ``(B, rep_out.dim)`` or to fields.

    Attributes:
        rep_in: Representation of the input, of the group under which the whole network is equivariant.
        rep_out: Representation of the output, of the same group.
        dense: Whether the output is a field.
    """

    dense = False

    def __init__(self, rep_in: Rep, rep_out: Rep) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out

    @property
    def action_in(self) -> Action:
        """The action on images or volumes."""
        return grid_action(self.rep_in)

    @property
    def action_out(self) -> Action:
        """The action on the output."""
        return grid_action(self.rep_out) if self.dense else LinearAction(self.rep_out)

    def export(self) -> fx.GraphModule:
        """The network in evaluation as a graph of ordinary convolutions: see :func:`~intertwine.nn.export_grid`."""
        return export_grid(self)


class ConvBlock(nn.Sequential):
    """A convolution, batch normalization, a nonlinearity, and dropout.

    Args:
        rep_in: Representation of the input.
        fields: The kind of the output.
        width: Its width.
        kernel_size: Pixels of the filter along an axis; the output has the size of the input where it is odd.
        padding_mode: As for :class:`~intertwine.nn.GridConv`.
        basis: The functions that filters are made of.
        dropout: The probability of dropout.

    Attributes:
        rep_out: Representation of the output.
    """

    def __init__(
        self,
        rep_in: Rep,
        fields: Fields,
        width: int,
        kernel_size: int,
        *,
        padding_mode: PaddingMode = "zeros",
        basis: KernelBasis | None = None,
        dropout: float = 0.0,
    ) -> None:
        act = fields.nonlinearity(rep_in.group, width)
        conv = GridConv(
            rep_in,
            act.rep_in,
            kernel_size,
            padding=kernel_size // 2,
            padding_mode=padding_mode,
            basis=basis,
            bias=False,
        )
        super().__init__(conv, GridBatchNorm(act.rep_in), act)
        if dropout:
            self.append(GridDropout(act.rep_out, dropout))
        self.rep_in, self.rep_out = rep_in, act.rep_out


class Readout(nn.Module):
    """From a field to a vector: invariants, the mean over the pixels and a perceptron; or an equivariant map.

    Args:
        rep_in: Representation of the field.
        rep_out: Representation of the vector. Of invariants alone it is made from the invariants of the field, else by
            an equivariant convolution of one pixel.
        hidden: Widths of the perceptron.
    """

    def __init__(self, rep_in: Rep, rep_out: Rep, hidden: Sequence[int]) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out
        self.perceptron: nn.Module = nn.Identity()
        if all(term == rep_out.group.trivial for _, term in rep_out.terms):
            self.local: nn.Module = GridInvariants(rep_in)
            sizes = [self.local.rep_out.dim, *hidden]
            layers: list[nn.Module] = []
            real = torch.float32  # whatever the default is
            for before, after in pairwise(sizes):
                linear = nn.Linear(before, after, bias=False, dtype=real)
                layers += [linear, ScalarBatchNorm(after), nn.ELU()]
            self.perceptron = nn.Sequential(*layers, nn.Linear(sizes[-1], rep_out.dim, dtype=real))
            self.pool = GridSpatialPool(self.local.rep_out)
        else:
            self.local, self.pool = GridConv(rep_in, rep_out, 1), GridSpatialPool(rep_out)

    def forward(self, fields: Tensor) -> Tensor:
        """Map ``(B, rep_in.dim, ...)`` to ``(B, rep_out.dim)``."""
        vector: Tensor = self.perceptron(self.pool(self.local(fields)))
        return vector


def resolve_ends(rep_in: Rep | str, rep_out: Rep | str) -> tuple[Rep, Rep]:
    """Both representations, of one group.

    Raises:
        UsageError: If the groups differ.
    """
    first = as_rep(rep_in, rep_out)
    second = as_rep(rep_out, first)
    if first.group != second.group:
        raise UsageError(f"rep_in is of {first.group} and rep_out of {second.group}; a network needs one group")
    return first, second


def check_subgroup(group: Group, subgroup: Group) -> Group:
    """The subgroup that a network is restricted to.

    Raises:
        UsageError: If it is not one.
    """
    try:
        group.trivial.restrict(subgroup)
    except ValueError as error:
        raise UsageError(f"a network restricts {group} to a subgroup of it, got {subgroup}") from error
    return subgroup


def each_layer(name: str, value: int | Sequence[int], count: int) -> tuple[int, ...]:
    """One number for each layer.

    Raises:
        UsageError: If there are others.
    """
    values = (value,) * count if isinstance(value, int) else tuple(value)
    if len(values) != count or any(number < 1 for number in values):
        raise UsageError(f"{name} is one number, or one for each of {count} layers, at least 1; got {value}")
    return values
