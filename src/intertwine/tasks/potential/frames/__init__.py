"""Labeled frames: energies, forces and stresses of files of structures, their units, and reference energies."""

from intertwine.tasks.potential.frames._labels import QUANTITIES
from intertwine.tasks.potential.frames._reference import ReferenceEnergies, binding_energies, reference_energies
from intertwine.tasks.potential.frames._source import (
    FrameFile,
    LabeledFrames,
    read_frames,
    read_isolated_atoms,
    stream_frames,
    unlabeled,
)
from intertwine.tasks.potential.frames._units import unit_warnings, work_slope

__all__ = [
    "QUANTITIES",
    "FrameFile",
    "LabeledFrames",
    "ReferenceEnergies",
    "binding_energies",
    "read_frames",
    "read_isolated_atoms",
    "reference_energies",
    "stream_frames",
    "unit_warnings",
    "unlabeled",
    "work_slope",
]
