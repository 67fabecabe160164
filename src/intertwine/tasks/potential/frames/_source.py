"""Labeled frames of files: read whole for training, or streamed for predictions."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data import CheckedAtoms, PointCloudSet, iter_atoms, offsets_from_counts
from intertwine.tasks.potential.frames._labels import Labels, key_counts, known_keys, labels_of
from intertwine.tasks.potential.frames._reference import add_isolated

ISOLATED = ("isolatedatom", "isolated_atom")
"""What `config_type` says of a reference atom, in lower case."""
NO_TYPE = "default"


class FrameFile(NamedTuple):
    """How many frames of a file, or folder, are in a set."""

    source: str
    frames: int


class LabeledFrames(NamedTuple):
    """Frames of some files.

    frames: point fields numbers, forces; cloud fields energy (S, 1), stress (S, 9), cell (S, 9) and pbc (S, 3),
    has_energy, has_forces, has_stress (S, 1) bool, and the labels config_type; isolated:
    atomic number -> eV; files: in the order of the frames; keys: quantity -> key -> how many frames have it there;
    converted: the units of energy, besides eV, from which labels were converted; groups: what each frame has under the
    key that says which belong together, None where it lacks it; empty where no key was asked for.
    """

    frames: PointCloudSet
    isolated: dict[int, float]
    files: tuple[FrameFile, ...]
    keys: dict[str, dict[str, int]]
    converted: tuple[str, ...]
    groups: tuple[str | None, ...]


class _Frame(NamedTuple):
    checked: CheckedAtoms
    labels: Labels


def read_frames(
    sources: Sequence[str],
    keys: Mapping[str, str | None],
    progress: ProgressCallback = no_progress,
    *,
    units: str | None = None,
    group_key: str | None = None,
) -> LabeledFrames:
    """All labeled frames of some files, without isolated atoms, whose energies are kept apart.

    Frames without energy and forces are left out, with a warning.

    Args:
        sources: Files or folders.
        keys: name of a quantity -> the key that the user named, or None to look for it.
        progress: Called with how many bytes of the current file are read.
        units: The unit of energies in the files; None for that which a file states, else eV.
        group_key: The key that says which frames belong together; None if nothing does.

    Raises:
        UsageError: A file cannot be read, or has no labeled frame; or a label is not what it must be.
    """
    isolated: dict[int, float] = {}
    frames: list[_Frame] = []
    files = []
    for source in sources:
        before, unlabeled = len(frames), []
        for checked in iter_atoms(source, progress=progress):
            labels = labels_of(checked.atoms, keys, checked.location, units)
            if _is_isolated(checked.atoms):
                add_isolated(isolated, int(checked.atoms.numbers[0]), labels.energy, checked.location)
            elif labels.energy is None and labels.forces is None:
                unlabeled.append(checked)
            else:
                frames.append(_Frame(checked, labels))
        _say_unlabeled(source, unlabeled, len(frames) - before, keys)
        files.append(FrameFile(str(source), len(frames) - before))
    if not frames:
        raise UsageError(f"{sources[0]}: there are only isolated atoms, and nothing to train on")
    found = key_counts(frame.labels for frame in frames)
    for name, key in keys.items():
        if key is not None and not found[name]:
            checked = frames[0].checked
            raise UsageError(f'no frame has the {name} "{key}"; {checked.location} has {known_keys(checked.atoms)}')
    converted = tuple(dict.fromkeys(frame.labels.unit for frame in frames if frame.labels.unit != "eV"))
    groups = () if group_key is None else tuple(_group(frame.checked.atoms, group_key) for frame in frames)
    return LabeledFrames(_pack(frames), isolated, tuple(files), found, converted, groups)


def read_isolated_atoms(source: str, key: str | None, units: str | None = None) -> dict[int, float]:
    """The energies of a file of isolated atoms: atomic number -> eV.

    Raises:
        UsageError: A frame has several atoms, or no energy; or two of one element differ.
    """
    isolated: dict[int, float] = {}
    for checked in iter_atoms(source):
        if len(checked.atoms) != 1:
            raise UsageError(f"{checked.location}: expected isolated atoms, this frame has {len(checked.atoms)} atoms")
        labels = labels_of(checked.atoms, {"energy": key}, checked.location, units)
        add_isolated(isolated, int(checked.atoms.numbers[0]), labels.energy, checked.location)
    return isolated


def stream_frames(source: str, chunk: int) -> Iterator[tuple[PointCloudSet, list[Any]]]:
    """The structures of a source without labels, some at a time, and their ase Atoms.

    Args:
        source: A file or a folder.
        chunk: The most structures at once.
    """
    block: list[CheckedAtoms] = []
    for checked in iter_atoms(source):
        block.append(checked)
        if len(block) == chunk:
            yield unlabeled(block), [one.atoms for one in block]
            block = []
    if block:
        yield unlabeled(block), [one.atoms for one in block]


def unlabeled(block: Sequence[CheckedAtoms]) -> PointCloudSet:
    """Structures with numbers and cells only."""
    return _geometry(block, {}, {})


def _group(atoms: Any, key: str) -> str | None:
    return str(atoms.info[key]) if key in atoms.info else None


def _is_isolated(atoms: Any) -> bool:
    if len(atoms) != 1:
        return False
    return str(atoms.info.get("config_type", "")).lower() in ISOLATED or not np.any(atoms.pbc)


def _say_unlabeled(source: str, missing: Sequence[CheckedAtoms], found: int, keys: Mapping[str, str | None]) -> None:
    """Warn of frames that have neither energy nor forces.

    Raises:
        UsageError: No frame of the file has any.
    """
    if not missing:
        return
    first = missing[0]
    asked = [f'"{key}"' for key in keys.values() if key is not None]
    sought = f"{' or '.join(asked)} (energy, forces)" if asked else "energy or forces"
    text = f"{first.location}: no {sought}; it has {known_keys(first.atoms)}"
    if not found:
        raise UsageError(f"{text}; name them with --energy-key and --forces-key")
    more = f", and {len(missing) - 1:,} more frames like it" if len(missing) > 1 else ""
    warnings.warn(f"{text}{more}: left out", stacklevel=3)


def _pack(frames: Sequence[_Frame]) -> PointCloudSet:
    counts = [len(frame.checked.atoms) for frame in frames]
    labels = [frame.labels for frame in frames]
    types = [str(frame.checked.atoms.info.get("config_type", NO_TYPE)) for frame in frames]
    names = tuple(dict.fromkeys(types))
    forces = [np.zeros((n, 3)) if one.forces is None else one.forces for one, n in zip(labels, counts, strict=True)]
    stresses = [np.zeros(9) if one.stress is None else one.stress.reshape(9) for one in labels]
    fields = {
        "energy": torch.tensor([[0.0 if one.energy is None else one.energy] for one in labels], dtype=torch.float64),
        "stress": torch.from_numpy(np.stack(stresses)),
        "has_energy": torch.tensor([[one.energy is not None] for one in labels]),
        "has_forces": torch.tensor([[one.forces is not None] for one in labels]),
        "has_stress": torch.tensor([[one.stress is not None] for one in labels]),
        "config_type": torch.tensor([names.index(one) for one in types]),
    }
    points = {"forces": torch.from_numpy(np.concatenate(forces))}
    return _geometry([frame.checked for frame in frames], points, fields, {"config_type": names})


def _geometry(
    block: Sequence[CheckedAtoms],
    points: dict[str, torch.Tensor],
    fields: dict[str, torch.Tensor],
    labels: dict[str, tuple[str, ...]] | None = None,
) -> PointCloudSet:
    structures = [one.atoms for one in block]
    return PointCloudSet(
        torch.from_numpy(np.concatenate([np.asarray(atoms.positions, dtype=np.float64) for atoms in structures])),
        offsets_from_counts(torch.tensor([len(atoms) for atoms in structures])),
        {
            "numbers": torch.from_numpy(np.concatenate([atoms.numbers for atoms in structures]).astype(np.int64)),
            **points,
        },
        {
            "cell": torch.from_numpy(np.stack([np.array(atoms.cell[:]).reshape(9) for atoms in structures])),
            "pbc": torch.from_numpy(np.stack([np.array(atoms.pbc, dtype=bool) for atoms in structures])),
            **fields,
        },
        {"cell", *points},
        labels or {},
        [f"{one.file}:{one.number}" for one in block],
    )
