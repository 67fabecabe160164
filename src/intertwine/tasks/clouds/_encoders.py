"""The encoders and the frames by name, one line each. What builds them is loaded when one is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from intertwine._errors import UsageError
from intertwine.tasks._suggestions import unknown
from intertwine.tasks.clouds._choices import GROUPS

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Encoder:
    """An entry of the registry.

    Attributes:
        builder: The function of `_builders` that makes it, called as ``(rep_in, rep_out, size, by_point=, **options)``.
        options: What it is told besides.
        hidden: The usual features of a point; None where ``--hidden`` means nothing.
        width: The usual number of channels; None where ``--width`` means nothing.
        layers: The usual number of layers.
        levels: The usual number of times that points are thinned; None where ``--levels`` means nothing.
        symmetry: Whose group it commutes with: that of ``--group``, its own, or, without a frame, none.
    """

    builder: str
    options: Mapping[str, Any] = field(default_factory=dict)
    hidden: str | None = None
    width: int | None = None
    layers: int = 1
    levels: int | None = 2
    symmetry: Literal["asked", "own", "none"] = "asked"


_STEERED = "16x0e+8x1o+4x2e"
_NORMED = {"norm": "batch"}

ENCODERS: dict[str, Encoder] = {
    "attention": Encoder("family", {"layer": {"name": "attention", **_NORMED}, "lengths": True}, hidden=_STEERED),
    "dgcnn": Encoder("network", {"name": "DGCNN"}, width=24, layers=3, levels=None, symmetry="none"),
    "egnn": Encoder("family", {"layer": "egnn", "lengths": True}, hidden="48x0e+8x1o", width=48, symmetry="own"),
    "lifted": Encoder("family", {"layer": "lifted"}, hidden="8", symmetry="own"),
    "message": Encoder("family", {"layer": "message"}, hidden="64x0e", width=64, symmetry="none"),
    "pointnet": Encoder("network", {"name": "PointNet"}, width=32, layers=3, levels=None, symmetry="none"),
    "steerable": Encoder("family", {"layer": {"name": "steerable", **_NORMED}, "lengths": True}, hidden=_STEERED),
    "vector": Encoder("family", {"layer": "vector"}, hidden="32x1o"),
    "vector-dgcnn": Encoder("network", {"name": "VectorDGCNN", "embedding": 4}, width=12, layers=3, levels=None),
    "vector-pointnet": Encoder("network", {"name": "VectorPointNet", "embedding": 4}, width=16, layers=3, levels=None),
}

FRAMES: dict[str, str | None] = {
    "none": None,
    "pca": "PrincipalFrame",
    "average": "FrameAverage",
    "learned": "LearnedFrame",
}
"""What stands around the encoder: canonicalization arms by name, each a class of `intertwine.models`."""


@dataclass(frozen=True)
class Size:
    """How large an encoder is and how far it sees.

    Attributes:
        layers: How many times points talk to their neighbors, on each level.
        levels: How many times one point in four is kept, twice as wide each time; 0 for layers on all points.
        hidden: Features of a point between the layers, where the encoder is sized by a representation.
        width: Channels, where it is sized by a number.
        neighbors: Edges into each point.
        cutoff: Length from which points do not see each other; clouds lie in the unit sphere.
    """

    layers: int
    levels: int
    hidden: str | None
    width: int | None
    neighbors: int
    cutoff: float


def check_group(name: str, group: str, frame: str) -> None:
    """Whether the encoder has the symmetry that the user asked for.

    Args:
        name: Of the encoder.
        group: What ``--group`` said.
        frame: Of the frame around it.

    Raises:
        UsageError: There is no such encoder, or the option means nothing to it.
    """
    symmetry = _entry(name).symmetry
    if group != GROUPS[0] and (symmetry == "own" or (symmetry == "none" and frame == "none")):
        why = "which has a symmetry of its own" if symmetry == "own" else "which has no symmetry; --frame gives it one"
        raise UsageError(f"--group means nothing to the encoder {name}, {why}")


def check_size(name: str, hidden: str | None, width: int | None, levels: int | None) -> None:
    """Whether the encoder is sized by what the user gave.

    Args:
        name: Of the encoder.
        hidden: What ``--hidden`` said, if anything.
        width: What ``--width`` said, if anything.
        levels: What ``--levels`` said, if anything.

    Raises:
        UsageError: There is no such encoder, or the option means nothing to it.
    """
    entry = _entry(name)
    for flag, given, usual, other in (
        ("--hidden", hidden, entry.hidden, "--width"),
        ("--width", width, entry.width, "--hidden"),
    ):
        if given is not None and usual is None:
            raise UsageError(f"{flag} means nothing to the encoder {name}; its size is given by {other}")
    if levels and entry.levels is None:
        raise UsageError(f"--levels means nothing to the encoder {name}, which keeps all points")


def describe_encoder(
    name: str,
    frame: str,
    *,
    group: str,
    layers: int | None,
    levels: int | None,
    hidden: str | None,
    width: int | None,
    neighbors: int,
    cutoff: float,
) -> dict[str, Any]:
    """What a checkpoint keeps of its encoder, with everything that was left open decided.

    Args:
        name: Of the encoder.
        frame: Of the frame around it.
        group: One of `GROUPS`.
        layers: The user's, or None for the usual number.
        levels: The user's, or None for the usual number.
        hidden: The user's, or None for the usual one.
        width: The user's, or None for the usual one.
        neighbors: As in `Size`.
        cutoff: As in `Size`.
    """
    check_size(name, hidden, width, levels)
    check_group(name, group, frame)
    entry = _entry(name)
    levels = entry.levels or 0 if levels is None else levels
    return {
        "name": name,
        "frame": frame,
        "group": group,
        "layers": layers or (entry.layers if levels else max(2, entry.layers)),
        "levels": levels,
        "hidden": hidden or entry.hidden,
        "width": width or entry.width,
        "neighbors": neighbors,
        "cutoff": cutoff,
    }


def build_encoder(config: Mapping[str, Any], rep_in: str, rep_out: str, *, by_point: bool = True) -> nn.Module:
    """The encoder that `describe_encoder` describes, in its frame.

    Args:
        config: The description.
        rep_in: Features of a point that go in, in the grammar of O(3), whatever the group.
        rep_out: Features of a point that come out.
        by_point: Whether each point is asked for. If not, an encoder may answer for some only: it then has a method
            ``at_points`` that tells whose they are.

    Raises:
        UsageError: The encoder or the frame is not known, or cannot be built at this size.
    """
    from intertwine.tasks.clouds import _builders

    if config["frame"] not in FRAMES:
        raise unknown("frame", config["frame"], FRAMES)
    size = Size(*(config[name] for name in ("layers", "levels", "hidden", "width", "neighbors", "cutoff")))
    entry, frame = _entry(config["name"]), FRAMES[config["frame"]]
    build, by_point = getattr(_builders, entry.builder), by_point or frame is not None
    try:
        reps = (_builders.read(text, config["group"]) for text in (rep_in, rep_out))
        encoder: nn.Module = build(*reps, size, by_point=by_point, **entry.options)
        return encoder if frame is None else _builders.framed(encoder, frame, size)
    except ValueError as error:
        raise UsageError(f"the encoder {config['name']} cannot be built: {error}") from error


def _entry(name: str) -> Encoder:
    if name not in ENCODERS:
        raise unknown("encoder", name, ENCODERS)
    return ENCODERS[name]
