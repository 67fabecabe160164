"""Structures of files and public sets, with targets in the basis in which they are learned."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data import PointCloudSet, iter_structures, qm9, read_structures
from intertwine.groups import O3
from intertwine.reps import Rep
from intertwine.tasks._source import fingerprint
from intertwine.tasks.properties._matrices import asymmetry, to_irreps
from intertwine.tasks.properties._targets import PUBLIC, SYMMETRIC, Target

_ASYMMETRY = 1e-3


def file_rep(target: Target) -> Rep:
    """The representation of a target as files have it."""
    V = O3().vector
    return V * V if target.cartesian else O3().rep(target.rep)


def read(
    source: str, targets: Sequence[Target], progress: ProgressCallback = no_progress, *, group_field: str | None = None
) -> PointCloudSet:
    """All structures of a source with these targets.

    Args:
        source: A path or the name of a public set.
        targets: What each must have.
        progress: Called with how many bytes of a public set, or how many files, are read.
        group_field: A scalar besides, which says what belongs together.

    Raises:
        UsageError: A structure or a target is not what it must be.
    """
    if source in PUBLIC:
        return qm9([target.name for target in targets], progress=progress)
    fields = {target.name: file_rep(target) for target in targets if not target.per_atom}
    columns = {target.name: file_rep(target) for target in targets if target.per_atom}
    if group_field is not None:
        fields.setdefault(group_field, O3().rep("0e"))
    structures = read_structures(source, fields, atom_targets=columns, progress=progress)
    values = {target.name: _learned(structures, target, source) for target in targets}
    return replace(
        structures,
        cloud_fields={**structures.cloud_fields, **{name: values[name] for name in fields if name in values}},
        point_fields={**structures.point_fields, **{name: values[name] for name in columns}},
    )


def target_values(structures: PointCloudSet, target: Target) -> Tensor:
    """The values of a target: (S, d), or (N, d) if each atom has its own."""
    return (structures.point_fields if target.per_atom else structures.cloud_fields)[target.name]


def read_again(config: dict[str, Any], progress: ProgressCallback = no_progress) -> PointCloudSet:
    """The structures that a run was begun with; a warning says when they have changed.

    Args:
        config: Of the run.
        progress: As for `read`.

    Raises:
        UsageError: They are gone, or more or fewer than they were: the split does not fit.
    """
    targets = [Target.from_json(target) for target in config["targets"]]
    structures = read(config["data"]["source"], targets, progress)
    if change := check_unchanged(config["data"], len(structures)):
        warnings.warn(change, stacklevel=2)
    return structures


def stream(source: str, chunk: int = 1000) -> Iterator[PointCloudSet]:
    """The structures of a source without targets, a chunk at a time."""
    if source not in PUBLIC:
        yield from iter_structures(source, {}, chunk)
        return
    every = qm9([])
    for part in torch.split(torch.arange(len(every)), chunk):
        yield every.select(part)


def _learned(structures: PointCloudSet, target: Target, source: str) -> Tensor:
    values = target_values(structures, target)
    if not target.cartesian:
        return values
    if target.dim == values.shape[1]:
        return to_irreps(values, target.dim)
    gaps = asymmetry(values)
    worst = int(gaps.argmax())
    if float(gaps[worst]) > _ASYMMETRY:
        name = structures.names[int(structures.batch[worst]) if target.per_atom else worst]
        raise UsageError(
            f'{source}, {name}: target "{target.name}" is not symmetric ({SYMMETRIC}): |A - A^T| is '
            f"{float(gaps[worst]):.2g} of |A|; ask for it as {target.name}:ij, any 3x3 matrix, or symmetrize it"
        )
    return to_irreps(values)


def describe_source(given: str, source: str, structures: PointCloudSet) -> dict[str, Any]:
    """What a checkpoint keeps of its data."""
    lattice = structures.lattice
    periodic = 0 if lattice is None else int(lattice.flatten(1).any(1).sum())
    sizes = {"structures": len(structures), "periodic": periodic}
    return {"given": given, "source": source, **sizes, **fingerprint(source)}


def check_unchanged(data: dict[str, Any], structures: int) -> str | None:
    """Compare a source with what it was when it was split.

    Args:
        data: What `describe_source` gave then.
        structures: How many there are now.

    Returns:
        A line to show when the content differs but the split still fits, else None.

    Raises:
        UsageError: There are more or fewer structures, so that the split means nothing.
    """
    if structures != data["structures"]:
        then = data["structures"]
        raise UsageError(
            f"{data['source']} had {then} structures when this model was trained and has {structures} now: "
            "the split no longer fits; pass the data to use"
        )
    now = fingerprint(data["source"])
    if any(data.get(key) != value for key, value in now.items()):
        return f"{data['source']} has changed since this model was trained; structures are taken by their order"
    return None
