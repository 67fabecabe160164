"""Reference energies: the energy of each element that is subtracted from total energies, in float64."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.data import CHEMICAL_SYMBOLS

_RANK_TOLERANCE = 1e-10
"""Singular values below this share of the largest one are taken for zero."""
_SAME = 1e-6


class ReferenceEnergies(NamedTuple):
    """Energies of elements, in eV, in the order of the elements.

    values: one for each element; source: where they come from, for people; fitted: whether all of them come from the
    least-squares fit, so that nothing is lost when they are fitted again.
    """

    values: tuple[float, ...]
    source: str
    fitted: bool

    def __call__(self, counts: Tensor) -> Tensor:
        """The sum over atoms (S,) float64 for counts of the elements (S, K)."""
        return counts.to(torch.float64) @ torch.tensor(self.values, dtype=torch.float64)


def reference_energies(
    counts: Tensor, energies: Tensor, elements: Sequence[int], isolated: Mapping[int, float], source: str
) -> ReferenceEnergies:
    """The energies of isolated atoms; of elements without one, the least-squares fit.

        min_e sum_s ((E_s - sum_elements count_s e) / N_s)^2

    It is the fit of minimum norm where it is not unique: the sum over the atoms of a structure is unique all the same.

    Args:
        counts: (S, K), atoms of each element in the structures with a known energy.
        energies: (S,) float64, eV.
        elements: K atomic numbers.
        isolated: atomic number -> energy of the isolated atom, eV.
        source: Where the isolated atoms come from.

    Returns:
        The energies.

    >>> counts = torch.tensor([[1.0, 4], [2, 6], [1, 2]])
    >>> energies = counts.double() @ torch.tensor([-1030.0, -13.0], dtype=torch.float64)
    >>> [round(value, 6) for value in reference_energies(counts, energies, [6, 1], {}, "").values]
    [-1030.0, -13.0]
    """
    counts = counts.to(torch.float64)
    known = torch.tensor([isolated.get(element, 0.0) for element in elements], dtype=torch.float64)
    missing = [index for index, element in enumerate(elements) if element not in isolated]
    if not missing:
        return ReferenceEnergies(tuple(known.tolist()), f"isolated atoms ({source})", fitted=False)
    if len(energies):
        atoms = counts.sum(1, keepdim=True)
        weighted = counts[:, missing] / atoms
        known[missing] = _least_squares(weighted, (energies - counts @ known) / atoms[:, 0])
    text = "least squares over the training frames"
    if len(energies) and int(torch.linalg.matrix_rank(counts[:, missing], rtol=_RANK_TOLERANCE)) < len(missing):
        text += " (too few compositions to tell the elements apart; for other compositions pass --isolated-atoms)"
    if len(missing) < len(elements):
        names = " ".join(CHEMICAL_SYMBOLS[elements[index]] for index in missing)
        text = f"isolated atoms ({source}); {names} by least squares"
        warnings.warn(f"there is no isolated atom of {names}: its reference energy is fitted", stacklevel=2)
    return ReferenceEnergies(tuple(known.tolist()), text, fitted=len(missing) == len(elements))


def binding_energies(counts: Tensor, energies: Tensor, reference: ReferenceEnergies) -> tuple[float, ...]:
    """What the reference energies leave, by element: a least-squares fit; zero for fitted references.

    Where the fit is not unique, the elements differ as little as it allows: equal energies for one composition.

    Args:
        counts: (S, K), atoms of each element in the structures with a known energy.
        energies: (S,) float64, eV.
        reference: Of the elements.

    Returns:
        K energies in eV.
    """
    if not len(energies):
        return (0.0,) * counts.shape[1]
    atoms = counts.to(torch.float64).sum(1, keepdim=True)
    left = (energies - reference(counts)) / atoms[:, 0]
    mean = left.mean()
    return tuple((mean + _least_squares(counts.to(torch.float64) / atoms, left - mean)).tolist())


def _least_squares(matrix: Tensor, values: Tensor) -> Tensor:
    """The minimum-norm solution, refined once on what the first one leaves."""
    inverse = torch.linalg.pinv(matrix, rtol=_RANK_TOLERANCE)
    solution = inverse @ values
    refined: Tensor = solution + inverse @ (values - matrix @ solution)
    return refined


def add_isolated(isolated: dict[int, float], element: int, energy: float | None, location: str) -> None:
    """Keep the energy of an isolated atom.

    Args:
        isolated: atomic number -> eV; it is added to.
        element: Atomic number.
        energy: eV.
        location: File and frame, for messages.

    Raises:
        UsageError: It has no energy, or another one than an earlier atom of the element.
    """
    symbol = CHEMICAL_SYMBOLS[element]
    if energy is None:
        raise UsageError(f"{location}: this isolated atom ({symbol}) has no energy; give it one, or leave it out")
    known = isolated.setdefault(element, energy)
    if abs(known - energy) > _SAME * max(1.0, abs(known)):
        raise UsageError(
            f"{location}: the isolated atom of {symbol} has {energy:.8g} eV here and {known:.8g} eV before; a "
            "potential has one reference: use sets of one level of theory"
        )
