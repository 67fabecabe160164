"""Irreps of a direct product G x H: tensor products of those of the factors, or halves or quarters of them.

rho (x) sigma has the endomorphisms End(rho) (x) End(sigma): it is irreducible when one of them is R; C (x) C = C + C
makes two inequivalent halves, C (x) H two equivalent ones, H (x) H = M_4(R) four. Each is an eigenspace of J (x) J'.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor

from intertwine._cached_constant import cached_constant
from intertwine.groups import DirectProduct, FiniteDirectProduct, Irrep, Kind, Rep, factor_embeddings
from intertwine.reps._composite import batched_kron, direct_sum
from intertwine.reps.irreps._irrep_table import LARGEST_ORDER, IrrepTable, UnknownIrreps, irrep_table
from intertwine.reps.solve import canonical_basis


@dataclass(frozen=True, repr=False)
class ProductIrrep(Irrep):
    """An irrep of G x H inside the product of an irrep of G and one of H.

    Args:
        group: G * H.
        left: An irrep of G.
        right: An irrep of H.
        sign: +1 or -1 for the halves of two irreps of the complex kind, else 0.
    """

    left: Irrep
    right: Irrep
    sign: int = 0

    @property
    def _kinds(self) -> tuple[Kind, ...]:
        return tuple(sorted((self.left.kind, self.right.kind)))

    @property
    def dim(self) -> int:
        """The product of the dimensions, halved for two complex kinds and for one, quartered for two quaternionic."""
        parts = 1 if "real" in self._kinds else 4 if self._kinds[0] == "quaternionic" else 2
        return self.left.dim * self.right.dim // parts

    @property
    def label(self) -> str:
        """Both labels, "(1,A)"; a sign behind tells the halves apart."""
        return f"({self.left.label},{self.right.label})" + {0: "", 1: "+", -1: "-"}[self.sign]

    @property
    def key(self) -> tuple[int, ...]:
        """By the left irrep, then by the right one."""
        return (*self.left.key, *self.right.key, -self.sign)

    @property
    def kind(self) -> Kind:
        """Real times real and quaternionic times quaternionic are real; complex with anything is complex."""
        if "complex" in self._kinds:
            return "complex"
        return "quaternionic" if set(self._kinds) == {"real", "quaternionic"} else "real"

    @property
    def endomorphisms(self) -> Tensor:
        """Those of a factor: ``(e, dim, dim)``."""
        if self.kind == "real":
            return super().endomorphisms
        found = _endomorphisms(self)
        found[0] = torch.eye(self.dim, dtype=torch.float64)
        return found

    @property
    def generators(self) -> Tensor:
        """The derivative along the Lie algebra of G, then of H: ``(d, dim, dim)``."""
        one_left = torch.eye(self.left.dim, dtype=torch.float64)
        one_right = torch.eye(self.right.dim, dtype=torch.float64)
        both = [batched_kron(self.left.generators, one_right), batched_kron(one_left, self.right.generators)]
        return self._compress(torch.cat(both))

    def matrix(self, g: Tensor) -> Tensor:
        """The matrices, ``(..., dim, dim)``, of the dtype and device of g."""
        assert isinstance(self.group, DirectProduct), "a product irrep has a product group"
        a, b = self.group.factors(g)
        return self._compress(batched_kron(self.left.matrix(a), self.right.matrix(b)))

    def _compress(self, matrix: Tensor) -> Tensor:
        if "real" in self._kinds:
            return matrix
        basis = _isometry(self).to(matrix)
        return basis.T @ matrix @ basis


@cached_constant
def _isometry(irrep: ProductIrrep) -> Tensor:
    """The joint eigenspace of J (x) J' that an irrep is, ``(dim left dim right, dim)``."""
    left, right = irrep.left.endomorphisms[1:], irrep.right.endomorphisms[1:]
    projection = torch.eye(irrep.left.dim * irrep.right.dim, dtype=torch.float64)
    for a, b in list(zip(left, right, strict=False))[:2]:
        one = torch.eye(len(projection), dtype=torch.float64)
        projection = projection @ (one + (irrep.sign or 1) * batched_kron(a, b)) / 2
    vectors = torch.linalg.eigh((projection + projection.T) / 2).eigenvectors[:, -irrep.dim :]
    return canonical_basis(vectors.T).T


@cached_constant
def _endomorphisms(irrep: ProductIrrep) -> Tensor:
    """The algebra of one factor that is not real, inside the irrep; the complex one where there is one."""
    left, right = irrep.left, irrep.right
    if left.kind == irrep.kind:
        return irrep._compress(batched_kron(left.endomorphisms, torch.eye(right.dim, dtype=torch.float64)))
    return irrep._compress(batched_kron(torch.eye(left.dim, dtype=torch.float64), right.endomorphisms))


