"""What builds encoders: modules called as a `PointEncoder` is, with ``rep_in`` and ``rep_out``, one output a point."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from intertwine import models
from intertwine.actions import PointCloud, PointFeatures
from intertwine.groups import O3
from intertwine.models import HierarchicalEncoder, PointEncoder
from intertwine.models._family import FIRST_OUTPUT
from intertwine.models._lifted import LiftedReadout
from intertwine.nn import Invariants, Linear
from intertwine.reps import Rep
from intertwine.tasks.shapes._encoders import Size

Layer = str | dict[str, Any]


def family(
    rep_in: str, rep_out: str, size: Size, *, by_point: bool, layer: Layer, lengths: bool = False, **options: Any
) -> nn.Module:
    """A `PointEncoder`.

    Args:
        rep_in: Features of a point that go in.
        rep_out: Invariants of a point that come out.
        size: How large.
        by_point: Not looked at: it answers for each point.
        layer: The family.
        lengths: Whether half of the invariants are lengths of vectors and tensors.
        options: What else `PointEncoder` knows.
    """
    if size.width is not None:
        options = {**options, "width": size.width}
    encoder = PointEncoder(
        rep_in,
        with_lengths(size.hidden or "", rep_out) if lengths else rep_out,
        layer=layer,
        hidden=size.hidden,
        layers=size.layers,
        cutoff=size.cutoff,
        neighbours=float(size.neighbours),
        pool=None,
        **options,
    )
    return _finished(encoder, lengths)


def hierarchical(rep_in: str, rep_out: str, size: Size, *, by_point: bool, layer: Layer, **options: Any) -> nn.Module:
    """A `HierarchicalEncoder` that goes down as many levels as layers were asked for, twice as wide at each.

    Where only the whole is asked for, the first level is the input itself and nothing comes up again.

    Args:
        rep_in: Features of a point that go in.
        rep_out: Invariants of a point that come out; half of them are lengths.
        size: How large the first level is on which there is anything to be learned.
        by_point: Whether each point is asked for.
        layer: The family.
        options: What else `HierarchicalEncoder` knows.
    """
    group = O3()
    hidden = group.rep(size.hidden or "")
    wider = [times(2**step, hidden) for step in range(size.layers)]
    levels = [hidden, *wider] if by_point else [group.rep(rep_in), *wider]
    encoder = HierarchicalEncoder(
        rep_in,
        with_lengths(str(levels[0 if by_point else -1]), rep_out),
        layer=layer,
        hidden=levels,
        levels=len(levels),
        layers=0,
        cutoff=size.cutoff,
        neighbours=size.neighbours,
        gathered=2 * size.neighbours,
        pool=None if by_point else "mean",
        **options,
    )
    return _finished(encoder, lengths=True)


def _finished(encoder: PointEncoder | HierarchicalEncoder, lengths: bool) -> nn.Module:
    """Outputs of size one: they begin small, for energies, but here they are normalised."""
    if isinstance(encoder.readout, LiftedReadout):
        with torch.no_grad():
            for weight in encoder.readout.heads.parameters():
                weight.div_(FIRST_OUTPUT)
    for module in encoder.readout.modules():
        if isinstance(module, Linear):
            module.gain = 1.0
            module.reset_parameters()
    return Measured(encoder) if lengths else encoder


def network(rep_in: str, rep_out: str, size: Size, *, by_point: bool, name: str, **options: Any) -> nn.Module:
    """A network of `intertwine.models` that finds the neighbours itself, its widths doubled twice over its layers.

    Args:
        rep_in: Features of a point that go in.
        rep_out: Invariants of a point that come out.
        size: How large.
        by_point: Not looked at: it answers for each point.
        name: Of the class.
        options: What else it knows.
    """
    width = size.width or 1
    widths = tuple(width * min(4, 2 ** max(0, place - 1)) for place in range(size.layers))
    if name != "PointNet":
        options = {**options, "neighbours": size.neighbours}
    made: nn.Module = getattr(models, name)(
        rep_in, rep_out, widths=widths, embedding=8 * width, head=(), dropout=0.0, pool=None, **options
    )
    return made


def framed(encoder: nn.Module, name: str, size: Size) -> nn.Module:
    """The encoder seen through frames of the cloud.

    Args:
        encoder: The encoder.
        name: A class of `intertwine.models`, encoder -> encoder.
        size: How far a frame that is learned sees.
    """
    options = {"cutoff": size.cutoff, "neighbours": float(size.neighbours)} if name == "LearnedFrame" else {}
    made: nn.Module = getattr(models, name)(encoder, by_point=True, **options)
    return made


class Measured(nn.Module):
    """An encoder's output with the lengths of its vectors and tensors in their place.

    Law: ``f(rho_in(g) x, g p + t) = f(x, p)``.
    """

    def __init__(self, encoder: PointEncoder | HierarchicalEncoder) -> None:
        super().__init__()
        self.encoder, self.lengths = encoder, Invariants(encoder.rep_out)
        self.rep_in, self.rep_out = encoder.rep_in, self.lengths.rep_out
        self.action_in, self.action_out = PointCloud(self.rep_in), PointFeatures(self.rep_out)

    def forward(
        self,
        features: Tensor,
        positions: Tensor,
        edges: Tensor,
        batch: Tensor | None = None,
        structures: int | None = None,
    ) -> Tensor:
        """``(N, rep_out.dim)``; arguments as those of the encoder."""
        measured: Tensor = self.lengths(self.encoder(features, positions, edges, batch, structures))
        return measured

    def at_points(
        self, features: Tensor, positions: Tensor, edges: Tensor, batch: Tensor, structures: int
    ) -> tuple[Tensor, Tensor]:
        """The same at each point that the encoder answers for, and whose they are."""
        if not isinstance(self.encoder, HierarchicalEncoder):
            return self(features, positions, edges, batch, structures), batch
        output, whose = self.encoder.at_points(features, positions, edges, batch, structures)
        return self.lengths(output), whose


def times(factor: int, rep: Rep) -> Rep:
    """So many times the copies of each irrep.

    >>> print(times(2, O3().rep("4x0e + 1x1o")))
    8x0e + 2x1o
    """
    return rep.group.rep(" + ".join(f"{factor * copies}x{irrep}" for copies, irrep in rep.irreps or ()))


def with_lengths(hidden: str, rep_out: str) -> str:
    """As many copies as invariants are wanted: half of them invariant, half of what else is hidden.

    >>> with_lengths("8x0e + 8x1o + 4x2e", "16x0e")
    '8x0e + 4x1o + 4x2e'
    """
    trivial = O3().trivial
    kinds = [str(irrep) for _, irrep in O3().rep(hidden).irreps or () if irrep != trivial]
    wanted = O3().rep(rep_out).dim
    share = wanted // (2 * len(kinds)) if kinds else 0
    return " + ".join([f"{wanted - share * len(kinds)}x0e", *(f"{share}x{kind}" for kind in kinds if share)])
