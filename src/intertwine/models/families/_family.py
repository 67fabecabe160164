"""Contract of a family: the embedding, interactions, pooling and readout that an encoder is built from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from intertwine.groups import Group
from intertwine.models._rep_texts import read_in_group
from intertwine.nn import Gate, Geometry, Linear
from intertwine.ops import avg_pool_neighbors
from intertwine.reps import Rep, as_rep

OUTPUT_SCALE = 0.02
"""Default scale of an encoder's output at initialization: small, so that sums over many points also start near zero."""


@dataclass(frozen=True)
class InteractionConfig:
    """Hyperparameters that every interaction of an encoder receives; a family ignores those it has no use for.

    Attributes:
        lmax: Highest degree of the spherical harmonics.
        radial_basis: Number of radial basis functions.
        radial_hidden: Hidden widths of the radial network on them.
        width: Hidden width of message networks.
        cutoff: Distance from which edges have no effect, in the unit of the positions.
        avg_num_neighbors: Average number of neighbors, which normalizes sums over neighbors.
    """

    lmax: int
    radial_basis: int
    radial_hidden: tuple[int, ...]
    width: int
    cutoff: float
    avg_num_neighbors: float


@dataclass(frozen=True)
class Family(ABC):
    """Modules that an encoder is built from; the options of a family are its dataclass fields.

    A subclass must set ``name`` and ``default_hidden`` and define ``interaction``. All modules take features first and
    the geometry of the edges second; the readout takes features only.

    Attributes:
        name: Registered name, as in ``PointEncoder(layer=name)``.
        default_hidden: Hidden representation if the user gives none.
        strided: Whether ``pooling`` is a strided convolution, which also counts as an interaction, rather than a mean.
        embeds_geometry: Whether ``embedding`` reads the edges, so that it needs a graph where no interaction does.
    """

    name: ClassVar[str]
    default_hidden: ClassVar[str]
    strided: ClassVar[bool] = False
    embeds_geometry: ClassVar[bool] = False

    def parse_rep(self, rep: Rep | str, other: Rep | str | None = None) -> Rep:
        """The representation of an input or an output.

        Args:
            rep: A representation, or text in the grammar of the group of ``other``.
            other: A further representation of the encoder; of O(3) if it is text or not given.
        """
        return as_rep(rep, other)

    def parse_text(self, rep: Rep | str, group: str | None) -> Rep | str:
        """The representation, its text read in the grammar of the named group if there is one.

        Raises:
            UsageError: There is no such group, or the text cannot be read.
        """
        return read_in_group(rep, group)

    def parse_hidden(self, rep: Rep | str, other: Rep | str | None = None) -> Rep:
        """The representation between the layers; arguments as for :meth:`parse_rep`."""
        return self.parse_rep(rep, other)

    def default_hidden_rep(self, group: Group) -> Rep:
        """The default representation between the layers, restricted to a group."""
        hidden = self.parse_hidden(self.default_hidden)
        return hidden if hidden.group == group else hidden.restrict(group)

    def embedding(self, rep_in: Rep, hidden: Rep, config: InteractionConfig) -> nn.Module:
        """A module ``(features (N, rep_in.dim), geometry) -> (N, hidden.dim)``."""
        return PointEmbedding(rep_in, hidden)

    @abstractmethod
    def interaction(self, hidden: Rep, config: InteractionConfig) -> nn.Module:
        """A module ``(features (N, hidden.dim), geometry) -> (N, hidden.dim)``."""

    def pooling(self, fine: Rep, coarse: Rep, config: InteractionConfig) -> nn.Module:
        """A module ``(features (N, fine.dim), geometry, index (M,)) -> (M, coarse.dim)``.

        It maps a cloud to M of its points; ``geometry`` has the edges from the N points to the M points.
        """
        return MeanPooling(fine, coarse)

    def readout(self, hidden: Rep, rep_out: Rep, output_scale: float = OUTPUT_SCALE) -> nn.Module:
        """A module ``(N, hidden.dim) -> (N, rep_out.dim)``, with outputs of size ``output_scale`` at initialization."""
        gate = Gate(hidden)
        return nn.Sequential(Linear(hidden, gate.rep_in), gate, Linear(hidden, rep_out, gain=output_scale))


class PointEmbedding(Linear):
    """Linear embedding of each point's features, whatever the geometry."""

    def forward(self, features: Tensor, geometry: Geometry | None = None) -> Tensor:
        """Map ``(N, rep_in.dim)`` to ``(N, rep_out.dim)``."""
        return super().forward(features)


class MeanPooling(Linear):
    """Linear map of the mean over the neighbors in the finer cloud, weighted by distance."""

    def forward(self, features: Tensor, geometry: Geometry | None = None, index: Tensor | None = None) -> Tensor:
        """Map ``(N, rep_in.dim)`` to ``(M, rep_out.dim)``."""
        assert geometry is not None, "pooling needs the edges from the finer cloud"
        return super().forward(avg_pool_neighbors(features, geometry.graph, geometry.lengths))
