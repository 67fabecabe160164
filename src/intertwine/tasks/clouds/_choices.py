"""Allowed values of options, shared by options and checkpoints; importing this costs nothing."""

from __future__ import annotations

ROTATIONS = ("none", "z", "SO3")
"""Of clouds: none, about the vertical by a uniform angle, Haar-random."""

AXES = ("x", "y", "z")
"""Which of them is the vertical."""

GROUPS = ("O3", "SO3")
"""The symmetry of an encoder: with or without reflections."""

PROTOCOLS = tuple(f"{train}/{test}" for train in ROTATIONS for test in ROTATIONS)
"""Rotations of clouds in training, and in the test."""
