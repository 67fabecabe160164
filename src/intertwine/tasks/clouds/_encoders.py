"""Registry of encoders and frames by name, one line each, and what a checkpoint says of them; nothing imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from intertwine._errors import UsageError
from intertwine.tasks._suggestions import unknown
from intertwine.tasks.clouds._choices import GROUPS


@dataclass(frozen=True)
class Encoder:
    """An entry of the registry.

    Attributes:
        builder: What makes it: a `PointEncoder` of some family, or a network that finds its neighbors itself.
        options: What its builder takes besides.
        hidden: The default features of a point; None where ``--hidden`` has no meaning.
        width: The default number of channels; None where ``--width`` has no meaning.
        layers: The default number of layers.
        levels: The default number of times that points are thinned; None where ``--levels`` has no meaning.
        symmetry: The group that it commutes with: that of ``--group``, its own, or, without a frame, none.
        norm: The normalization of its family, where checkpoints say it because those of before have none.
    """

    builder: Literal["family", "network"]
    options: Mapping[str, Any] = field(default_factory=dict)
    hidden: str | None = None
    width: int | None = None
    layers: int = 1
    levels: int | None = 2
    symmetry: Literal["option", "own", "none"] = "option"
    norm: Literal["batch"] | None = None


_STEERABLE = "16x0e+8x1o+4x2e"
_BATCH_NORM = {"norm": "batch"}

ENCODERS: dict[str, Encoder] = {
    "attention": Encoder("family", {"layer": {"name": "attention", **_BATCH_NORM}, "norms": True}, hidden=_STEERABLE),
    "depthwise": Encoder("family", {"layer": {"name": "depthwise", **_BATCH_NORM}, "norms": True}, hidden=_STEERABLE),
    "dgcnn": Encoder("network", {"name": "DGCNN"}, width=24, layers=3, levels=None, symmetry="none"),
    "egnn": Encoder("family", {"layer": "egnn", "norms": True}, "48x0e+8x1o", 48, symmetry="own", norm="batch"),
    "equiformer": Encoder("family", {"layer": "equiformer", "norms": True}, hidden=_STEERABLE),
    "lifted": Encoder("family", {"layer": "lifted"}, hidden="8", symmetry="own"),
    "message": Encoder("family", {"layer": "message"}, "64x0e", width=64, symmetry="none", norm="batch"),
    "pointnet": Encoder("network", {"name": "PointNet"}, width=32, layers=3, levels=None, symmetry="none"),
    "steerable": Encoder("family", {"layer": {"name": "steerable", **_BATCH_NORM}, "norms": True}, hidden=_STEERABLE),
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
"""Canonicalization around the encoder by name, each a class of `intertwine.models`."""


@dataclass(frozen=True)
class Size:
    """The size of an encoder and of its receptive field.

    Attributes:
        layers: Number of layers, on each level.
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


def find_encoder(name: str) -> Encoder:
    """The entry of that name.

    Raises:
        UsageError: There is none.
    """
    if name not in ENCODERS:
        raise unknown("encoder", name, ENCODERS)
    return ENCODERS[name]


def find_frame(name: str) -> str | None:
    """The class of `intertwine.models` of that name; None for no frame.

    Raises:
        UsageError: There is none.
    """
    if name not in FRAMES:
        raise unknown("frame", name, FRAMES)
    return FRAMES[name]


def check_group(name: str, group: str, frame: str) -> None:
    """Raise unless the encoder can have the symmetry of ``--group``.

    Args:
        name: Of the encoder.
        group: Value of ``--group``.
        frame: Of the frame around it.

    Raises:
        UsageError: There is no such encoder, or the option has no meaning for it.
    """
    symmetry = find_encoder(name).symmetry
    if group != GROUPS[0] and (symmetry == "own" or (symmetry == "none" and frame == "none")):
        why = "which has a symmetry of its own" if symmetry == "own" else "which has no symmetry; --frame gives it one"
        raise UsageError(f"--group means nothing to the encoder {name}, {why}")


def check_size(name: str, hidden: str | None, width: int | None, levels: int | None) -> None:
    """Raise unless the encoder is sized by the options that were given.

    Args:
        name: Of the encoder.
        hidden: Value of ``--hidden``, if given.
        width: Value of ``--width``, if given.
        levels: Value of ``--levels``, if given.

    Raises:
        UsageError: There is no such encoder, or the option has no meaning for it.
    """
    entry = find_encoder(name)
    for flag, given, default, other in (
        ("--hidden", hidden, entry.hidden, "--width"),
        ("--width", width, entry.width, "--hidden"),
    ):
        if given is not None and default is None:
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
    """The configuration of an encoder for a checkpoint, with defaults filled in.

    Args:
        name: Of the encoder.
        frame: Of the frame around it.
        group: One of `GROUPS`.
        layers: As in `Size`; None for the default.
        levels: Likewise.
        hidden: Likewise.
        width: Likewise.
        neighbors: As in `Size`.
        cutoff: As in `Size`.
    """
    check_size(name, hidden, width, levels)
    check_group(name, group, frame)
    entry = find_encoder(name)
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
        "norm": entry.norm,
    }


def thins_points(config: Mapping[str, Any]) -> bool:
    """Whether the encoder that `describe_encoder` describes works on ever fewer points."""
    return bool(config["levels"]) and find_encoder(config["name"]).builder == "family"
