"""Builders of encoders: modules called as a `PointEncoder` is, with ``rep_in`` and ``rep_out``, one output a point."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import add
from typing import Any

from torch import Tensor, nn

from intertwine import models
from intertwine._errors import UsageError
from intertwine.actions import PointCloud, PointFeatures
from intertwine.groups import O3, SO3, Group
from intertwine.models import HierarchicalEncoder, PointEncoder, get_family
from intertwine.nn import NormInvariants
from intertwine.reps import Rep
from intertwine.tasks.clouds._encoders import Size, find_encoder, find_frame

Layer = str | dict[str, Any]

_OUTPUT_SCALE = 1.0
"""Outputs are normalized, so they start at size one, unlike those of energies."""


def build_encoder(config: Mapping[str, Any], rep_in: str, rep_out: str, *, by_point: bool = True) -> nn.Module:
    """The encoder that `describe_encoder` describes, in its frame.

    Args:
        config: The description.
        rep_in: Features of a point that go in, in the grammar of O(3), whatever the group.
        rep_out: Features of a point that come out.
        by_point: Whether each point is asked for. If not, an encoder that `thins_points` answers for some only, by its
            method ``at_points``, unless there is a frame around it.

    Raises:
        UsageError: The encoder or the frame is not known, or cannot be built at this size.
    """
    entry, frame = find_encoder(config["name"]), find_frame(config["frame"])
    size = Size(*(config[name] for name in ("layers", "levels", "hidden", "width", "neighbors", "cutoff")))
    by_point = by_point or frame is not None
    build: Callable[..., nn.Module] = family_encoder if entry.builder == "family" else network_encoder
    options = dict(entry.options)
    if config.get("norm") is not None:  # checkpoints of before do not say it, and have none
        options["layer"] = {"name": options["layer"], "norm": config["norm"]}
    try:
        reps = (read_rep(text, config["group"]) for text in (rep_in, rep_out))
        encoder: nn.Module = build(*reps, size, by_point=by_point, **options)
        return encoder if frame is None else in_frame(encoder, frame, size)
    except ValueError as error:
        raise UsageError(f"the encoder {config['name']} cannot be built: {error}") from error


def family_encoder(
    rep_in: Rep, rep_out: Rep, size: Size, *, by_point: bool, layer: Layer, norms: bool = False
) -> nn.Module:
    """A `PointEncoder`, or where points are thinned a `HierarchicalEncoder`.

    Args:
        rep_in: Features of a point that go in.
        rep_out: Invariants of a point that come out.
        size: How large.
        by_point: Whether each point is asked for; if not, those of the last level will do.
        layer: The family.
        norms: Whether half of the invariants are norms of vectors and tensors.
    """
    if not read_hidden(layer, size.hidden or "", rep_in.group).dim:
        raise ValueError(f'its hidden features "{size.hidden}" have no dimension')
    options: dict[str, Any] = {"layer": layer, "cutoff": size.cutoff, "output_scale": _OUTPUT_SCALE}
    if size.width is not None:
        options["width"] = size.width
    build = _hierarchical if size.levels else _flat
    encoder = build(rep_in, rep_out, size, by_point, norms, options)
    return NormReadout(encoder) if norms else encoder


def _flat(rep_in: Rep, rep_out: Rep, size: Size, by_point: bool, norms: bool, options: dict[str, Any]) -> PointEncoder:
    """All layers on all points."""
    hidden = read_hidden(options["layer"], size.hidden or "", rep_in.group)
    rep_out = before_norms(hidden, rep_out) if norms else rep_out
    more: dict[str, Any] = {"layers": size.layers, "avg_num_neighbors": float(size.neighbors), "pool": None}
    return PointEncoder(rep_in, rep_out, hidden=hidden, **more, **options)


def _hierarchical(
    rep_in: Rep, rep_out: Rep, size: Size, by_point: bool, norms: bool, options: dict[str, Any]
) -> HierarchicalEncoder:
    """Layers on ever fewer points, twice as wide each time.

    Of a family that pools by a convolution this is the first layer of its level; and where the whole alone is asked
    for, it begins with the input as it is.
    """
    strided = get_family(options["layer"]).strided
    narrow = read_hidden(options["layer"], size.hidden or "", rep_in.group)
    wider = [widened(narrow, 2**level) for level in range(size.levels)]
    hidden = [rep_in if strided and not by_point else wider[0], *wider]
    rep_out = before_norms(hidden[0 if by_point else -1], rep_out) if norms else rep_out
    more: dict[str, Any] = {"k": size.neighbors, "pool_neighbors": 2 * size.neighbors}
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


def network_encoder(
    rep_in: Rep, rep_out: Rep, size: Size, *, by_point: bool, name: str, embedding: int = 8
) -> nn.Module:
    """A network of `intertwine.models` that finds the neighbors itself, its widths doubled twice over its layers.

    Args:
        rep_in: Features of a point that go in.
        rep_out: Invariants of a point that come out.
        size: How large.
        by_point: Not looked at: it answers for each point.
        name: Of the class.
        embedding: Channels of the last layer, in widths.
    """
    width = size.width or 1
    widths = tuple(width * min(4, 2 ** max(0, index - 1)) for index in range(size.layers))
    options = {} if name == "PointNet" else {"k": size.neighbors}
    network: nn.Module = getattr(models, name)(
        rep_in, rep_out, widths=widths, embedding_dim=embedding * width, head=(), dropout=0.0, pool=None, **options
    )
    return network


def in_frame(encoder: nn.Module, name: str, size: Size) -> nn.Module:
    """The encoder, canonicalized by frames of the cloud.

    Args:
        encoder: The encoder.
        name: A class of `intertwine.models`, encoder -> encoder.
        size: How far a frame that is learned sees.
    """
    rep: Any = encoder.rep_in
    if rep.group not in (SO3(), O3()):
        raise ValueError("frames are rotations of all kinds, and it knows finitely many; leave --frame out")
    options = {"cutoff": size.cutoff, "avg_num_neighbors": float(size.neighbors)} if name == "LearnedFrame" else {}
    framed: nn.Module = getattr(models, name)(encoder, by_point=True, **options)
    return framed


class NormReadout(nn.Module):
    """An encoder's output with the norms of its vectors and tensors in their place.

    Law: ``f(rho_in(g) x, g p + t) = f(x, p)``.
    """

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder, self.norms = encoder, NormInvariants(encoder.rep_out)
        self.rep_in, self.rep_out = encoder.rep_in, self.norms.rep_out
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
        invariants: Tensor = self.norms(self.encoder(features, positions, edges, batch, structures))
        return invariants

    def at_points(
        self, features: Tensor, positions: Tensor, edges: Tensor, batch: Tensor, structures: int
    ) -> tuple[Tensor, Tensor]:
        """The same at the points of the last level of an encoder that thins points, and the cloud of each of them."""
        output, cloud = self.encoder.at_points(features, positions, edges, batch, structures)
        return self.norms(output), cloud


def widened(rep: Rep, factor: int) -> Rep:
    """So many times the copies of each term.

    >>> str(widened(O3().rep("4x0e + 1x1o"), 2))
    '8x0e + 2x1o'
    """
    return reduce(add, (factor * copies * term for copies, term in rep.terms))


def read_rep(text: str, group: str) -> Rep:
    """A representation in the grammar of O(3), restricted to the group: one of `GROUPS`.

    >>> str(read_rep("8x0e + 4x1o", "SO3"))
    '8x0 + 4x1'
    """
    return O3().rep(text).restrict({"O3": O3(), "SO3": SO3()}[group])


def read_hidden(layer: Layer, text: str, group: Group) -> Rep:
    """Hidden features as the family reads them, restricted to the group if they are of a larger one."""
    hidden = get_family(layer).parse_hidden(text)
    return hidden.restrict(group) if hidden.group == O3() else hidden


def before_norms(hidden: Rep, rep_out: Rep) -> Rep:
    """As many copies as invariants are wanted: half of them invariant, half of what else is hidden.

    >>> str(before_norms(O3().rep("8x0e + 8x1o + 4x2e"), O3().rep("16x0e")))
    '8x0e + 4x1o + 4x2e'
    """
    trivial = rep_out.group.trivial
    kinds = [irrep for _, irrep in hidden.irreps or () if irrep != trivial]
    share = rep_out.dim // (2 * len(kinds)) if kinds else 0
    rep = (rep_out.dim - share * len(kinds)) * trivial
    for kind in kinds if share else ():
        rep = rep + share * kind
    return rep