class ProductIrrepTable(IrrepTable):
    """Pairs of labels: "(1o,A1)"."""

    def __init__(self, group: DirectProduct) -> None:
        super().__init__(group)
        self._product = group
        self._left, self._right = irrep_table(group.left), irrep_table(group.right)
        self.pattern = rf"\((?:{self._left.pattern}),(?:{self._right.pattern})\)[+-]?"
        self.example = f"2x({self._left.trivial.label},{self._right.trivial.label})"

    @property
    def trivial(self) -> Irrep:
        """Both trivial."""
        return ProductIrrep(self.group, self._left.trivial, self._right.trivial)

    @property
    def vector(self) -> Rep:
        """The sum of both defining reps, each lifted to the product."""
        left, right = self.lift(self._left.vector, onto="left"), self.lift(self._right.vector, onto="right")
        return super().vector if left is None or right is None else left + right

    def lift(self, rep: Rep, onto: str) -> Rep | None:
        """A sum of irreps of one factor as a sum of irreps of the product; None where it is not written as a sum."""
        if rep.irreps is None:
            return None
        if onto == "left":
            terms = [(copies, ProductIrrep(self.group, irrep, self._right.trivial)) for copies, irrep in rep.irreps]
        else:
            terms = [(copies, ProductIrrep(self.group, self._left.trivial, irrep)) for copies, irrep in rep.irreps]
        return direct_sum(self.group, terms)

    def read(self, *label: object) -> Irrep | None:
        """A text "(a,b)", or both labels."""
        sign = ""
        if len(label) == 1:
            text = str(label[0])
            text, sign = (text[:-1], text[-1]) if text[-1:] in ("+", "-") else (text, "")
            if not (text.startswith("(") and text.endswith(")")):
                return None
            heads = [(k, text[1:k]) for k, letter in enumerate(text) if letter == ","]
            pairs = [
                (head.strip(), text[k + 1 : -1].strip()) for k, head in heads if head.count("(") == head.count(")")
            ]
        else:
            pairs = [(str(label[0]), str(label[1]))] if len(label) == 2 else []
        for left_label, right_label in pairs:
            left, right = self._left.read(left_label), self._right.read(right_label)
            if left is not None and right is not None:
                halves = {irrep.label: irrep for irrep in self._pair(left, right)}
                return halves.get(f"({left.label},{right.label}){sign}")
        return None

    def _pair(self, left: Irrep, right: Irrep) -> list[Irrep]:
        signs = (1, -1) if left.kind == right.kind == "complex" else (0,)
        return [ProductIrrep(self.group, left, right, sign) for sign in signs]

    def product(self, left: Irrep, right: Irrep) -> tuple[Tensor, Rep] | None:
        """Clebsch-Gordan on each factor, where both have it in closed form and all irreps that occur are real."""
        assert isinstance(left, ProductIrrep), "a table of product irreps multiplies product irreps"
        assert isinstance(right, ProductIrrep), "a table of product irreps multiplies product irreps"
        over_left = self._left.product(left.left, right.left)
        over_right = self._right.product(left.right, right.right)
        if over_left is None or over_right is None:
            return None
        (Q, left_rep), (P, right_rep) = over_left, over_right
        terms = [[irrep for copies, irrep in rep.irreps or () for _ in range(copies)] for rep in (left_rep, right_rep)]
        if any(
            irrep.kind != "real" for irrep in (left.left, left.right, right.left, right.right, *terms[0], *terms[1])
        ):
            return None
        shape = left.left.dim, right.left.dim, left.right.dim, right.right.dim
        columns, found = [], []
        for a, q in zip(terms[0], Q.split([irrep.dim for irrep in terms[0]], dim=1), strict=True):
            for b, p in zip(terms[1], P.split([irrep.dim for irrep in terms[1]], dim=1), strict=True):
                both = torch.kron(q, p).reshape(*shape, -1).transpose(1, 2)
                columns.append(both.reshape(left.dim * right.dim, -1))
                found.append((1, ProductIrrep(self.group, a, b)))
        return torch.cat(columns, dim=1), direct_sum(self.group, found)

    def describe_labels(self) -> str:
        """The labels of both."""
        return f'pairs "(a,b)" of a: {self._left.describe_labels()} and b: {self._right.describe_labels()}'

    def __iter__(self) -> Iterator[Irrep]:
        if self._product.right.order is not None:
            for left in self._left:
                for right in self._right:
                    yield from self._pair(left, right)
            return
        if self._product.left.order is not None:
            for right in self._right:
                for left in self._left:
                    yield from self._pair(left, right)
            return
        lefts: list[Irrep] = []
        rights: list[Irrep] = []
        endless_left, endless_right = iter(self._left), iter(self._right)
        for total in count():  # along the diagonals
            lefts.append(next(endless_left))
            rights.append(next(endless_right))
            for k in range(total + 1):
                yield from self._pair(lefts[k], rights[total - k])

    def candidates(self, rep: Rep) -> Iterator[Irrep]:
        """Pairs of what can occur in the rep restricted to each factor."""
        into_left, into_right = factor_embeddings(self._product)
        rights = list(self._right.candidates(rep.restrict(into_right)))
        for left in self._left.candidates(rep.restrict(into_left)):
            for right in rights:
                yield from self._pair(left, right)


@irrep_table.register
def product_irrep_table(group: DirectProduct) -> IrrepTable:
    """Pairs of irreps where those of both factors are known; else what is known of any group."""
    known = irrep_table(group.left).complete and irrep_table(group.right).complete
    return ProductIrrepTable(group) if known else UnknownIrreps(group)


@irrep_table.register
def finite_product_irrep_table(group: FiniteDirectProduct) -> IrrepTable:
    """As of any direct product, up to 1000 elements."""
    return product_irrep_table(group) if group.order <= LARGEST_ORDER else UnknownIrreps(group)
