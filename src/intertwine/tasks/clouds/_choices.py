"""Names that options and checkpoints share; importing this costs nothing."""

from __future__ import annotations

TURNS = ("none", "z", "SO3")
"""Clouds as they are; turned about the vertical by a uniform angle; turned by a Haar-random rotation."""

AXES = ("x", "y", "z")
"""Which of them is the vertical."""

GROUPS = ("O3", "SO3")
"""A shape and its mirror image are the same; or they may differ."""

PROTOCOLS = tuple(f"{train}/{test}" for train in TURNS for test in TURNS)
"""How clouds are turned in training, and how in the test."""
