"""Point cloud sets of molecules and of shapes: which fields they have, and the checks of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from intertwine.data._fields import check_dtype
from intertwine.data._point_cloud_set import PointCloudSet
from intertwine.data._split import Split


def molecules(
    numbers: Tensor,
    positions: Tensor,
    offsets: Tensor,
    targets: Mapping[str, Tensor] | None = None,
    names: Sequence[str] = (),
    *,
    atom_targets: Mapping[str, Tensor] | None = None,
    cell: Tensor | None = None,
    pbc: Tensor | None = None,
) -> PointCloudSet:
    """Molecules and crystals: the point field ``numbers``, and a field of clouds or of points for each target.

    Args:
        numbers: (N,) int64, atomic numbers.
        positions: (N, 3) float64, Angstrom.
        offsets: (S + 1,) int64, from 0 to N, increasing: every molecule has an atom.
        targets: name -> (S, d) float64.
        names: S strings; 1, 2, 3, ... when not given.
        atom_targets: name -> (N, d) float64, one row an atom.
        cell: (S, 9) float64, three lattice vectors a row; None where no structure is periodic.
        pbc: (S, 3) bool, which of them are periodic; all by default.

    Raises:
        TypeError: a tensor has another dtype than the one above.
        ValueError: the lengths do not agree, or a position or a target is NaN or infinite.

    >>> water = molecules(torch.tensor([8, 1, 1]), torch.eye(3, dtype=torch.float64), torch.tensor([0, 3]))
    >>> water.distinct("numbers"), water.composition([1, 6, 8]).tolist()
    ((1, 8), [[2.0, 0.0, 1.0]])
    """
    targets = dict(targets or {})
    check_dtype("numbers", numbers, torch.int64)
    check_dtype("positions", positions, torch.float64)
    if numbers.dim() != 1 or positions.shape != (len(numbers), 3):
        raise ValueError(
            f"expected numbers (N,) and positions (N, 3); got {tuple(numbers.shape)} and {tuple(positions.shape)}"
        )
    if len(numbers) and int(numbers.min()) < 0:
        raise ValueError(f"atomic numbers are not negative; got {int(numbers.min())}")
    atom_targets = dict(atom_targets or {})
    for name, values in (*targets.items(), *atom_targets.items()):
        check_dtype(f"target {name!r}", values, torch.float64)
        if values.dim() != 2:
            rows = "(S, d), one row a molecule" if name in targets else "(N, d), one row an atom"
            raise ValueError(f"target {name!r} must be {rows}; got {tuple(values.shape)}")
    if pbc is not None and cell is None:
        raise ValueError("pbc needs a cell (S, 9), three lattice vectors a row")
    cells = {}
    if cell is not None:
        cells = {"cell": cell, "pbc": torch.ones(len(cell), 3, dtype=torch.bool) if pbc is None else pbc}
    points, clouds = {"numbers": numbers, **atom_targets}, {**targets, **cells}
    return PointCloudSet(positions, offsets, points, clouds, ["cell"] if cells else (), names=names)


def shapes(
    positions: Tensor,
    offsets: Tensor,
    classes: Tensor,
    class_names: Sequence[str],
    parts: Tensor | None = None,
    part_names: Sequence[str] = (),
    normals: Tensor | None = None,
    *,
    estimated: Tensor | None = None,
    names: Sequence[str] = (),
    split: Split | None = None,
    skipped: Sequence[tuple[str, str]] = (),
) -> PointCloudSet:
    """Shapes: the cloud field ``classes``, and the point fields ``parts`` and ``normals`` where they are known.

    Where it is known which normals are estimated from the points, the cloud field ``estimated`` says so.

    Args:
        positions: (N, 3) float32 or float64; z is up where the source has an up.
        offsets: (S + 1,) int64, from 0 to N, increasing.
        classes: (S,) int64, an index of `class_names`.
        class_names: what there is to tell apart.
        parts: (N,) int64, an index of `part_names`; or None.
        part_names: what a shape may be made of; () without parts.
        normals: (N, 3), floating-point, of length 1; or None.
        estimated: (S,) bool, whether these are estimated; or None.
        names: S strings; 1, 2, 3, ... when not given.
        split: the one that the source prescribes; or None.
        skipped: (file, reason) of what could not be read.

    Raises:
        TypeError: a tensor has another dtype than the one above.
        ValueError: the lengths do not agree, a position is not finite, or an index has no name.

    >>> shapes(torch.eye(3), torch.tensor([0, 1, 3]), torch.tensor([1, 0]), ("chair", "table")).label_counts("classes")
    {'chair': 1, 'table': 1}
    """
    if normals is not None and normals.shape != positions.shape:
        raise ValueError(f"normals must be {tuple(positions.shape)}; got {tuple(normals.shape)}")
    known = {"parts": parts, "normals": normals}
    label_names = {"classes": tuple(class_names)}
    if parts is not None:
        label_names["parts"] = tuple(part_names)
    clouds = {"classes": classes, "estimated": estimated}
    return PointCloudSet(
        positions,
        offsets,
        {name: values for name, values in known.items() if values is not None},
        {name: values for name, values in clouds.items() if values is not None},
        () if normals is None else ("normals",),
        label_names,
        names,
        split,
        tuple(skipped),
    )
