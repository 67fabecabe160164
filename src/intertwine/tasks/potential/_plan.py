"""Configuration of a run of `potential` from its options: what is decided once and kept in checkpoints."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data import PointCloudSet, Split, make_split, stratified_split
from intertwine.models import Potential
from intertwine.tasks._example_groups import FORMULA, check_parts, groups_of_formulas, number
from intertwine.tasks._source import fingerprint, resolve
from intertwine.tasks.potential._dataset import FrameDataset
from intertwine.tasks.potential._options import PotentialOptions
from intertwine.tasks.potential.frames import (
    LabeledFrames,
    binding_energies,
    read_frames,
    read_isolated_atoms,
    reference_energies,
    unit_warnings,
)

HEAVIEST = 94
"""The largest atomic number that a potential knows."""
_SOME = 200
"""How many frames the mean number of neighbors and the lengths of bonds are taken from."""
_SMALLEST_SCALE = 1e-3


def plan(
    options: PotentialOptions, progress: ProgressCallback = no_progress
) -> tuple[dict[str, Any], dict[str, Any], PointCloudSet]:
    """Read, split, and fill in what depends on the data.

    Args:
        options: The options, checked.
        progress: Called while the data are read.

    Returns:
        The configuration and the split, both JSON, and the frames that were read.

    Raises:
        UsageError: The data or the options are not what was expected.
    """
    files = [*options.training_files]
    parts = {part: options.file_of(part) for part in ("validation", "test")}
    files += [resolve(file) for file in parts.values() if file is not None]
    group_key = None if options.group_by == FORMULA else options.group_by
    found = read_frames(files, options.keys, progress, units=options.units, group_key=group_key)
    split = _split(options, found)
    train = found.frames.select(split.train)
    for line in unit_warnings(train):
        warnings.warn(f"{options.data}: {line}", stacklevel=2)
    elements = _elements(train, options.data)
    isolated, source = _isolated(options, found)
    known = train.cloud_fields["has_energy"][:, 0]
    counts, energies = train.composition(elements)[known], train.cloud_fields["energy"][known, 0]
    reference = reference_energies(counts, energies, elements, isolated, source)
    some = FrameDataset(train.select(range(0, len(train), max(1, len(train) // _SOME))), options.cutoff)
    config = {
        "data": {
            "given": options.data,
            "source": resolve(options.data),
            "frames": len(found.frames),
            "files": [
                {"source": file.source, "frames": file.frames, **fingerprint(file.source)} for file in found.files
            ],
        },
        "keys": options.keys,
        "found": found.keys,
        "units": options.units,
        "converted": list(found.converted),
        "reference": {"energies": list(reference.values), "source": reference.source, "fitted": reference.fitted},
        "weights": [options.energy_weight, options.forces_weight, options.stress_weight],
        "model": {
            "elements": list(elements),
            "hidden": options.hidden,
            "body_order": options.body_order,
            "lmax": options.lmax,
            "layers": options.layers,
            "cutoff": options.cutoff,
            "committee": options.committee,
            "average_neighbors": _average_neighbors(some, options.cutoff),
            "reference_energies": list(reference.values),
            "binding_energies": list(binding_energies(counts, energies, reference)),
            "bond_lengths": some.bond_lengths(elements, Potential.default_bond_length),
            "energy_scale": _scale(train, reference(train.composition(elements))),
        },
        "seed": options.seed,
    }
    return config, split.to_json(), found.frames


def _split(options: PotentialOptions, found: LabeledFrames) -> Split:
    """Training frames, then those of the files for validation and test, whole."""
    own = len(options.training_files)
    size = sum(file.frames for file in found.files[:own])
    if not size:
        raise UsageError(f"{options.data}: there are only isolated atoms, and nothing to train on")
    amounts: dict[str, Any] = options.shares
    has_file = {part: options.file_of(part) is not None for part in ("validation", "test")}
    for part, given in has_file.items():
        if given or (part == "test" and amounts[part] is None):
            amounts[part] = 0
    if size < 2 and not has_file["validation"]:
        raise UsageError("one frame leaves nothing to validate on: give more, or a file with --validation")
    if options.group_by is None:
        inner = _with_validation(make_split(size, **amounts, seed=options.seed), size, has_file["validation"])
    else:
        inner = stratified_split(
            [0] * size, **amounts, seed=options.seed, groups=_groups(options.group_by, found, size)
        )
        check_parts(len(inner.validation) or has_file["validation"], len(inner.test), amounts["test"])
    chosen, begin = {"validation": inner.validation, "test": inner.test}, size
    named = [part for part, given in has_file.items() if given]
    for part, file in zip(named, found.files[own:], strict=True):
        if not file.frames:
            raise UsageError(f"{file.source}: there are only isolated atoms, and nothing to compare with")
        chosen[part] = torch.arange(begin, begin + file.frames)
        begin += file.frames
    return Split(len(found.frames), inner.train, chosen["validation"], chosen["test"], options.seed)


def _groups(group_by: str, found: LabeledFrames, size: int) -> list[int]:
    """The group of each of the first frames: by the counts of its elements, or by a key.

    Raises:
        UsageError: A frame lacks the key, or there are fewer than three groups.
    """
    if group_by == FORMULA:
        return groups_of_formulas(found.frames.select(range(size)))
    groups = found.groups[:size]
    if None in groups:
        raise UsageError(
            f'--group-by {group_by}: {found.frames.names[groups.index(None)]} has no "{group_by}"; name a key that '
            f"every training frame has, or {FORMULA}"
        )
    return number(groups)


def _with_validation(split: Split, size: int, has_file: bool) -> Split:
    """At least one frame to validate on, where the share of a small set rounds to none."""
    if len(split.validation) or has_file:
        return split
    if len(split.train) < 2:
        raise UsageError("the split leaves nothing to validate on: ask for fewer test frames, or give --validation")
    return Split(size, split.train[1:], split.train[:1], split.test, split.seed)


def _elements(train: PointCloudSet, name: str) -> tuple[int, ...]:
    elements = train.distinct("numbers")
    if elements[-1] > HEAVIEST:
        raise UsageError(f"{name}: a potential knows the elements 1 to {HEAVIEST}; found {elements[-1]}")
    return elements


def _isolated(options: PotentialOptions, found: LabeledFrames) -> tuple[dict[int, float], str]:
    if options.isolated_atoms is None:
        return found.isolated, "among the frames"
    return read_isolated_atoms(options.isolated_atoms, options.energy_key, options.units), options.isolated_atoms


def _scale(train: PointCloudSet, reference: torch.Tensor) -> float:
    """Root mean square force in eV/A; without forces that differ from 0, the energy beside references over sqrt(N)."""
    forces = train.point_fields["forces"][train.cloud_fields["has_forces"][train.batch, 0]]
    known = train.cloud_fields["has_energy"][:, 0]
    left = (train.cloud_fields["energy"][:, 0] - reference)[known] / train.counts[known].to(torch.float64).sqrt()
    sizes = (float(values.square().mean().sqrt()) for values in (forces, left) if len(values))
    return next((size for size in sizes if size > _SMALLEST_SCALE), _SMALLEST_SCALE)


def _average_neighbors(some: FrameDataset, cutoff: float) -> float:
    """Mean number of neighbors in some frames, at least one; it sets the scale of messages.

    Raises:
        UsageError: No atom has a neighbor, so that no network could learn from positions.
    """
    mean = some.average_neighbors
    if mean == 0 and bool((some.frames.counts > 1).any()):
        raise UsageError(
            f"--cutoff {cutoff:g}: no two atoms of the training frames are closer than that, so the model would see no "
            "geometry; positions are in angstrom, and 5 is usual"
        )
    if mean < 1:
        warnings.warn(f"--cutoff {cutoff:g}: an atom has only {mean:.2g} neighbors on average", stacklevel=2)
    return round(max(1.0, mean), 2)
