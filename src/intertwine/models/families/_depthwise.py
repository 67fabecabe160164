"""Depthwise family: the interactions of NequIP and MACE."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.models.families._edge_network import EdgeNetwork
from intertwine.models.families._family import Family, InteractionConfig
from intertwine.models.families._norm import Norm, check_norm, make_norm
from intertwine.nn import DepthwiseConv, Gate, Geometry, Linear, TensorSquare
from intertwine.ops import depthwise_conv
from intertwine.reps import Rep


@dataclass(frozen=True)
class DepthwiseFamily(Family):
    """Depthwise convolutions with a gate, as in NequIP, and squares of the messages, as in MACE; O(3)-equivariant.

    Attributes:
        correlation: Highest power of the summed messages in an update: 1 as in NequIP, 2 adds their symmetric tensor
            square, so that one interaction sees the angles between pairs of neighbors.
        norm: Normalization before each gate: ``"layer"``, ``"batch"`` or ``"none"``.

    Reference: Batzner et al., E(3)-equivariant graph neural networks for interatomic potentials, Nature Communications
    2022; Batatia et al., MACE, NeurIPS 2022, eqs. 8-11.
    """

    name = "depthwise"
    default_hidden = "32x0e + 16x1o + 8x2e"
    strided = True
    correlation: int = 1
    norm: Norm = "layer"

    def __post_init__(self) -> None:
        check_norm(self.name, self.norm)
        if self.correlation not in (1, 2):
            raise UsageError(f'layer "{self.name}": correlation is 1 or 2, got {self.correlation!r}')

    def interaction(self, hidden: Rep, config: InteractionConfig) -> nn.Module:
        """Residual depthwise block."""
        return DepthwiseInteraction(hidden, hidden, config, self)

    def pooling(self, fine: Rep, coarse: Rep, config: InteractionConfig) -> nn.Module:
        """Depthwise block from the finer cloud to its sampled points: a strided convolution."""
        return DepthwiseBlock(fine, coarse, config, self)


class DepthwiseBlock(nn.Module):
    """Depthwise convolution between linear maps, and a gate.

        a = linear(conv(linear(x))),    y = linear(gate(norm(a + linear(x))))

    and with correlation 2 a :class:`PowerUpdate` of a in place of a. The radial weights of the convolution are read
    from an :class:`EdgeNetwork`.

    Args:
        rep_in: Representation of the features that come in.
        rep_out: Representation of the features that go out.
        config: Hyperparameters of the encoder.
        family: Options of the family.
    """

    def __init__(self, rep_in: Rep, rep_out: Rep, config: InteractionConfig, family: DepthwiseFamily) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out
        self.gate = Gate(rep_out)
        self.before = Linear(rep_in, rep_in, bias=False)
        self.edges = EdgeNetwork(rep_in, config.width, config.width, config.radial_basis, config.cutoff)
        self.conv = DepthwiseConv(
            rep_in,
            self.gate.rep_in,
            lmax=config.lmax,
            radial_basis=config.width,
            radial_hidden=(),
            cutoff=config.cutoff,
            avg_num_neighbors=config.avg_num_neighbors,
        )
        if family.correlation == 1:
            self.after: nn.Module = Linear(self.conv.rep_out, self.gate.rep_in, bias=False)
        else:
            after = Linear(self.conv.rep_out, rep_out, bias=False)
            self.after = nn.Sequential(after, PowerUpdate(rep_out, self.gate.rep_in))
        self.self_interaction = Linear(rep_in, self.gate.rep_in)
        self.norm = make_norm(family.norm, self.gate.rep_in)
        self.mix = Linear(rep_out, rep_out, bias=False)

    def forward(self, features: Tensor, geometry: Geometry, index: Tensor | None = None) -> Tensor:
        """Convolve to the points of the same cloud, or to some of them.

        Args:
            features: ``(N, rep_in.dim)``.
            geometry: Edges from the N points to the targets.
            index: ``(M,)`` which of the N points the targets are; ``None`` for all.

        Returns:
            ``(N, rep_out.dim)``, or ``(M, rep_out.dim)`` with ``index``.
        """
        targets = features if index is None else features.index_select(0, index)
        messages = self.after(self._convolve(features, targets, geometry))
        output: Tensor = self.mix(self.gate(self.norm(messages + self.self_interaction(targets))))
        return output

    def _convolve(self, features: Tensor, targets: Tensor, geometry: Geometry) -> Tensor:
        """The depthwise convolution with radial weights from the edge network, ``(M, conv.rep_out.dim)``."""
        conv = self.conv
        envelope = conv.radial.envelope(geometry.lengths) / sqrt(conv.avg_num_neighbors)
        radial = self.edges(features, targets, geometry)
        inputs = self.before(features), geometry.harmonics * envelope[:, None], radial, geometry.graph
        return depthwise_conv(*inputs, conv.coupling, conv.tensor(), conv.weights)


class DepthwiseInteraction(DepthwiseBlock):
    """Residual depthwise block: ``x + block(x)``."""

    def forward(self, features: Tensor, geometry: Geometry, index: Tensor | None = None) -> Tensor:
        """Map ``(N, rep.dim)`` to the same."""
        return features + super().forward(features, geometry, index)


class PowerUpdate(nn.Module):
    """Sum of a linear map of a feature and one of its tensor square: ``linear(a) + linear(a (x) a)``.

    Args:
        rep_in: Representation of a.
        rep_out: Representation of the sum.
    """

    def __init__(self, rep_in: Rep, rep_out: Rep) -> None:
        super().__init__()
        self.rep_in, self.rep_out = rep_in, rep_out
        self.linear = Linear(rep_in, rep_out, bias=False)
        self.square = TensorSquare(rep_in)
        self.products = Linear(rep_in, rep_out, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, rep_in.dim)`` to ``(N, rep_out.dim)``."""
        output: Tensor = self.linear(features) + self.products(self.square(features))
        return output
