"""Labels of a frame: its energy, forces and stress, found among what its file says of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from intertwine._errors import UsageError
from intertwine.tasks.potential._options import UNITS

Array = npt.NDArray[np.float64]

_SAME = 1e-6
"""Two labels whose largest difference is below this share of the largest value are one label under two names."""
_ASYMMETRY = 1e-3
_VOIGT = ((0, 5, 4), (5, 1, 3), (4, 3, 2))
"""Where each entry of a symmetric 3 x 3 matrix stands among xx yy zz yz xz xy, as ase has them."""
_MAX_KEYS = 12


@dataclass(frozen=True)
class Quantity:
    """A quantity that a potential is trained on.

    Attributes:
        name: "energy", "forces" or "stress".
        pattern: What its keys look like, in lower case.
        preferred: The key to name when several hold the same values.
    """

    name: str
    pattern: re.Pattern[str]
    preferred: tuple[str, ...]

    @property
    def flag(self) -> str:
        """The option that names the key."""
        return f"--{self.name}-key"


ENERGY = Quantity("energy", re.compile(r"([a-z0-9]+_)*(free_)?energy|e_?tot|etotal"), ("energy", "free_energy"))
FORCES = Quantity("forces", re.compile(r"([a-z0-9]+_)*forces?"), ("forces", "force"))
STRESS = Quantity("stress", re.compile(r"([a-z0-9]+_)*(stress|virials?)"), ("stress", "virial", "virials"))
QUANTITIES = (ENERGY, FORCES, STRESS)


class Labels(NamedTuple):
    """The labels of a frame; None for those that it lacks.

    energy: eV; forces: (N, 3), eV/A; stress: (3, 3), eV/A^3, positive under tension; keys: name of the quantity -> key;
    unit: of energies in the file, from which they were converted.
    """

    energy: float | None
    forces: Array | None
    stress: Array | None
    keys: Mapping[str, str]
    unit: str = "eV"


def labels_of(atoms: Any, keys: Mapping[str, str | None], location: str, units: str | None = None) -> Labels:
    """The labels of a frame: from its comment line, its columns, and the results that ase makes of these.

    Args:
        atoms: ase's.
        keys: name of a quantity -> the key that the user named, or None to look for it.
        location: File and frame, for messages.
        units: The unit of energies, one of `UNITS`; None for that which the file states (``e_unit``), else eV.

    Raises:
        UsageError: A label is not finite or of another shape; two keys give different values for one quantity; or the
            file states a unit that is not known.
    """
    found: dict[str, Array] = {}
    names: dict[str, str] = {}
    readers: dict[str, Callable[[Any, str, Any, str], Array | None]] = {
        "energy": _energy,
        "forces": _forces,
        "stress": _stress,
    }
    for quantity in QUANTITIES:
        key = keys.get(quantity.name)
        values = _values(atoms, quantity)
        given = [key] if key is not None else _candidates(values, quantity)
        read = {name: readers[quantity.name](atoms, name, values.get(name), location) for name in given}
        held = {name: value for name, value in read.items() if value is not None}
        if held:
            name = _only(held, quantity, location)
            names[quantity.name], found[quantity.name] = name, held[name]
    unit = _unit(atoms, location) if units is None else units
    energy, forces, stress = (None if (one := found.get(q.name)) is None else UNITS[unit] * one for q in QUANTITIES)
    return Labels(None if energy is None else float(energy), forces, stress, names, unit)


def _unit(atoms: Any, location: str) -> str:
    stated = str(atoms.info.get("e_unit", "eV"))
    found = next((unit for unit in UNITS if unit.lower() == stated.lower()), None)
    if found is None:
        raise UsageError(
            f'{location}: the file states its energies in "{stated[:40]}" (e_unit); expected {", ".join(UNITS)}: say '
            "which with --units, or convert them"
        )
    return found


def known_keys(atoms: Any) -> str:
    """The keys of a frame, for messages."""
    keys = sorted({*atoms.info, *_results(atoms), *atoms.arrays} - {"numbers", "positions", "name"})
    more = f" and {len(keys) - _MAX_KEYS} more" if len(keys) > _MAX_KEYS else ""
    return f"{', '.join(keys[:_MAX_KEYS])}{more}" if keys else "none"


def _results(atoms: Any) -> dict[str, Any]:
    return dict(getattr(atoms.calc, "results", None) or {})


def _values(atoms: Any, quantity: Quantity) -> dict[str, Any]:
    """What the file says of each atom (forces), or of the whole frame."""
    if quantity is FORCES:
        return {**_results(atoms), **atoms.arrays}
    return {**_results(atoms), **atoms.info}


def _candidates(values: Mapping[str, Any], quantity: Quantity) -> list[str]:
    found = [key for key in values if isinstance(key, str) and quantity.pattern.fullmatch(key.lower())]
    return sorted(found, key=lambda key: (quantity.preferred.index(key) if key in quantity.preferred else 99, key))


def _only(held: Mapping[str, Array], quantity: Quantity, location: str) -> str:
    """The key of a quantity: the only one, or the first of several that hold the same values.

    Raises:
        UsageError: They hold different values.
    """
    first, *others = held
    for other in others:
        largest = float(np.abs(held[first]).max(initial=0))
        if float(np.abs(held[first] - held[other]).max(initial=0)) > _SAME * max(largest, 1e-3):
            raise UsageError(
                f'{location}: "{first}" and "{other}" both look like the {quantity.name} and differ; say which with '
                f"{quantity.flag} {first} or {quantity.flag} {other}"
            )
    return first


def _number(value: Any, key: str, location: str) -> Array | None:
    """A finite array of numbers; None where the value is no number at all."""
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        return None
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        where = f" of atom {int((~np.isfinite(array).all(-1)).argmax()) + 1}" if array.ndim == 2 else ""
        raise UsageError(f'{location}: "{key}"{where} is not finite; correct it, or leave the frame out')
    return array


def _energy(atoms: Any, key: str, value: Any, location: str) -> Array | None:
    array = None if value is None else _number(value, key, location)
    if array is None:
        return None
    if array.size != 1:
        raise UsageError(f'{location}: the energy "{key}" must be one number, the file has {array.size}')
    return array.reshape(())


def _forces(atoms: Any, key: str, value: Any, location: str) -> Array | None:
    array = None if value is None else _number(value, key, location)
    if array is None:
        return None
    if array.shape != (len(atoms), 3):
        raise UsageError(f'{location}: the forces "{key}" must be three numbers an atom, the file has {array.shape}')
    return array


def _stress(atoms: Any, key: str, value: Any, location: str) -> Array | None:
    """The stress; a virial is divided by minus the volume."""
    array = None if value is None else _number(value, key, location)
    if array is None or not np.all(atoms.pbc):
        return None
    if array.size not in (6, 9):
        raise UsageError(
            f'{location}: the stress "{key}" must be six numbers (xx yy zz yz xz xy, as ase orders them) or a 3 x 3 '
            f"matrix, the file has {array.size}"
        )
    matrix: Array = array.reshape(-1)[np.array(_VOIGT)] if array.size == 6 else array.reshape(3, 3)
    if np.abs(matrix - matrix.T).max() > _ASYMMETRY * max(float(np.abs(matrix).max()), 1e-6):
        raise UsageError(f'{location}: the stress "{key}" is not symmetric; correct it, or leave it out')
    matrix = (matrix + matrix.T) / 2
    return -matrix / abs(float(atoms.get_volume())) if "virial" in key.lower() else matrix


def key_counts(labels: Iterator[Labels]) -> dict[str, dict[str, int]]:
    """For each quantity, how many frames have it under each key."""
    counts: dict[str, dict[str, int]] = {quantity.name: {} for quantity in QUANTITIES}
    for one in labels:
        for name, key in one.keys.items():
            counts[name][key] = counts[name].get(key, 0) + 1
    return counts
