"""Representation given by the images of the generators of a group, with a check that there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.groups import Group, list_elements
from intertwine.reps import Rep

Matrices = tuple[tuple[tuple[float, ...], ...], ...]
_CLOSE = 1e-6


@dataclass(frozen=True, repr=False)
class GeneratorRep(Rep):
    """The representation that sends each generator of a group to a given matrix; made by ``generator_rep``.

    All elements have their matrix where the group can be listed; otherwise the generators, their inverses and the Lie
    algebra have, which is all that constraints need.

    Args:
        group: The group.
        title: What to call the representation.
        algebra_images: d rho of each element of ``group.lie_algebra``.
        generator_images: rho of each of ``group.discrete_generators``.
    """

    title: str
    algebra_images: Matrices
    generator_images: Matrices

    @property
    def dim(self) -> int:
        """The size of the given matrices."""
        return len((*self.algebra_images, *self.generator_images)[0])

    @property
    def orthogonal(self) -> bool:
        """Whether the given matrices are orthogonal, and antisymmetric in the Lie algebra."""
        X, h = self._images
        one = torch.eye(self.dim, dtype=torch.float64)
        return float((X + X.mT).abs().sum() + (h.mT @ h - one).abs().sum()) <= 1e-8

    @property
    def _images(self) -> tuple[Tensor, Tensor]:
        return _tensor(self.algebra_images, self.dim), _tensor(self.generator_images, self.dim)

    def matrix(self, g: Tensor) -> Tensor:
        """The matrices ``(..., dim, dim)``.

        Raises:
            ValueError: If the image of an element is not known.
        """
        self.group.check_shape(g)
        elements, images = _listing(self)
        flat = g.detach().to("cpu", torch.float64).reshape(-1, self.group.dimension**2)
        distance, place = torch.cdist(flat, elements.flatten(1)).min(-1)
        if len(flat) and float(distance.max()) > _CLOSE:
            raise ValueError(f"{self.title} is given on the generators of {self.group} only, not on this element")
        return images[place].reshape(*g.shape[:-2], self.dim, self.dim).to(g)

    def algebra(self, X: Tensor) -> Tensor:
        """The derivative, linear in X: ``(..., dim, dim)``."""
        return torch.einsum("...d,dij->...ij", self.group.coordinates(X), self._images[0].to(X))

    def __str__(self) -> str:
        return self.title


def generator_rep(group: Group, title: str, *, algebra: Any = (), generators: Any = ()) -> GeneratorRep:
    """The representation that sends each generator of a group to a given matrix, after a check that there is one.

    Args:
        group: The group; its ``lie_algebra`` and ``discrete_generators`` are the generators, in this order.
        title: What to call it.
        algebra: ``(d, dim, dim)``: the images of the Lie algebra.
        generators: ``(k, dim, dim)``: the images of the discrete generators.

    Raises:
        UsageError: If the numbers or sizes of matrices do not match, or no representation has these values.

    Example:
        >>> from intertwine.groups import Cyclic
        >>> sign = generator_rep(Cyclic(4), "sign", generators=[[[-1.0]]])
        >>> sign.matrix(Cyclic(4).elements).flatten().tolist()
        [1.0, -1.0, 1.0, -1.0]
    """
    images = []
    counts = (len(group.lie_algebra), len(group.discrete_generators))
    for values, count, what in zip((algebra, generators), counts, ("algebra", "generators"), strict=True):
        matrices = parse_matrices(values, f"{title}: {what}")
        if len(matrices) != count:
            raise UsageError(
                f"{title}: {group} has {count} {'elements in its algebra' if what == 'algebra' else 'generators'},"
                f" so a representation needs as many matrices, got {len(matrices)}"
            )
        images.append(matrices)
    sizes = {len(matrix) for matrices in images for matrix in matrices}
    if len(sizes) != 1:
        raise UsageError(f"{title}: the matrices of a representation have one size, got {sorted(sizes) or 'none'}")
    rep = GeneratorRep(group, title, *images)
    _check(rep)
    return rep


def parse_matrices(values: Any, what: str) -> Matrices:
    """Nested tuples from nested lists or a tensor of square matrices.

    Raises:
        UsageError: If they are no finite square matrices of one size.
    """
    if isinstance(values, Sequence) and len(values) == 0:
        return ()
    try:
        tensor = torch.as_tensor(values, dtype=torch.float64).cpu()
    except (TypeError, ValueError, RuntimeError):
        raise UsageError(f"{what} expects a list of square matrices of numbers, all of one size") from None
    if tensor.ndim != 3 or tensor.shape[1] != tensor.shape[2] or tensor.numel() == 0:
        raise UsageError(f"{what} expects a list of square matrices, got shape {tuple(tensor.shape)}")
    if not bool(tensor.isfinite().all()):
        raise UsageError(f"{what} expects finite numbers")
    return tuple(tuple(tuple(row) for row in matrix) for matrix in tensor.tolist())


def _tensor(matrices: Matrices, size: int) -> Tensor:
    return torch.tensor(matrices, dtype=torch.float64).reshape(-1, size, size)


def _pairs(rep: GeneratorRep) -> tuple[Tensor, bool]:
    """Elements and images as blocks of one matrix; and whether they are all, or only generators and inverses."""
    h, images = rep.group.discrete_generators, rep._images[1]
    n, size = rep.group.dimension, rep.group.dimension + rep.dim
    one = torch.eye(size, dtype=torch.float64).unsqueeze(0)
    if len(h) == 0:
        return one, False
    blocks = torch.zeros(len(h), size, size, dtype=torch.float64)
    blocks[:, :n, :n], blocks[:, n:, n:] = h, images
    listed = list_elements(blocks)
    if listed is not None:
        return listed, True
    return torch.cat([one, blocks, torch.linalg.inv(blocks)]), False


@lru_cache(maxsize=32)
def _listing(rep: GeneratorRep) -> tuple[Tensor, Tensor]:
    pairs, _ = _pairs(rep)
    n = rep.group.dimension
    return pairs[:, :n, :n], pairs[:, n:, n:]


def _check(rep: GeneratorRep) -> None:
    """Raise unless products and commutators go to products and commutators."""
    group, (X, h) = rep.group, rep._images
    A = group.lie_algebra
    for place, matrix in enumerate(h):
        if not abs(float(torch.linalg.det(matrix))) > 1e-12:
            raise UsageError(f"{rep.title}: the image of generator {place} is singular; a representation is invertible")
    for i in range(len(A)):
        for j in range(i):
            miss = rep.algebra(A[i] @ A[j] - A[j] @ A[i]) - (X[i] @ X[j] - X[j] @ X[i])
            _refuse(miss, rep, f"the commutator of the images of algebra elements {j} and {i} is not its image")
    for k, (element, image) in enumerate(zip(group.discrete_generators, h, strict=True)):
        moved = element @ A @ torch.linalg.inv(element)
        miss = rep.algebra(moved) - image @ X @ torch.linalg.inv(image)
        _refuse(miss, rep, f"generator {k} does not conjugate the images of the algebra as it does the algebra")
    if not len(A) and group.order is not None and not _pairs(rep)[1]:
        raise UsageError(
            f"{rep.title} is not a representation of {group}: its matrices have endlessly many products, the group has"
            f" {group.order} elements"
        )
    elements, images = _listing(rep)
    same = torch.cdist(elements.flatten(1)[:2000], elements.flatten(1)) <= _CLOSE
    first, second = same.nonzero(as_tuple=True)
    _refuse(
        images[first] - images[second], rep, "two products of generators are equal, but those of their images are not"
    )


def _refuse(miss: Tensor, rep: GeneratorRep, reason: str) -> None:
    if miss.numel() and float(miss.abs().max()) > 1e-6:
        raise UsageError(
            f"{rep.title} is not a representation of {rep.group}: {reason} (by {float(miss.abs().max()):.2g})"
        )
