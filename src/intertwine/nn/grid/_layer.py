"""Base of the layers on fields: images ``(B, rep.dim, H, W)`` and volumes ``(B, rep.dim, D, H, W)``."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from intertwine.actions import Action, Images, RotatedImages, RotatedVolumes, Volumes
from intertwine.nn.grid._basis import check_moves_grid, preserves_grid
from intertwine.reps import Induced, Regular, Rep, as_rep


class GridLayer(nn.Module, ABC):
    """A map of fields on the pixels of the plane or the voxels of space, channels first.

    A subclass implements :meth:`transform`. ``forward`` checks the shape first; a program made by :func:`export_grid`
    does not.

    Args:
        rep_in: Representation of the channels that come in.
        rep_out: Representation of the channels that go out.

    Attributes:
        dimension: 2 for images, 3 for volumes.
    """

    def __init__(self, rep_in: Rep | str, rep_out: Rep | str) -> None:
        super().__init__()
        self.rep_in, self.rep_out = as_rep(rep_in), as_rep(rep_out)
        self.dimension = check_moves_grid(self.rep_in.group, type(self).__name__)
        self._size, self._text = self.rep_in.dim, str(self.rep_in)

    @property
    def circular(self) -> bool:
        """Whether shifts that wrap around commute with the layer."""
        return True

    @property
    def action_in(self) -> Action:
        """The action on the input: exact where the group preserves the grid, else by interpolation."""
        return grid_action(self.rep_in, circular=self.circular)

    @property
    def action_out(self) -> Action:
        """The action on the output."""
        return grid_action(self.rep_out, circular=self.circular)

    def forward(self, fields: Tensor) -> Tensor:
        """Map ``(B, rep_in.dim, ...)`` to ``(B, rep_out.dim, ...)``."""
        self.check(fields)
        return self.transform(fields)

    @abstractmethod
    def transform(self, fields: Tensor) -> Tensor:
        """The map itself, of fields of the right shape."""

    def check(self, fields: Tensor) -> None:
        """Check the shape of the input.

        Raises:
            ValueError: If it is not that of a field of ``rep_in``.
        """
        if fields.ndim != self.dimension + 2 or fields.shape[1] != self._size:
            axes = "height, width" if self.dimension == 2 else "depth, height, width"
            raise ValueError(
                f"{type(self).__name__} expected fields (batch, {self._size}, {axes}) for rep_in = {self._text}, "
                f"got {tuple(fields.shape)}"
            )

    def export(self) -> nn.Module:
        """The layer in evaluation as a module of torch; by default itself, whose operations are torch's."""
        return self

    def extra_repr(self) -> str:
        """The representations."""
        return f"{self.rep_in} -> {self.rep_out}" if self.rep_in != self.rep_out else str(self.rep_in)


def grid_action(rep: Rep, *, circular: bool = False) -> Action:
    """The action of a group of the plane or space on fields.

    Args:
        rep: The representation of the channels.
        circular: Whether shifts belong to it: whole-pixel shifts that wrap around.

    Returns:
        :class:`~intertwine.actions.Images` or :class:`~intertwine.actions.Volumes` where the group preserves the grid,
        else :class:`~intertwine.actions.RotatedImages` or :class:`~intertwine.actions.RotatedVolumes`.
    """
    flat = rep.group.dimension == 2
    if preserves_grid(rep.group):
        return (Images if flat else Volumes)(rep, step=int(circular))
    return (RotatedImages if flat else RotatedVolumes)(rep)


def permutes(rep: Rep) -> bool:
    """Whether a term permutes its values, of one orbit: a regular, quotient or trivial representation."""
    if isinstance(rep, Induced):
        return rep.base == rep.base.group.trivial
    return isinstance(rep, Regular) or rep == rep.group.trivial


def check_permutes(rep: Rep, layer: str) -> None:
    """Check that every term of a representation permutes its values.

    Raises:
        ValueError: If a term does not.
    """
    for _, term in rep.terms:
        if not permutes(term):
            raise ValueError(
                f"{layer} acts on each value alone, which commutes with regular, quotient and trivial representations "
                f"only, got {rep}: use a norm, gated or Fourier nonlinearity"
            )


def split_terms(fields: Tensor, sizes: list[tuple[int, int]]) -> list[Tensor]:
    """``(B, dim, ...)`` to ``(B, copies, width, ...)`` for each pair of copies and width."""
    parts = split_axis(fields, [copies * width for copies, width in sizes], 1)
    return [part.unflatten(1, size) for part, size in zip(parts, sizes, strict=True)]


def split_axis(fields: Tensor, sizes: list[int], axis: int) -> list[Tensor]:
    """The blocks of these sizes along an axis; unlike those of ``torch.split`` their number is known to a tracer."""
    blocks = fields.split(sizes, axis)
    return [blocks[i] for i in range(len(sizes))]


def join_terms(parts: list[Tensor], like: Tensor) -> Tensor:
    """The inverse of :func:`split_terms`."""
    flat = [part.flatten(1, 2) for part in parts]
    if len(flat) == 1:
        return flat[0]
    return torch.cat(flat, 1) if flat else like.new_zeros((like.shape[0], 0, *like.shape[2:]))


def component_norm(part: Tensor) -> Tensor:
    """The norms ``(B, copies, 1, ...)`` of ``(B, copies, width, ...)``; the gradient at zero is zero."""
    squared = part.square().sum(2, keepdim=True)
    zero = squared == 0
    return torch.where(zero, 1.0, squared).sqrt().masked_fill(zero, 0.0)
