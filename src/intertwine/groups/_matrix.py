"""Matrix groups by generators: a basis of the Lie algebra, single elements, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from intertwine._cached_constant import cached_constant
from intertwine.groups._closure import MAX_ORDER, list_elements
from intertwine.groups._finite import FiniteGroup
from intertwine.groups._group import Group

Matrices = tuple[tuple[tuple[float, ...], ...], ...]
_STEPS = 64
"""Steps of the random walk that draws an element: its distance from Haar falls by a factor with each."""


@dataclass(frozen=True, repr=False, init=False)
class MatrixGroup(Group):
    """The group that matrices generate: exponentials of a Lie algebra, single elements, or both.

    The Lie algebra is taken as given: a basis of a subspace that is closed under the commutator. Generators alone, when
    their products are finitely many, make a ``FiniteMatrixGroup``, which is listed and has irreps. Two groups are equal
    values when their generators are.

    Args:
        generators: ``(k, n, n)`` elements, as a tensor or nested lists.
        algebra: ``(d, n, n)`` basis of the Lie algebra.
        title: What to call the group.

    Raises:
        ValueError: If there is no matrix at all, the shapes differ, a generator is singular, or the algebra is not
            independent or not closed.

    Example:
        >>> boost = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
        >>> MatrixGroup(algebra=boost, title="SO+(1,1)")
        MatrixGroup(algebra=[[[0.0, 1.0], [1.0, 0.0]]], title='SO+(1,1)')
        >>> MatrixGroup([[[0, -1], [1, 0]]]).order
        4
    """

    generator_matrices: Matrices
    algebra_matrices: Matrices
    title: str

    def __new__(cls, generators: Any = (), algebra: Any = (), title: str = "") -> MatrixGroup:
        """A FiniteMatrixGroup where the generators close."""
        if cls is MatrixGroup and len(generators) and not len(algebra):
            given = _read(generators, "generators")
            if given and _close(given) is not None:
                return super().__new__(FiniteMatrixGroup)
        return super().__new__(cls)

    def __init__(self, generators: Any = (), algebra: Any = (), title: str = "") -> None:
        discrete, continuous = _read(generators, "generators"), _read(algebra, "algebra")
        sizes = {len(matrix) for matrix in (*discrete, *continuous)}
        if len(sizes) != 1:
            found = " and ".join(f"{n} x {n}" for n in sorted(sizes)) or "none"
            raise ValueError(f"a matrix group needs generators of one size, (k, n, n), got {found}")
        object.__setattr__(self, "generator_matrices", discrete)
        object.__setattr__(self, "algebra_matrices", continuous)
        object.__setattr__(self, "title", title)
        _check(self)

    @property
    def name(self) -> str:
        """The title, or the number of generators."""
        if self.title:
            return self.title
        d, k, n = len(self.algebra_matrices), len(self.generator_matrices), self.dimension
        return f"group of {d} infinitesimal and {k} single {n} x {n} generators"

    @property
    def dimension(self) -> int:
        """The size n of the matrices."""
        return len((*self.generator_matrices, *self.algebra_matrices)[0])

    @property
    def orthogonal(self) -> bool:
        """Whether all generators are orthogonal, and the Lie algebra antisymmetric."""
        return bool(_orthogonal(self))

    @property
    def lie_algebra(self) -> Tensor:
        """The given basis ``(d, n, n)``, float64."""
        return torch.tensor(self.algebra_matrices, dtype=torch.float64).reshape(-1, self.dimension, self.dimension)

    @property
    def discrete_generators(self) -> Tensor:
        """The given elements ``(k, n, n)``, float64."""
        return torch.tensor(self.generator_matrices, dtype=torch.float64).reshape(-1, self.dimension, self.dimension)

    def _sample(self, count: int, generator: torch.Generator | None) -> Tensor:
        """A random walk: 64 steps, Haar up to rounding, where the group is compact; else 2 steps of size 1/2."""
        return random_walk(self, count, generator, *((_STEPS, 2.0) if self.compact else (2, 0.5)))

    def contains(self, g: Tensor, tolerance: float = 1e-6) -> Tensor:
        """Not to be told from generators alone.

        Raises:
            ValueError: Always; a FiniteMatrixGroup knows its elements.
        """
        raise ValueError(f"whether a matrix lies in {self.name} cannot be told from its generators")

    def __repr__(self) -> str:
        fields = {"generators": self.generator_matrices, "algebra": self.algebra_matrices, "title": self.title}
        shown = {key: _lists(value) if isinstance(value, tuple) else value for key, value in fields.items() if value}
        return f"MatrixGroup({', '.join(f'{key}={value!r}' for key, value in shown.items())})"


@dataclass(frozen=True, repr=False, init=False)
class FiniteMatrixGroup(FiniteGroup, MatrixGroup):
    """The finite group that some matrices generate, listed by the length of the words in them.

    Example:
        >>> swap, cycle = torch.eye(3)[[1, 0, 2]], torch.eye(3)[[1, 2, 0]]
        >>> FiniteMatrixGroup(torch.stack([swap, cycle])).order
        6
    """

    def __init__(self, generators: Any = (), algebra: Any = (), title: str = "") -> None:
        MatrixGroup.__init__(self, generators, algebra, title)
        if len(self.algebra_matrices) or _close(self.generator_matrices) is None:
            raise ValueError(
                f"these generators make more than {MAX_ORDER} elements; a MatrixGroup may have infinitely many"
            )

    @property
    def name(self) -> str:
        """The title, or the order."""
        return self.title or f"group of order {self.order}"

    @property
    def discrete_generators(self) -> Tensor:
        """The given elements ``(k, n, n)``, float64."""
        return MatrixGroup.discrete_generators.fget(self)  # type: ignore[attr-defined,no-any-return]

    def _list_elements(self) -> Tensor:
        elements = _close(self.generator_matrices)
        assert elements is not None, "checked when it was made"
        return elements


def random_walk(group: Group, count: int, generator: torch.Generator | None, steps: int, deviation: float) -> Tensor:
    """Products of random elements: each step a normal exponential, then one of the generators, an inverse or none."""
    algebra, discrete = group.lie_algebra, group.discrete_generators
    g = group.identity.repeat(count, 1, 1)
    if len(algebra):
        algebra = algebra / torch.linalg.matrix_norm(algebra, 2)[:, None, None]
    choices = torch.cat([group.identity[None], discrete, torch.linalg.inv(discrete)])
    for _ in range(steps):
        if len(algebra):
            coordinates = deviation * torch.randn(count, len(algebra), generator=generator, dtype=torch.float64)
            g = g @ torch.linalg.matrix_exp(torch.einsum("sd,dij->sij", coordinates, algebra))
        if len(discrete):
            g = g @ choices[torch.randint(len(choices), (count,), generator=generator)]
    return g


def point_stabilizer(group: Group, point: Tensor) -> MatrixGroup:
    """The elements of a group that leave a point where it is, from its generators; see ``Group.stabilizer``."""
    n = group.dimension
    if point.shape != (n,):
        raise ValueError(f"a point has shape ({n},), got {tuple(point.shape)}")
    x = point.detach().to("cpu", torch.float64)
    moved = group.lie_algebra @ x
    _, values, rows = torch.linalg.svd(moved.T, full_matrices=True)
    rank = int((values > 1e-9 * max(1.0, float(x.norm()))).sum())
    algebra = torch.einsum("kd,dij->kij", rows[rank:], group.lie_algebra)
    fixed = group._stabilizer_generators(x)
    if fixed is None:
        raise ValueError(
            f"the components of {group.name} that leave this point are not known; give the stabilizer as a MatrixGroup"
        )
    if not len(algebra) and not len(fixed):
        fixed = group.identity[None]
    return MatrixGroup(fixed, algebra, f"stabilizer in {group.name}")


def _read(matrices: Any, what: str) -> Matrices:
    """Nested tuples of floats from a tensor, nested lists or a sequence of tensors."""
    if isinstance(matrices, Sequence) and any(isinstance(matrix, Tensor) for matrix in matrices):
        matrices = torch.stack([torch.as_tensor(matrix) for matrix in matrices])
    try:
        tensor = torch.as_tensor(matrices, dtype=torch.float64, device="cpu").detach()
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} are (k, n, n) matrices: {error}") from None
    if tensor.numel() == 0:
        return ()
    if tensor.ndim != 3 or tensor.shape[-1] != tensor.shape[-2]:
        raise ValueError(f"{what} are (k, n, n) matrices, got shape {tuple(tensor.shape)}")
    return tuple(tuple(tuple(row) for row in matrix) for matrix in tensor.tolist())


def _lists(matrices: Matrices) -> list[list[list[float]]]:
    return [[list(row) for row in matrix] for matrix in matrices]


def _check(group: MatrixGroup) -> None:
    for place, matrix in enumerate(group.discrete_generators):
        if not abs(float(torch.linalg.det(matrix))) > 1e-12:
            raise ValueError(f"generator {place} is singular: a group element has an inverse")
    algebra = group.lie_algebra
    flat = algebra.flatten(1)
    if len(flat) and int(torch.linalg.matrix_rank(flat)) < len(flat):
        raise ValueError(f"the {len(flat)} matrices of the algebra are not linearly independent: leave some out")
    for i, X in enumerate(algebra):
        bracket = X @ algebra - algebra @ X
        rest = bracket - group.hat(group.coordinates(bracket))
        if float(rest.abs().max()) > 1e-8 * max(1.0, float(bracket.abs().max())):
            j = int(rest.flatten(1).abs().amax(1).argmax())
            raise ValueError(f"the algebra is not closed: the commutator of matrices {i} and {j} is not in its span")


@cached_constant
def _orthogonal(group: MatrixGroup) -> Tensor:
    h, X = group.discrete_generators, group.lie_algebra
    discrete = (h.mT @ h - group.identity).abs().sum() <= 1e-8 * max(1, len(h))
    return discrete & ((X + X.mT).abs().sum() <= 1e-8)


@lru_cache(maxsize=128)
def _close(generators: Matrices) -> Tensor | None:
    """All products of the generators, once for each group."""
    return list_elements(torch.tensor(generators, dtype=torch.float64))
