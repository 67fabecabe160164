"""Cartesian tensors with symmetries of their indices: "ij=ji" is a symmetric matrix, which is 0e + 2e.

A formula names the indices once, then says which permutations of them leave a component alone or change its sign:
"ij=ji" (stress, inertia), "ij=-ji" (angular velocity), "ijk=jik" (piezoelectricity), "ijkl=jikl=klij" (elasticity).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from intertwine._cached_constant import cached_constant
from intertwine._errors import UsageError
from intertwine.groups import Decomposition, Rep
from intertwine.reps._composite import tensor_product
from intertwine.reps._elementary import DefiningRep

Signed = tuple[tuple[int, ...], int]
"""A permutation of the axes and its sign."""


@dataclass(frozen=True, repr=False)
class CartesianTensor(Rep):
    """Tensors T_ij.. over the space of a group, with a symmetry of the indices: T -> rho(g) (x) rho(g) (x) .. T.

    The basis of the rep is that of the independent components, in lexicographic order; a basis tensor has equal
    entries, up to signs, wherever the symmetry demands, and norm one. ``to_irreps`` and ``from_irreps`` change to the
    basis of the irreps.

    Args:
        group: The group that moves the space.
        formula: The symmetry, such as "ij=ji".

    Raises:
        UsageError: If the formula cannot be read or leaves only the tensor zero, a ValueError.

    Example:
        The inertia matrix of some masses is 0e + 2e: its trace, and five components that transform by D^2.

        >>> from intertwine.groups import O3
        >>> inertia = CartesianTensor(O3(), "ij=ji")
        >>> inertia.dim, str(inertia.decompose().irreps), tuple(inertia.change_of_basis.shape)
        (6, '1x0e + 1x2e', (9, 6))
        >>> inertia.to_irreps(torch.eye(3, dtype=torch.float64)).abs().gt(1e-12).tolist()  # a sphere has no 2e
        [True, False, False, False, False, False]
    """

    formula: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "formula", self.formula.replace(" ", "") if isinstance(self.formula, str) else "")
        _read(self.formula)
        if not self.dim:
            raise UsageError(f'only the tensor zero has the symmetry "{self.formula}": some permutation has both signs')

    @property
    def rank(self) -> int:
        """The number of indices."""
        return len(self.formula.split("=")[0])

    @property
    def basis(self) -> Tensor:
        """The basis tensors ``(n, .., n, dim)``, float64, orthonormal."""
        return _basis(self.formula, self.group.dimension)

    @property
    def dim(self) -> int:
        """The number of independent components."""
        return int(self.basis.shape[-1])

    @property
    def change_of_basis(self) -> Tensor:
        """Q ``(n^rank, dim)``, float64: its columns are the tensors, row-major, of the basis of the irreps.

        (rho (x) rho ..)(g) Q = Q irreps(g), with ``irreps = decompose().irreps``.
        """
        return self.basis.flatten(0, -2) @ self.decompose().matrix

    def to_irreps(self, tensor: Tensor) -> Tensor:
        """The coordinates ``(..., dim)``, irrep by irrep, of tensors ``(..., n, .., n)``; first they are symmetrized.

        Raises:
            ValueError: If the last axes are not those of a tensor.
        """
        shape = (self.group.dimension,) * self.rank
        if tensor.shape[-self.rank :] != shape:
            raise ValueError(f'the last axes of a tensor "{self.formula}" are {shape}, got {tuple(tensor.shape)}')
        return tensor.flatten(-self.rank) @ self.change_of_basis.to(tensor)

    def from_irreps(self, coordinates: Tensor) -> Tensor:
        """The tensors ``(..., n, .., n)`` of coordinates ``(..., dim)``."""
        flat = coordinates @ self.change_of_basis.to(coordinates).T
        return flat.reshape(*flat.shape[:-1], *(self.group.dimension,) * self.rank)

    def decompose(self) -> Decomposition:
        """The change of basis to irreps, from the independent components; see ``Rep.decompose``."""
        return super().decompose()

    @property
    def _power(self) -> Rep:
        return tensor_product(self.group, (DefiningRep(self.group),) * self.rank)

    def matrix(self, g: Tensor) -> Tensor:
        """B^T (g (x) g ..) B, ``(..., dim, dim)``."""
        return self._compress(self._power.matrix(g))

    def algebra(self, X: Tensor) -> Tensor:
        """B^T (X (x) 1 .. + ..) B, ``(..., dim, dim)``."""
        return self._compress(self._power.algebra(X))

    def _compress(self, matrix: Tensor) -> Tensor:
        basis = self.basis.flatten(0, -2).to(matrix)
        return basis.T @ matrix @ basis

    def __str__(self) -> str:
        return self.formula

    def __repr__(self) -> str:
        return f'CartesianTensor({self.group!r}, "{self.formula}")'


def _read(formula: str) -> tuple[int, list[Signed]]:
    """The number of indices and the signed permutations that a formula demands."""
    example = 'expected one such as "ij", "ij=ji", "ijk=-jik" or "ijkl=jikl=klij"'
    first, *others = formula.split("=")
    if not re.fullmatch(r"[a-z]+", first) or len(set(first)) != len(first):
        raise UsageError(f'cannot read the indices "{first}" of "{formula}": {example}')
    permutations = []
    for other in others:
        letters = other.removeprefix("-")
        if sorted(letters) != sorted(first):
            raise UsageError(f'"{other}" in "{formula}" is no permutation of "{first}": {example}')
        permutations.append((tuple(first.index(letter) for letter in letters), -1 if other.startswith("-") else 1))
    return len(first), permutations


def _closure(rank: int, permutations: list[Signed]) -> set[Signed]:
    found: set[Signed] = {(tuple(range(rank)), 1)}
    frontier = found
    while frontier:
        products = {(tuple(p[i] for i in q), s * t) for p, s in frontier for q, t in permutations}
        frontier = products - found
        found = found | frontier
    return found


@cached_constant
def _basis(formula: str, n: int) -> Tensor:
    rank, permutations = _read(formula)
    generators = _closure(rank, permutations)
    columns, seen = [], set[tuple[int, ...]]()
    for index in product(range(n), repeat=rank):
        if index in seen:
            continue
        tensor = torch.zeros((n,) * rank, dtype=torch.float64)
        for permutation, sign in generators:
            image = tuple(index[i] for i in permutation)
            tensor[image] += sign
            seen.add(image)
        if bool(tensor.any()):
            columns.append(tensor / tensor.norm())
    return torch.stack(columns, dim=-1) if columns else torch.zeros(*(n,) * rank, 0, dtype=torch.float64)
