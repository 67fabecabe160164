"""Symmetric groups S_n and alternating groups A_n, as permutation matrices."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from math import factorial

import torch
from torch import Tensor

from intertwine._bounds import check_entries
from intertwine.groups._finite import FiniteGroup, check_listable


@dataclass(frozen=True, repr=False)
class _Permutations(FiniteGroup):
    n: int

    def __post_init__(self) -> None:
        if not isinstance(self.n, int) or isinstance(self.n, bool) or self.n < 1:
            raise ValueError(f"{type(self).__name__}(n) takes a whole number n >= 1, got {self.n!r}")
        check_entries(self.n**2, f"the matrices of {self.name}")

    @property
    def dimension(self) -> int:
        """The number n: the group permutes the axes of R^n."""
        return self.n

    @property
    def orthogonal(self) -> bool:
        """True."""
        return True

    def images(self, g: Tensor) -> Tensor:
        """Where each thing goes, ``(..., n)``, int64: g e_j = e_images[j].

        Raises:
            ValueError: If a matrix is not an element.
        """
        if not bool(self.contains(g, tolerance=1e-3).all()):
            raise ValueError(f"{int((~self.contains(g, 1e-3)).sum())} matrices are not elements of {self.name}")
        return g.detach().argmax(-2)

    def matrices(self, images: Tensor) -> Tensor:
        """The permutation matrices ``(..., n, n)``, float64, of images ``(..., n)``: the inverse of ``images``."""
        return torch.nn.functional.one_hot(images, self.n).mT.to(torch.float64)

    def contains(self, g: Tensor, tolerance: float = 1e-6) -> Tensor:
        """Whether each matrix ``(..., n, n)`` is an element, up to the tolerance on its entries: ``(...)``, bool."""
        self.check_shape(g)
        g = g.detach().to(torch.float64)
        near = torch.nn.functional.one_hot(g.nan_to_num().argmax(-2), self.n).mT.to(g)
        once = (near.sum(-1) == 1).all(-1)
        return once & ((g - near).abs() <= tolerance).flatten(-2).all(-1) & self._admits(near)

    def _admits(self, g: Tensor) -> Tensor:
        return torch.ones_like(g[..., 0, 0], dtype=torch.bool)

    def describe(self, g: Tensor) -> str:
        """One element ``(n, n)`` in cycles, things counted from 1: "(1 2)(3 5 4)"."""
        images = self.images(g).tolist()
        words, seen = "", set[int]()
        for start in range(self.n):
            cycle, at = [], start
            while at not in seen:
                seen.add(at)
                cycle.append(str(at + 1))
                at = images[at]
            words += f"({' '.join(cycle)})" if len(cycle) > 1 else ""
        return words or "identity"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.n})"


@dataclass(frozen=True, repr=False)
class Symmetric(_Permutations):
    """S_n: all n! permutations, in lexicographic order of their images.

    Its elements are listed up to n = 8; its irreps, draws and generators need no list.

    Args:
        n: How many things, at least 1.

    Example:
        >>> Symmetric(10).order
        3628800
        >>> Symmetric(4).describe(Symmetric(4).elements[-1])
        '(1 4)(2 3)'
    """

    @property
    def name(self) -> str:
        """S_n."""
        return f"S_{self.n}"

    @property
    def order(self) -> int:
        """The factorial of n."""
        return factorial(self.n)

    @property
    def discrete_generators(self) -> Tensor:
        """The exchange of the first two things and the cycle of all, ``(2, n, n)``; the identity for n = 1."""
        if self.n == 1:
            return self.identity[None]
        things = torch.arange(self.n)
        swap = things.clone()
        swap[:2] = torch.tensor([1, 0])
        return self.matrices(torch.stack([swap, (things + 1) % self.n]))

    def index(self, g: Tensor, tolerance: float = 1e-3) -> Tensor:
        """The position of each element in ``elements``: the rank ``(...)``, int64, of its images.

        Raises:
            ValueError: If a matrix is not an element.
        """
        images = self.images(g)
        smaller = (images[..., None] > images[..., None, :]).triu(1).sum(-1)
        place = torch.tensor([factorial(k) for k in reversed(range(self.n))], device=g.device)
        return (smaller * place).sum(-1)

    def _list_elements(self) -> Tensor:
        check_listable(self.name, self.order)
        return self.matrices(torch.tensor(list(permutations(range(self.n)))))

    def _sample(self, count: int, generator: torch.Generator | None) -> Tensor:
        drawn = [torch.randperm(self.n, generator=generator) for _ in range(count)]
        return self.matrices(torch.stack(drawn)) if drawn else torch.zeros(0, self.n, self.n, dtype=torch.float64)


@dataclass(frozen=True, repr=False)
class Alternating(_Permutations):
    """A_n: the n!/2 even permutations, in lexicographic order of their images.

    Args:
        n: How many things, at least 1.

    Example:
        >>> Alternating(5).order
        60
    """

    @property
    def name(self) -> str:
        """A_n."""
        return f"A_{self.n}"

    @property
    def order(self) -> int:
        """Half the factorial of n."""
        return max(1, factorial(self.n) // 2)

    @property
    def discrete_generators(self) -> Tensor:
        """The cycles (1 2 k), ``(n - 2, n, n)``; the identity for n < 3."""
        if self.n < 3:
            return self.identity[None]
        check_entries((self.n - 2) * self.n**2, f"the generators of {self.name}")
        images = torch.arange(self.n).repeat(self.n - 2, 1)
        images[:, 0], images[:, 1] = 1, torch.arange(2, self.n)
        images[torch.arange(self.n - 2), torch.arange(2, self.n)] = 0
        return self.matrices(images)

    def _admits(self, g: Tensor) -> Tensor:
        even: Tensor = torch.linalg.det(g) > 0
        return even

    def _list_elements(self) -> Tensor:
        check_listable(self.name, self.order)
        everything = self.matrices(torch.tensor(list(permutations(range(self.n)))))
        return everything[self._admits(everything)]

    def _sample(self, count: int, generator: torch.Generator | None) -> Tensor:
        drawn = Symmetric(self.n)._sample(count, generator)
        if self.n < 2 or not count:
            return drawn
        swap = Symmetric(self.n).discrete_generators[0]
        return torch.where(self._admits(drawn)[:, None, None], drawn, drawn @ swap)
