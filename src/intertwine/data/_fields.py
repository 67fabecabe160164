"""Named fields of points, clouds and edges: their checks, and the rotation of those that hold vectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

Fields = Mapping[str, Tensor]
"""Name -> values, one row a point, a cloud or an edge."""


def check_fields(level: str, fields: Fields, size: int, *, finite: bool = True) -> None:
    """Raises where a field has not `size` rows, or a number that is NaN or infinite.

    Args:
        level: "point", "cloud" or "edge", for the message.
        fields: what to check.
        size: the number of points, clouds or edges.
        finite: whether to look at the values too, which costs a pass over them.

    Raises:
        TypeError: a field is no tensor.
        ValueError: another number of rows, or a value that is not finite.
    """
    for name, values in fields.items():
        if not isinstance(values, Tensor):
            raise TypeError(f"{level} field {name!r} must be a tensor; got {type(values).__name__}")
        if values.dim() < 1 or len(values) != size:
            raise ValueError(
                f"{level} field {name!r} must have {size} rows, one for each {level}; got shape {tuple(values.shape)}"
            )
        if finite and values.is_floating_point() and not bool(values.isfinite().all()):
            raise ValueError(f"{level} field {name!r} of {level} {first_not_finite(values)} is not finite")


def check_distinct(*levels: Fields) -> None:
    """Raises ValueError where one name stands for fields of two levels."""
    names = [name for fields in levels for name in fields]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"the name {twice!r} stands for fields of two kinds; give one of them another name")


def check_vectors(vectors: Iterable[str], fields: Fields) -> None:
    """Raises where a field that is declared to hold vectors is missing or does not.

    Raises:
        TypeError: a field of vectors is not of floating-point numbers.
        ValueError: there is no such field, or its rows are not three numbers for each vector.
    """
    for name in vectors:
        values = _declared("vectors", name, fields)
        if not values.is_floating_point():
            raise TypeError(f"field {name!r} holds vectors and must be floating-point; got {values.dtype}")
        if values.dim() != 2 or values.shape[1] % 3:
            raise ValueError(
                f"field {name!r} holds vectors and must have shape ({len(values)}, 3 V); got {tuple(values.shape)}"
            )


def check_cells(fields: Fields, vectors: Iterable[str]) -> None:
    """Raises where the cloud fields ``cell`` and ``pbc`` are not lattice vectors and which of them are periodic.

    Raises:
        TypeError: the cells are not float64, or pbc is not of booleans.
        ValueError: they have other shapes, cells are not among the vectors, or a periodic lattice vector is zero.
    """
    if "cell" not in fields:
        if "pbc" in fields:
            raise ValueError("pbc, which lattice vectors are periodic, needs the field cell")
        return
    cell = fields["cell"]
    check_dtype("cell", cell, torch.float64)
    if cell.shape != (len(cell), 9) or "cell" not in vectors:
        raise ValueError(
            f"cell must be (S, 9), three lattice vectors a row, among the vectors; got {tuple(cell.shape)}"
        )
    if "pbc" not in fields:
        return
    pbc = fields["pbc"]
    check_dtype("pbc", pbc, torch.bool)
    if pbc.shape != (len(cell), 3):
        raise ValueError(f"pbc must be ({len(cell)}, 3); got {tuple(pbc.shape)}")
    empty = (pbc & ~cell.unflatten(1, (3, 3)).any(2)).any(1)
    if empty.any():
        raise ValueError(f"cell {int(empty.nonzero()[0])} is zero in a periodic direction")


def check_labels(label_names: Mapping[str, Sequence[str]], fields: Fields) -> None:
    """Raises where a field of labels is missing, or a label has no name.

    Raises:
        TypeError: the labels are not int64.
        ValueError: there is no such field, it has another shape, or a label is out of range.
    """
    for name, names in label_names.items():
        labels = _declared("label_names", name, fields)
        if labels.dtype != torch.int64:
            raise TypeError(f"{name} must be torch.int64; got {labels.dtype}")
        if labels.dim() != 1:
            raise ValueError(f"{name} must be ({len(labels)},), one label each; got {tuple(labels.shape)}")
        if len(labels) and (int(labels.min()) < 0 or int(labels.max()) >= len(names)):
            raise ValueError(f"{name} run from {int(labels.min())} to {int(labels.max())} for {len(names)} names")


def rotate_vectors(values: Tensor, matrices: Tensor) -> Tensor:
    """Each row's vectors by the row's own matrix: (R, 3 V) and (R, 3, 3) of one dtype -> (R, 3 V)."""
    vectors = values.unflatten(1, (values.shape[1] // 3, 3))
    rotated: Tensor = torch.einsum("nij,nvj->nvi", matrices, vectors).flatten(1)
    return rotated


def check_dtype(name: str, value: object, *dtypes: torch.dtype) -> None:
    """Raises TypeError unless the value is a tensor of one of these dtypes."""
    wanted = " or ".join(map(str, dtypes))
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor of {wanted}; got {type(value).__name__}")
    if value.dtype not in dtypes:
        raise TypeError(f"{name} must be {wanted}; got {value.dtype}: convert it with .to({dtypes[-1]})")


def first_not_finite(values: Tensor) -> int:
    """The first row that has a NaN or an infinity."""
    return int((~values.isfinite()).reshape(len(values), -1).any(dim=1).nonzero()[0])


def _declared(declaration: str, name: str, fields: Fields) -> Tensor:
    if name not in fields:
        raise ValueError(
            f"{declaration} names a field {name!r} that is not there; there are {', '.join(fields) or 'none'}"
        )
    return fields[name]
