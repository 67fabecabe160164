"""Element of G x T x S_n: matrix, translation and permutations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import torch
from torch import Tensor

from intertwine.groups import Group, Rep

_NONE: Mapping[str, Tensor] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Transform:
    """One element (g, t, p) of G x T x S_n: x_i -> g x_{p(i)} + t.

    The product ``a @ b`` applies b first:

        (g, t, p) (h, s, q) = (g h, g s + t, q p)

    Attributes:
        linear: ``(n, n)`` float64, the element g in the group's defining matrices; None if only indices are permuted.
        translation: ``(n,)`` float64, in the unit of the positions, or None for no translation.
        permutation: ``(N,)`` int64, new row i is old row ``permutation[i]``, or None for the identity.
        permutations: The same for other sets of indices, by name: ``{"rows": ..., "columns": ...}``.
    """

    linear: Tensor | None = None
    translation: Tensor | None = None
    permutation: Tensor | None = None
    permutations: Mapping[str, Tensor] = field(default_factory=lambda: _NONE)
    _matrices: dict[Rep, Tensor] = field(default_factory=dict, init=False, repr=False)
    _identities: dict[Rep, bool] = field(default_factory=dict, init=False, repr=False)

    def matrix(self, rep: Rep) -> Tensor:
        """rho(g), ``(rep.dim, rep.dim)`` float64, computed once for each representation.

        Raises:
            ValueError: If there is no g.
        """
        if self.linear is None:
            raise ValueError(
                f"the transform has no element of {rep.group.name}: sample it with an action of that group"
            )
        if rep not in self._matrices:
            self._matrices[rep] = rep.matrix(self.linear)
        return self._matrices[rep]

    def fixes(self, rep: Rep) -> bool:
        """Whether rho(g) is exactly the identity matrix, looked up once for each representation."""
        if rep not in self._identities:
            if self.linear is not None and not self.linear.requires_grad and _is_identity(self.linear):
                return self._identities.setdefault(rep, True)  # rho(1) = 1
            matrix = self.matrix(rep)
            identity = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
            self._identities[rep] = not matrix.requires_grad and torch.equal(matrix, identity)
        return self._identities[rep]

    def __matmul__(self, other: Transform) -> Transform:
        translation = self.translation
        if other.translation is not None:
            rotated = other.translation if self.linear is None else self.linear @ other.translation
            translation = rotated if translation is None else rotated + translation
        names = [*self.permutations, *(name for name in other.permutations if name not in self.permutations)]
        named = {name: _compose(self.permutations.get(name), other.permutations.get(name)) for name in names}
        return Transform(
            _product(self.linear, other.linear),
            translation,
            _compose(self.permutation, other.permutation),
            {name: order for name, order in named.items() if order is not None},
        )

    @property
    def inverse(self) -> Transform:
        """The inverse transform."""
        linear = None if self.linear is None else torch.linalg.inv(self.linear)
        translation = self.translation
        if translation is not None:
            translation = -translation if linear is None else -(linear @ translation)
        return Transform(
            linear,
            translation,
            None if self.permutation is None else torch.argsort(self.permutation),
            {name: torch.argsort(order) for name, order in self.permutations.items()},
        )

    def only(self, law: str) -> Transform:
        """The factor of this transform that belongs to one law; the others become the identity.

        Args:
            law: ``"rotation"`` (the group's element), ``"translation"``, ``"permutation"``, the name of a set of
                indices, or ``"all"``.

        Returns:
            The transform with that factor alone.

        Raises:
            ValueError: If there is no such law.
        """
        if law == "all":
            return self
        if law not in ("rotation", "translation", "permutation", *self.permutations):
            known = ", ".join(["rotation", "translation", "permutation", *self.permutations, "all"])
            raise ValueError(f'no law "{law}"; known: {known}')
        linear = self.linear
        if linear is not None and law != "rotation":
            linear = torch.eye(linear.shape[-1], dtype=linear.dtype, device=linear.device)
        return Transform(
            linear,
            self.translation if law == "translation" else None,
            self.permutation if law == "permutation" else None,
            {name: order if name == law else order.sort().values for name, order in self.permutations.items()},
        )

    def merged(self, other: Transform) -> Transform:
        """This transform, with the factors that it lacks taken from another."""
        return replace(
            self,
            linear=other.linear if self.linear is None else self.linear,
            translation=other.translation if self.translation is None else self.translation,
            permutation=other.permutation if self.permutation is None else self.permutation,
            permutations={**other.permutations, **self.permutations},
        )

    def describe(self, group: Group | None = None) -> str:
        """Description in words, with the group's description of its element.

        Args:
            group: The group that ``linear`` belongs to.

        Returns:
            One line such as "rotation 171.2 deg about (0.11, -0.87, 0.48), translation 2.31".
        """
        words = []
        if self.linear is not None and not _is_identity(self.linear):
            words.append("a matrix" if group is None else group.describe(self.linear))
        if self.translation is not None:
            words.append(f"translation {float(self.translation.norm()):.2f}")
        if self.permutation is not None:
            words.append(_permuted(self.permutation, "rows"))
        words += [_permuted(order, name) for name, order in self.permutations.items() if not bool(_fixed(order).all())]
        return ", ".join(words) or "identity"


def _product(left: Tensor | None, right: Tensor | None) -> Tensor | None:
    if left is None or right is None:
        return right if left is None else left
    return left @ right


def _compose(left: Tensor | None, right: Tensor | None) -> Tensor | None:
    """The permutation that applies the right one first."""
    if left is None or right is None:
        return right if left is None else left
    return right[left]


def _is_identity(g: Tensor) -> bool:
    return torch.equal(g, torch.eye(g.shape[-1], dtype=g.dtype, device=g.device))


def _fixed(order: Tensor) -> Tensor:
    return order == torch.arange(len(order), device=order.device)


def _permuted(order: Tensor, name: str) -> str:
    return f"{int((~_fixed(order)).sum())} of {len(order)} {name} permuted"
