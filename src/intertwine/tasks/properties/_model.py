"""The model of properties: element embedding, encoder, and a shift and scale into the targets' own units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from intertwine.actions import PeriodicPointCloud
from intertwine.data import PointCloudBatch
from intertwine.groups import O3
from intertwine.models import PointEncoder
from intertwine.ops import resolve_batch, segment_sum
from intertwine.tasks.properties._composition import Composition, Pooling
from intertwine.tasks.properties._targets import Target

_LAST_ELEMENT = 118


def network_inputs(batch: PointCloudBatch) -> tuple[Any, ...]:
    """A batch as the arguments of `PropertyModel`: numbers, positions, edges, batch, how many; shifts if periodic."""
    inputs = batch.point_fields["numbers"], batch.positions, batch.edges, batch.batch, batch.num_clouds
    return (*inputs, batch.edge_fields["shifts"]) if "shifts" in batch.edge_fields else inputs


class ElementEmbedding(nn.Module):
    """A learned vector of scalars for each element.

    Args:
        elements: Atomic numbers that it knows, increasing.
        channels: How many scalars.
    """

    lookup: Tensor

    def __init__(self, elements: Sequence[int], channels: int) -> None:
        super().__init__()
        self.elements = tuple(elements)
        self.rep_out = O3().rep(f"{channels}x0e")
        lookup = torch.zeros(_LAST_ELEMENT + 1, dtype=torch.int64)
        lookup[list(self.elements)] = torch.arange(len(self.elements))
        self.register_buffer("lookup", lookup, persistent=False)
        self.weight = nn.Parameter(torch.randn(len(self.elements), channels, dtype=torch.float32))

    def forward(self, numbers: Tensor) -> Tensor:
        """(N,) atomic numbers to (N, channels)."""
        return self.weight.index_select(0, self.lookup[numbers])


class PropertyNetwork(nn.Module):
    """Element embedding and encoder: everything that is learned. Its outputs are normalized.

    Args:
        elements: Atomic numbers that it knows, increasing.
        encoder: Keyword arguments of `PointEncoder`; `pool` None for one output per atom.

    Law: for an encoder that commutes with O(3), y(R x + t) = D(R) y(x), whatever the numbering of the atoms. The output
    of an atom depends on its neighbors only: it does not depend on the cell in which a crystal is described.
    """

    def __init__(self, elements: Sequence[int], encoder: Mapping[str, Any]) -> None:
        super().__init__()
        self.encoder = PointEncoder(**encoder)
        self.embedding = ElementEmbedding(elements, self.encoder.rep_in.dim)
        self.rep_out = self.encoder.rep_out
        self.action_in = PeriodicPointCloud(self.rep_out.group.trivial)
        self.action_out = self.encoder.action_out

    def forward(
        self,
        numbers: Tensor,
        positions: Tensor,
        edges: Tensor,
        batch: Tensor | None = None,
        structures: int | None = None,
        shifts: Tensor | None = None,
    ) -> Tensor:
        """One row a structure or an atom, in units of the spread that composition leaves.

        Args:
            numbers: (N,) int64, atomic numbers.
            positions: (N, 3), angstrom.
            edges: (2, E) int64, source row over target row.
            batch: (N,) structure of each atom; None for a single one.
            structures: How many.

            shifts: (E, 3), angstrom: the lattice vector that is added to the position of the source of each edge; None
                without periodic structures.

        Returns:
            (structures, rep_out.dim), or (N, rep_out.dim) for targets of atoms.
        """
        output: Tensor = self.encoder(self.embedding(numbers), positions, edges, batch, structures, shifts)
        return output


class PropertyModel(nn.Module):
    """y = shift(composition) + scale * network(x), in the targets' own units.

    The shift is the composition-only least-squares fit for what is invariant and zero for the rest; the scale is the
    spread of what that leaves. Both are buffers in float64, so that total energies keep their digits.

    Args:
        elements: Atomic numbers that occur in training.
        targets: What is learned, in the order of the output.
        pools: "sum" or "mean" for each target; None for targets of atoms, which are not pooled.
        encoder: Keyword arguments of `PointEncoder` without `rep_out` and `pool`.

    Law: that of the encoder; the shift is invariant and the scale is one number an irrep.
    """

    coefficients: Tensor
    constant: Tensor
    scale: Tensor
    averaged: Tensor

    def __init__(
        self,
        elements: Sequence[int],
        targets: Sequence[Target],
        pools: Sequence[Pooling | None],
        encoder: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.targets = tuple(targets)
        self.elements = tuple(elements)
        rep_out = " + ".join(target.rep for target in self.targets)
        self._divides = "mean" in pools and "sum" in pools
        self.per_atom = any(target.per_atom for target in self.targets)
        pool = None if self.per_atom else "mean" if set(pools) == {"mean"} else "sum"
        self.network = PropertyNetwork(elements, {**encoder, "rep_out": rep_out, "pool": pool})
        self.rep_out = self.network.rep_out
        dims = [target.dim for target in self.targets]
        averaged = [pool == "mean" for pool, dim in zip(pools, dims, strict=True) for _ in range(dim)]
        width = self.rep_out.dim
        self.register_buffer("coefficients", torch.zeros(len(self.elements), width, dtype=torch.float64))
        self.register_buffer("constant", torch.zeros(width, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(width, dtype=torch.float64))
        self.register_buffer("averaged", torch.tensor(averaged), persistent=False)

    def normalize(self, compositions: Sequence[Composition]) -> None:
        """Take shift and scale from the composition fits of the targets, in their order."""
        self.coefficients.copy_(torch.cat([fit.coefficients for fit in compositions], dim=1))
        self.constant.copy_(torch.cat([fit.constant for fit in compositions]))
        self.scale.copy_(torch.cat([fit.scale for fit in compositions]))

    def normalized(
        self,
        numbers: Tensor,
        positions: Tensor,
        edges: Tensor,
        batch: Tensor | None = None,
        structures: int | None = None,
        shifts: Tensor | None = None,
    ) -> Tensor:
        """(y - shift) / scale, what the loss compares; arguments as `forward`."""
        batch, structures = resolve_batch(numbers, batch, structures)
        output: Tensor = self.network(numbers, positions, edges, batch, structures, shifts)
        if self._divides:
            counts = _count(batch, structures, output.dtype)
            output = torch.where(self.averaged, output / counts, output)
        return output

    def shift(self, numbers: Tensor, batch: Tensor | None = None, structures: int | None = None) -> Tensor:
        """The composition-only fit, (structures or N, rep_out.dim), in the dtype of the buffers."""
        batch, structures = resolve_batch(numbers, batch, structures)
        atoms = self.coefficients.index_select(0, self.network.embedding.lookup[numbers])
        if self.per_atom:
            return atoms + self.constant
        total = segment_sum(atoms, batch, structures)
        total = torch.where(self.averaged, total / _count(batch, structures, total.dtype), total)
        return total + self.constant

    def forward(
        self,
        numbers: Tensor,
        positions: Tensor,
        edges: Tensor,
        batch: Tensor | None = None,
        structures: int | None = None,
        shifts: Tensor | None = None,
    ) -> Tensor:
        """The properties of each structure, or of each atom.

        Args:
            numbers: (N,) int64, atomic numbers, all of them among `elements`.
            positions: (N, 3), angstrom.
            edges: (2, E) int64, source row over target row.
            batch: (N,) structure of each atom; None for a single one.
            structures: How many.
            shifts: (E, 3), angstrom, as for `PropertyNetwork`.

        Returns:
            (structures, rep_out.dim), or (N, rep_out.dim) for targets of atoms, in the targets' units and the
            dtype of the buffers, float64 unless the model was cast.
        """
        output = self.normalized(numbers, positions, edges, batch, structures, shifts)
        return self.shift(numbers, batch, structures) + self.scale * output.to(self.scale.dtype)


def _count(batch: Tensor, structures: int, dtype: torch.dtype) -> Tensor:
    """(structures, 1): atoms of each, at least one."""
    ones = torch.ones(len(batch), 1, dtype=dtype, device=batch.device)
    return segment_sum(ones, batch, structures).clamp_min(1)
