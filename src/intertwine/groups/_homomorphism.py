"""Homomorphisms between matrix groups: inclusions, embeddings, projections, the double cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from intertwine.groups._affine import AffineGroup
from intertwine.groups._classical import SU2
from intertwine.groups._group import Group, Homomorphism
from intertwine.groups._orthogonal import SO3
from intertwine.groups._products import DirectProduct


@dataclass(frozen=True)
class Inclusion(Homomorphism):
    """A subgroup in its group: the same matrices.

    Raises:
        ValueError: If the generators of the source do not lie in the target.
    """

    def __post_init__(self) -> None:
        _check_image(self)

    def __call__(self, h: Tensor) -> Tensor:
        """The matrices themselves."""
        self.source.check_shape(h)
        return h

    def derivative(self, X: Tensor) -> Tensor:
        """The matrices themselves."""
        self.source.check_shape(X)
        return X


@dataclass(frozen=True)
class Embedding(Homomorphism):
    """A smaller group in a subspace of a larger one: h -> P h P^T + 1 - P P^T, with orthonormal columns P.

    Args:
        source: A group of m x m matrices.
        target: A group of n x n matrices.
        frame: P, ``(n, m)``, as a tensor or nested lists.

    Raises:
        ValueError: If the frame is not of this shape, not orthonormal, or leads out of the target.

    Example:
        >>> from intertwine.groups import SO2, SO3
        >>> about_z = Embedding(SO2(), SO3(), torch.eye(3)[:, :2])
        >>> about_z(SO2().sample()).shape
        torch.Size([3, 3])
    """

    frame: tuple[tuple[float, ...], ...]

    def __init__(self, source: Group, target: Group, frame: Tensor | Sequence[Sequence[float]]) -> None:
        matrix = torch.as_tensor(frame, dtype=torch.float64, device="cpu").detach()
        expected = (target.dimension, source.dimension)
        if matrix.shape != expected:
            raise ValueError(f"the frame of {source} in {target} is {expected}, got {tuple(matrix.shape)}")
        if float((matrix.T @ matrix - torch.eye(expected[1], dtype=torch.float64)).abs().max()) > 1e-8:
            raise ValueError("the columns of a frame are orthonormal; these are not")
        object.__setattr__(self, "source", source)
        object.__setattr__(self, "target", target)
        object.__setattr__(self, "frame", tuple(tuple(row) for row in matrix.tolist()))
        _check_image(self)

    def __call__(self, h: Tensor) -> Tensor:
        """P h P^T + 1 - P P^T."""
        self.source.check_shape(h)
        p = torch.tensor(self.frame, dtype=h.dtype, device=h.device)
        return p @ h @ p.T + torch.eye(len(p), dtype=h.dtype, device=h.device) - p @ p.T

    def derivative(self, X: Tensor) -> Tensor:
        """P X P^T."""
        self.source.check_shape(X)
        p = torch.tensor(self.frame, dtype=X.dtype, device=X.device)
        return p @ X @ p.T


@dataclass(frozen=True)
class Projection(Homomorphism):
    """A direct product onto one of its factors. Made by ``left_projection`` and ``right_projection``."""

    start: int

    def __call__(self, h: Tensor) -> Tensor:
        """The block."""
        self.source.check_shape(h)
        stop = self.start + self.target.dimension
        return h[..., self.start : stop, self.start : stop]

    def derivative(self, X: Tensor) -> Tensor:
        """The block."""
        return self(X)


def left_projection(product: DirectProduct) -> Projection:
    """G x H -> G."""
    return Projection(product, product.left, 0)


def right_projection(product: DirectProduct) -> Projection:
    """G x H -> H."""
    return Projection(product, product.right, product.left.dimension)


def factor_embeddings(product: DirectProduct) -> tuple[Embedding, Embedding]:
    """G -> G x H and H -> G x H, the other factor being the identity."""
    one, m = product.identity, product.left.dimension
    return Embedding(product.left, product, one[:, :m]), Embedding(product.right, product, one[:, m:])


@dataclass(frozen=True)
class LinearPart(Homomorphism):
    """R^n x| H -> H: the linear part of a motion; along it the reps of H become reps of the motions.

    Args:
        source: An affine group, such as SE3().

    Example:
        >>> from intertwine.groups import SE3
        >>> LinearPart(SE3()).target
        SO3()
    """

    def __init__(self, source: AffineGroup) -> None:
        object.__setattr__(self, "source", source)
        object.__setattr__(self, "target", source.linear)

    def __repr__(self) -> str:
        return f"LinearPart({self.source!r})"

    def __call__(self, h: Tensor) -> Tensor:
        """The upper left block."""
        self.source.check_shape(h)
        return h[..., :-1, :-1]

    def derivative(self, X: Tensor) -> Tensor:
        """The upper left block."""
        return self(X)


@dataclass(frozen=True)
class DoubleCover(Homomorphism):
    """SU(2) -> SO(3): the unit quaternion q becomes the rotation v -> q v q^-1; q and -q the same one.

    Example:
        >>> cover, q = DoubleCover(), SU2().sample()
        >>> bool(torch.allclose(cover(q), cover(-q)))
        True
    """

    def __init__(self) -> None:
        object.__setattr__(self, "source", SU2())
        object.__setattr__(self, "target", SO3())

    def __repr__(self) -> str:
        return "DoubleCover()"

    def __call__(self, h: Tensor) -> Tensor:
        """L_q R_q^T on the imaginary quaternions."""
        self.source.check_shape(h)
        conjugate = torch.diag(torch.tensor([1, -1, -1, -1], dtype=h.dtype, device=h.device))
        # R_q = C L_q^T C: multiplication from the right is that from the left, conjugated.
        return (h @ (conjugate @ h @ conjugate))[..., 1:, 1:]

    def derivative(self, X: Tensor) -> Tensor:
        """The rotation with the same coordinates."""
        return cast("SO3", self.target).hat(self.source.coordinates(X))


def _check_image(f: Homomorphism) -> None:
    """Refuse a map whose generators leave the target."""
    if isinstance(f, Inclusion) and f.source.dimension != f.target.dimension:
        raise ValueError(
            f"{f.source} has matrices of size {f.source.dimension}, {f.target} of size {f.target.dimension}: say how it"
            " lies in there by an Embedding"
        )
    image = f.derivative(f.source.lie_algebra)
    inside = torch.allclose(f.target.hat(f.target.coordinates(image)), image, atol=1e-8) if len(image) else True
    discrete = f.source.discrete_generators
    if not inside or (len(discrete) and not bool(f.target.contains(f(discrete)).all())):
        raise ValueError(f"{f.source} is not a subgroup of {f.target} there: a generator leaves it")
