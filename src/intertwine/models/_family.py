"""A family of point encoders: what one step of the case study puts between two points. One class each, by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from torch import Tensor, nn

from intertwine.groups import O3
from intertwine.nn import BatchNorm, Gate, Geometry, Linear
from intertwine.ops import avg_pool_neighbors
from intertwine.reps import Rep

FIRST_OUTPUT = 0.02  # scale of the output at the start: training begins near zero, also where many points are summed


Norm = Literal["batch", "none"]


@dataclass(frozen=True)
class InteractionConfig:
    """What the interactions of an encoder have in common: how they see the space between two points."""

    lmax: int
    radial: tuple[int, ...]
    width: int
    cutoff: float
    neighbors: float


@dataclass(frozen=True)
class Family(ABC):
    """The parts of an encoder: an embedding, interactions, a readout. Options of a family are its fields.

    Attributes:
        name: What it is called in ``PointEncoder(layer=...)``.
        usual: The hidden representation where none is given.
        strided: Whether its pooling is a layer of its own, rather than a mean.
    """

    name: ClassVar[str]
    usual: ClassVar[str]
    strided: ClassVar[bool] = False

    def outer(self, rep: Rep | str) -> Rep:
        """The representation of an input or an output; text is read in the grammar of O(3)."""
        return O3().rep(rep) if isinstance(rep, str) else rep

    def inner(self, rep: Rep | str) -> Rep:
        """The representation between the layers, likewise."""
        return self.outer(rep)

    def embedding(self, rep_in: Rep, hidden: Rep, space: InteractionConfig) -> nn.Module:
        """A module ``(features (N, rep_in.dim), where) -> (N, hidden.dim)``."""
        return Embedding(rep_in, hidden)

    @abstractmethod
    def interaction(self, hidden: Rep, space: InteractionConfig) -> nn.Module:
        """A module ``(features (N, hidden.dim), where) -> (N, hidden.dim)``."""

    def pooling(self, fine: Rep, coarse: Rep, space: InteractionConfig) -> nn.Module:
        """A module ``(features (N, fine.dim), where, chosen (M,)) -> (M, coarse.dim)``.

        It goes from a cloud to M of its points; ``where`` is the geometry of the edges from it to them.
        """
        return MeanPooling(fine, coarse)

    def readout(self, hidden: Rep, rep_out: Rep) -> nn.Module:
        """A module ``(N, hidden.dim) -> (N, rep_out.dim)``."""
        gate = Gate(hidden)
        return nn.Sequential(Linear(hidden, gate.rep_in), gate, Linear(hidden, rep_out, gain=FIRST_OUTPUT))


def check_norm(name: str, norm: str) -> None:
    """Raise unless it is a norm.

    Raises:
        ValueError: It is none.
    """
    if norm not in get_args(Norm):
        raise ValueError(f'layer "{name}": norm is "batch" or "none", got {norm!r}')


def make_norm(norm: Norm, rep: Rep) -> nn.Module:
    """The normalization of that name."""
    return BatchNorm(rep) if norm == "batch" else nn.Identity()


class MeanPooling(Linear):
    """Linear of the mean over the neighbors in the finer cloud, the nearer ones weighing more."""

    def forward(self, features: Tensor, where: Geometry | None = None, chosen: Tensor | None = None) -> Tensor:
        """Map ``(N, fine.dim)`` to ``(M, coarse.dim)``."""
        assert where is not None, "who pools knows where the points are"
        return super().forward(avg_pool_neighbors(features, where.graph, where.lengths))


class Embedding(Linear):
    """The linear embedding, which does not look where the points are."""

    def forward(self, features: Tensor, where: Geometry | None = None) -> Tensor:
        """Map ``(N, rep_in.dim)`` to ``(N, rep_out.dim)``."""
        return super().forward(features)
