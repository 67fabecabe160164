"""Configuration of a run from its options: what is decided once, before training, and kept in checkpoints."""

from __future__ import annotations

import warnings
from typing import Any

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data import (
    QM9_TARGETS,
    PointCloudDataset,
    PointCloudSet,
    RadiusNeighbors,
    find_targets,
    make_split,
    stratified_split,
)
from intertwine.tasks._example_groups import FORMULA, check_parts, groups_of_formulas, number
from intertwine.tasks._source import resolve
from intertwine.tasks.properties._atom_targets import resolve_targets
from intertwine.tasks.properties._composition import Pooling, fit_composition
from intertwine.tasks.properties._encoders import ENCODERS
from intertwine.tasks.properties._hidden import check_hidden, degree_of, hidden_for
from intertwine.tasks.properties._options import PropertiesOptions
from intertwine.tasks.properties._source import describe_source, read, target_values
from intertwine.tasks.properties._targets import PUBLIC, Target

_CHANNELS = 16


def plan(
    options: PropertiesOptions, progress: ProgressCallback = no_progress
) -> tuple[dict[str, Any], dict[str, Any], PointCloudSet]:
    """Read, split, and fill in defaults that depend on the data.

    Args:
        options: The options, checked.
        progress: Called while the data are read.

    Returns:
        The configuration and the split, both JSON, and the structures that were read.

    Raises:
        UsageError: The data or the options are not what was expected.
    """
    source = resolve(options.data)
    targets = _targets(options, source)
    field = options.group_by if options.group_by != FORMULA else None
    structures = read(options.data, targets, progress, group_field=field)
    amounts: dict[str, Any] = options.shares
    if options.group_by is None:
        split = make_split(len(structures), **amounts, seed=options.seed)
    else:
        groups = (
            groups_of_formulas(structures) if field is None else number(structures.cloud_fields[field][:, 0].tolist())
        )
        split = stratified_split([0] * len(structures), **amounts, seed=options.seed, groups=groups)
        check_parts(len(split.validation), len(split.test), amounts["test"])
    train = structures.select(split.train)
    for target in targets:
        _check_varies(target, train, options.data)
    hidden = options.hidden or hidden_for(targets)
    config = {
        "data": describe_source(options.data, source, structures),
        "targets": [target.to_json() | {"pool": _pool(target, options, train, source)} for target in targets],
        "elements": list(train.distinct("numbers")),
        "encoder": {
            "rep_in": f"{_CHANNELS}x0e",
            "layer": ENCODERS[options.encoder],
            "hidden": hidden,
            "layers": options.layers,
            "lmax": degree_of(hidden),
            "cutoff": options.cutoff,
            "avg_num_neighbors": _neighbors(train, options.cutoff),
        },
        "augment": options.augment,
        "seed": options.seed,
    }
    return config, split.to_json(), structures


def _targets(options: PropertiesOptions, source: str) -> tuple[Target, ...]:
    """The targets, each with whether the data have it per atom.

    Raises:
        UsageError: A column has no clear representation, or an option does not fit it.
    """
    if options.data in PUBLIC:
        return options.targets
    layouts = find_targets(source, [target.name for target in options.targets])
    targets = resolve_targets(options.target, options.targets, layouts, options.data)
    check_hidden(options.hidden, targets)
    if options.pool is not None and targets[0].per_atom:
        raise UsageError(f'--pool {options.pool}: target "{targets[0].name}" is per atom, so that nothing is pooled')
    return targets


def _pool(target: Target, options: PropertiesOptions, train: PointCloudSet, source: str) -> Pooling | None:
    """The option, else what is known of the public set, else the composition fit with the smaller residual.

    None for a target of atoms.
    """
    if target.per_atom:
        return None
    if options.pool is not None:
        return "mean" if options.pool == "mean" else "sum"
    if source in PUBLIC:
        return "sum" if QM9_TARGETS[target.name].extensive else "mean"
    counts = train.composition(train.distinct("numbers"))
    return fit_composition(counts, train.cloud_fields[target.name], target).pool


def _check_varies(target: Target, train: PointCloudSet, source: str) -> None:
    """Raise unless the target has different values in training.

    Raises:
        UsageError: It is constant: there is nothing to learn.
    """
    values = target_values(train, target)
    if len(values) > 1 and bool((values == values[:1]).all()):
        rows = "atoms" if target.per_atom else "structures"
        text = " ".join(f"{value:.6g}" for value in values[0].tolist())
        raise UsageError(
            f'{source}: target "{target.name}" is {text} in all {len(values):,} training {rows}: there is nothing to '
            "learn"
        )


def _neighbors(train: PointCloudSet, cutoff: float) -> float:
    """Mean number of neighbors in the first thousand structures, at least one; it sets the scale of messages.

    Raises:
        UsageError: No atom has a neighbor, so that no network could learn from positions.
    """
    some = PointCloudDataset(train.select(range(min(len(train), 1000))), RadiusNeighbors(cutoff))
    mean = some.avg_num_neighbors
    if mean == 0 and bool((train.counts > 1).any()):
        raise UsageError(
            f"--cutoff {cutoff:g}: no two atoms of the training structures are closer than that, so the model would "
            "see no geometry; positions are in angstrom, and 5 is usual"
        )
    if mean < 1:
        warnings.warn(f"--cutoff {cutoff:g}: an atom has only {mean:.2g} neighbors on average", stacklevel=2)
    return round(max(1.0, mean), 2)
