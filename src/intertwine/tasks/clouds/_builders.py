"""What builds encoders: modules called as a `PointEncoder` is, with ``rep_in`` and ``rep_out``, one output a point."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

from intertwine import models
from intertwine.actions import PointCloud, PointFeatures
from intertwine.groups import O3, SO3, Group
from intertwine.models import HierarchicalEncoder, PointEncoder
from intertwine.models._families import family as named
from intertwine.models._family import FIRST_OUTPUT
from intertwine.models._lifted import LiftedReadout
from intertwine.nn import Linear, NormInvariants
from intertwine.reps import Rep
from intertwine.tasks.clouds._encoders import Size

Layer = str | dict[str, Any]


def family(
    rep_in: Rep, rep_out: Rep, size: Size, *, by_point: bool, layer: Layer, lengths: bool = False, **options: Any
) -> nn.Module:
    """A `PointEncoder`, or where points are thinned a `HierarchicalEncoder`.

    Args:
        rep_in: Features of a point that go in.
        rep_out: Invariants of a point that come out.
        size: How large.
        by_point: Whether each point is asked for; if not, those of the last level will do.
        layer: The family.
        lengths: Whether half of the invariants are lengths of vectors and tensors.
        options: What else the encoder knows.
    """
    if not inner(layer, size.hidden or "", rep_in.group).dim:
        raise ValueError(f'its hidden features "{size.hidden}" have no dimension')
    if size.width is not None:
        options = {**options, "width": size.width}
    options = {**options, "layer": layer, "cutoff": size.cutoff}
    build = hierarchical if size.levels else flat
    return _finished(build(rep_in, rep_out, size, by_point, lengths, options), lengths)


def flat(rep_in: Rep, rep_out: Rep, size: Size, by_point: bool, lengths: bool, options: dict[str, Any]) -> PointEncoder:
    """All layers on all points."""
    hidden = inner(options["layer"], size.hidden or "", rep_in.group)
    rep_out = with_lengths(hidden, rep_out) if lengths else rep_out
    more: dict[str, Any] = {"layers": size.layers, "neighbors": float(size.neighbors), "pool": None}
    return PointEncoder(rep_in, rep_out, hidden=hidden, **more, **options)


def hierarchical(
    rep_in: Rep, rep_out: Rep, size: Size, by_point: bool, lengths: bool, options: dict[str, Any]
) -> HierarchicalEncoder:
    """Layers on ever fewer points, twice as wide each time.

    Of a family that pools by a convolution this is the first layer of its level; and where the whole alone is asked
    for, it begins with the input as it is.
    """
    strided = named(options["layer"]).strided
    texts = [widened(size.hidden or "", 2**level) for level in range(size.levels)]
    wider = [inner(options["layer"], text, rep_in.group) for text in texts]
    hidden = [rep_in if strided and not by_point else wider[0], *wider]
    rep_out = with_lengths(hidden[0 if by_point else -1], rep_out) if lengths else rep_out
    more: dict[str, Any] = {"neighbors": size.neighbors, "gathered": 2 * size.neighbors}
    return HierarchicalEncoder(
        rep_in,
        rep_out,
        hidden=hidden,
        levels=len(hidden),
        layers=[0, *[size.layers - strided] * size.levels],
        pool=None if by_point else "mean",
        **more,
        **options,
    )


def _finished(encoder: PointEncoder | HierarchicalEncoder, lengths: bool) -> nn.Module:
    """Outputs of size one: they begin small, for energies, but here they are normalized."""
    if isinstance(encoder.readout, LiftedReadout):
        with torch.no_grad():
            for weight in encoder.readout.heads.parameters():
                weight.div_(FIRST_OUTPUT)
    for module in encoder.readout.modules():
        if isinstance(module, Linear):
            module.gain = 1.0
            module.reset_parameters()
    return NormReadout(encoder) if lengths else encoder


def network(
    rep_in: Rep, rep_out: Rep, size: Size, *, by_point: bool, name: str, embedding: int = 8, **options: Any
) -> nn.Module:
    """A network of `intertwine.models` that finds the neighbors itself, its widths doubled twice over its layers.

    Args:
        rep_in: Features of a point that go in.
        rep_out: Invariants of a point that come out.
        size: How large.
        by_point: Not looked at: it answers for each point.
        name: Of the class.
        embedding: Channels of the last layer, in widths.
        options: What else it knows.
    """
    width = size.width or 1
    widths = tuple(width * min(4, 2 ** max(0, place - 1)) for place in range(size.layers))
    if name != "PointNet":
        options = {**options, "neighbors": size.neighbors}
    made: nn.Module = getattr(models, name)(
        rep_in, rep_out, widths=widths, embedding=embedding * width, head=(), dropout=0.0, pool=None, **options
    )
    return made


def framed(encoder: nn.Module, name: str, size: Size) -> nn.Module:
    """The encoder seen through frames of the cloud.

    Args:
        encoder: The encoder.
        name: A class of `intertwine.models`, encoder -> encoder.
        size: How far a frame that is learned sees.
    """
    rep: Any = encoder.rep_in
    if rep.group not in (SO3(), O3()):
        raise ValueError("frames are rotations of all kinds, and it knows finitely many; leave --frame out")
    options = {"cutoff": size.cutoff, "neighbors": float(size.neighbors)} if name == "LearnedFrame" else {}
    made: nn.Module = getattr(models, name)(encoder, by_point=True, **options)
    return made


class NormReadout(nn.Module):
    """An encoder's output with the lengths of its vectors and tensors in their place.

    Law: ``f(rho_in(g) x, g p + t) = f(x, p)``.
    """

    def __init__(self, encoder: PointEncoder | HierarchicalEncoder) -> None:
        super().__init__()
        self.encoder, self.lengths = encoder, NormInvariants(encoder.rep_out)
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


def widened(hidden: str, factor: int) -> str:
    """So many times the copies of each term.

    >>> widened("4x0e + 1x1o", 2), widened("8", 4)
    ('8x0e + 2x1o', '32')
    """
    return re.sub(r"(^|\+)(\s*)(\d+)", lambda found: f"{found[1]}{found[2]}{factor * int(found[3])}", hidden)


def read(text: str, group: str) -> Rep:
    """A representation in the grammar of O(3), restricted to the group: one of `GROUPS`.

    >>> str(read("8x0e + 4x1o", "SO3"))
    '8x0 + 4x1'
    """
    return O3().rep(text).restrict({"O3": O3(), "SO3": SO3()}[group])


def inner(layer: Layer, text: str, group: Group) -> Rep:
    """Hidden features as the family reads them, restricted to the group if they are of a larger one."""
    hidden = named(layer).inner(text)
    return hidden.restrict(group) if hidden.group == O3() else hidden


def with_lengths(hidden: Rep, rep_out: Rep) -> Rep:
    """As many copies as invariants are wanted: half of them invariant, half of what else is hidden.

    >>> str(with_lengths(O3().rep("8x0e + 8x1o + 4x2e"), O3().rep("16x0e")))
    '8x0e + 4x1o + 4x2e'
    """
    trivial = rep_out.group.trivial
    kinds = [irrep for _, irrep in hidden.irreps or () if irrep != trivial]
    share = rep_out.dim // (2 * len(kinds)) if kinds else 0
    made = (rep_out.dim - share * len(kinds)) * trivial
    for kind in kinds if share else ():
        made = made + share * kind
    return made
