"""Allowed values of options, shared by options and checkpoints; importing this costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ROTATIONS = ("none", "z", "SO3")
"""Of clouds: none, about the vertical by a uniform angle, Haar-random."""

AXES = ("x", "y", "z")
"""Which of them is the vertical."""

GROUPS = ("O3", "SO3")
"""The symmetry of an encoder: with or without reflections."""

PROTOCOLS = tuple(f"{train}/{test}" for train in ROTATIONS for test in ROTATIONS)
"""Rotations of clouds in training, and in the test."""

DESCRIPTORS: dict[str, dict[str, Any] | None] = {
    "surface": {"channels": 128, "normals": 1, "lmax": 8, "shells": 6, "landmarks": 16, "dropout": 0.3},
    "shape": {"channels": 128, "lmax": 8, "shells": 8, "dropout": 0.3},
    "none": None,
}
"""Descriptors of whole clouds by name, each with the arguments of its class."""


def normal_kinds(model: Mapping[str, Any]) -> int:
    """How many kinds of normals up to sign a model tells apart, 0 for a model without; ``model`` is its configuration.

    Two are those of files, and those that are estimated from the points. Checkpoints of before tell none apart.
    """
    return int((model.get("descriptor") or {}).get("normals", 0))


def needs_normals(model: Mapping[str, Any]) -> bool:
    """Whether the descriptor of a model takes normals up to sign; ``model`` is its part of the configuration."""
    return normal_kinds(model) > 0


def estimated_share(config: Mapping[str, Any]) -> float:
    """The share of training clouds whose normals are estimated from their points.

    At 1 those of files are not used, in predictions either. It is 0 where the normals are not those up to sign, and for
    runs that were made before it was an option.
    """
    used = needs_normals(config["model"]) and not config["normals"]
    return float(config.get("estimated_normals", 0.0)) if used else 0.0
