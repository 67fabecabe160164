"""Targets of a structure: one value each, from what its file says of it."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from intertwine._errors import UsageError

if TYPE_CHECKING:
    from intertwine.reps import Rep

_PER_ATOM = ("forces", "stresses", "charges", "magmoms", "energies", "born_effective_charges")
_NAMES_IN_FILES = (("charge", "initial_charges"), ("charge", "charges"), ("mass", "masses"))
"""Columns of extended XYZ, and what ase calls them."""
_VOIGT_NAMES = ("stress", "stresses", "virial", "virials")
_VOIGT = ((0, 5, 4), (5, 1, 3), (4, 3, 2))
"""Where each entry of a symmetric 3 x 3 matrix stands among xx yy zz yz xz xy."""

_LARGEST = 1e30
_MAX_KEYS = 12
_MATRIX = 9
_ASYMMETRY = 1e-3
"""Of a matrix, the share of its largest entry up to which A - A^T counts as rounding of a symmetric one."""


def target_of(atoms: Any, name: str, rep: Rep, location: str) -> npt.NDArray[np.float64]:
    """A frame's value: from `atoms.info`, else from the results that came with the file; nothing is calculated.

    A stress or virial of six numbers is in Voigt's order, xx yy zz yz xz xy, as ase has it; it becomes the symmetric
    matrix of nine, by rows, as any other matrix is read.

    Args:
        atoms: ase's.
        name: the target's.
        rep: what it must be: `rep.dim` numbers.
        location: file and frame, for the message.

    Raises:
        UsageError: the target is missing, per atom, no number, not finite, too large, or of another length.
    """
    known = _known(atoms)
    if name not in known:
        if name in atoms.arrays or name in _results(atoms):
            raise UsageError(f'{location}: "{name}" is given per atom; a target is one value per structure')
        raise UsageError(f'{location}: no target "{name}"; {_known_targets(name, list(known))}')
    value = np.asarray(known[name])
    if value.dtype.kind not in "iuf":
        raise UsageError(f'{location}: target "{name}" is not numeric: {str(known[name])[:40]}')
    if _is_voigt(name, value.shape):
        value = value[np.array(_VOIGT)]
    _check_shape(value, name, rep, location)
    if value.shape == (3, 3) and not _is_of_matrices(rep):
        raise UsageError(
            f'{location}: target "{name}" is a 3 x 3 matrix in the file, no components of {rep}; '
            f'a symmetric one is asked for as "{name}:ij=ji"'
        )
    if not np.isfinite(value).all() or np.abs(value).max(initial=0) > _LARGEST:
        what = "is too large" if np.isfinite(value).all() else "is not finite"
        raise UsageError(f'{location}: target "{name}" {what}: {" ".join(f"{number:g}" for number in value.flat)}')
    return value.astype(np.float64).reshape(-1)


def atom_target_of(atoms: Any, name: str, rep: Rep, location: str) -> npt.NDArray[np.float64]:
    """A frame's column of atoms: from `atoms.arrays`, else from the results that came with the file.

    Args:
        atoms: ase's.
        name: the target's.
        rep: what it must be: `rep.dim` numbers an atom.
        location: file and frame, for the message.

    Returns:
        (n, rep.dim).

    Raises:
        UsageError: the column is missing, no number, not finite, too large, or of another length or width.
    """
    known = atom_columns(atoms)
    if name not in known:
        if name in _known(atoms):
            raise UsageError(f'{location}: "{name}" is one value of the structure here, and given per atom elsewhere')
        raise UsageError(f'{location}: no column "{name}" of atoms; {_known_targets(name, list(known))}')
    value = np.asarray(known[name])
    if value.dtype.kind not in "iuf":
        raise UsageError(f'{location}: column "{name}" is not numeric: {str(value.flat[0])[:40]}')
    if len(value) != len(atoms):
        raise UsageError(f'{location}: column "{name}" has {len(value)} rows for {len(atoms)} atoms')
    rows = value.reshape(len(value), -1)
    if _is_voigt(name, rows.shape[1:]):
        rows = rows[:, np.array(_VOIGT).reshape(-1)]
    if rows.shape[1] != rep.dim:
        raise UsageError(
            f'{location}: column "{name}" as {rep} has {rep.dim} number{"s"[: rep.dim != 1]} an atom, the file has '
            f"{rows.shape[1]}"
        )
    if rows.shape[1] == _MATRIX and not _is_of_matrices(rep):
        raise UsageError(
            f'{location}: column "{name}" is a 3 x 3 matrix of each atom, no components of {rep}; it is asked for as '
            f'"{name}:ij", or "{name}:ij=ji" if it is symmetric'
        )
    bad = ~(np.isfinite(rows) & (np.abs(rows) <= _LARGEST)).all(axis=1)
    if bad.any():
        atom = int(bad.argmax())
        what = "is too large" if np.isfinite(rows[atom]).all() else "is not finite"
        shown = " ".join(f"{number:g}" for number in rows[atom])
        raise UsageError(f'{location}: column "{name}" {what} at atom {atom + 1}: {shown}')
    return rows.astype(np.float64)


class TargetLayout(NamedTuple):
    """What a frame says of a name.

    per_atom: whether it is a column of the atoms; size: how many numbers the structure, or each atom, has; symmetric:
    whether these are a symmetric 3 x 3 matrix of nine numbers.
    """

    per_atom: bool
    size: int
    symmetric: bool


def layout_of(atoms: Any, name: str) -> TargetLayout | None:
    """The layout of a name in a frame; None where there is nothing of that name. One value of the structure is first.

    >>> from ase import Atoms
    >>> water = Atoms("OH2", [[0, 0, 0], [0, 0, 1], [0, 1, 0]])
    >>> water.arrays["q"] = np.array([-0.8, 0.4, 0.4])
    >>> layout_of(water, "q")
    TargetLayout(per_atom=True, size=1, symmetric=False)
    """
    for per_atom, known in ((False, _known(atoms)), (True, atom_columns(atoms))):
        if name in known:
            value = np.asarray(known[name])
            rows = value.reshape(len(value), -1) if per_atom and len(value) else value.reshape(1, -1)
            size = _MATRIX if _is_voigt(name, rows.shape[1:]) else rows.shape[1]
            return TargetLayout(per_atom, size, size == _MATRIX and _is_symmetric(rows))
    return None


def _is_voigt(name: str, shape: tuple[int, ...]) -> bool:
    return name.lower() in _VOIGT_NAMES and shape == (6,)


def _is_symmetric(rows: npt.NDArray[Any]) -> bool:
    if rows.shape[1] != _MATRIX or rows.dtype.kind not in "iuf":
        return True
    matrices = rows.reshape(-1, 3, 3).astype(np.float64)
    gap = np.abs(matrices - matrices.transpose(0, 2, 1)).max(initial=0)
    return bool(gap <= _ASYMMETRY * np.abs(matrices).max(initial=0))


def atom_columns(atoms: Any) -> dict[str, Any]:
    """What the file says of each atom, besides elements and positions."""
    found = {key: value for key, value in _results(atoms).items() if key in _PER_ATOM}
    found |= {key: value for key, value in atoms.arrays.items() if key not in ("numbers", "positions")}
    return {name: found[key] for name, key in _NAMES_IN_FILES if key in found} | found


def _results(atoms: Any) -> Mapping[str, Any]:
    return dict(getattr(atoms.calc, "results", None) or {})


def _known(atoms: Any) -> dict[str, Any]:
    """What the file says of the whole structure."""
    together = {**_results(atoms), **atoms.info}
    return {key: value for key, value in together.items() if key not in _PER_ATOM or key in atoms.info}


def _check_shape(value: npt.NDArray[Any], name: str, rep: Rep, location: str) -> None:
    shape = tuple(length for length in value.shape if length != 1)
    if value.size == rep.dim and (len(shape) < 2 or shape == (3, 3)):
        return
    came = "one number" if not shape else f"shape {shape}" if len(shape) > 1 else f"{shape[0]} numbers"
    way = ""
    if value.size == 9:
        came = "a 3 x 3 matrix" if len(shape) > 1 else came
        way = f'; a symmetric 3 x 3 matrix, which the file has by rows, is asked for as "{name}:ij=ji"'
    raise UsageError(
        f'{location}: target "{name}" as {rep} has {rep.dim} component{"s"[: rep.dim - 1]}, the file has {came}{way}'
    )


def _is_of_matrices(rep: Rep) -> bool:
    """Whether nine numbers of this representation can be a matrix by rows: M -> R M R^T, or invariants."""
    if not hasattr(rep, "group"):
        return True
    rotation = rep.group.sample(1, generator=torch.Generator().manual_seed(0))[0]
    matrix = rep.matrix(rotation)
    product = torch.kron(rotation, rotation).to(matrix)
    invariant = torch.eye(len(matrix), dtype=matrix.dtype)
    return any(bool(torch.allclose(matrix, law, atol=1e-6)) for law in (product, invariant))


def _known_targets(name: str, keys: list[str]) -> str:
    if not keys:
        return "this frame has none at all"
    close = get_close_matches(name, keys, 1)
    question = f'did you mean "{close[0]}"? ' if close else ""
    more = f" and {len(keys) - _MAX_KEYS} more" if len(keys) > _MAX_KEYS else ""
    return f"{question}this frame has {', '.join(sorted(keys)[:_MAX_KEYS])}{more}"
