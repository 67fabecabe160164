"""Linear maps to, on and from the regular representation of a finite group, each as one matrix of repeated weights.

The matrix is assembled in every call, which costs little beside the product with the features: no feature is copied
once for each element of the group.
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn

from intertwine.groups import FiniteGroup
from intertwine.nn._blocks import check_features
from intertwine.nn._constant import Constant
from intertwine.nn._same_group import same_group
from intertwine.nn.group._regular import RegularLayer, regular_copies
from intertwine.reps import Rep


def identity_neighborhood(group: FiniteGroup) -> Tensor:
    """The elements near the identity, which comes first: the nearest classes, with their inverses, that generate.

    Nearest is by the trace, which for rotations is by the angle. A class is taken if it enlarges what is generated.

    Args:
        group: A finite group of orthogonal matrices.

    Returns:
        ``(H,)`` indices, int64. Closed under conjugation and inverses.

    Reference: Chen et al., Equivariant point network, CVPR 2021: the 72 degree rotations of the icosahedron.

    Example:
        >>> from intertwine.groups import Cyclic, Icosahedral, Octahedral
        >>> [len(identity_neighborhood(group)) for group in (Cyclic(8), Octahedral(), Icosahedral())]
        [3, 7, 13]
    """
    if not group.orthogonal:
        raise ValueError(f"elements near the identity are those of a group of orthogonal matrices; {group} is not one")
    elements, inverses, class_of = group.elements, group.inverses, group.class_of
    traces = elements.diagonal(dim1=-2, dim2=-1).sum(-1).round(decimals=6)
    found, generated = [0], 1
    for g in torch.argsort(-traces, stable=True).tolist():
        members = ((class_of == class_of[g]) | (class_of == class_of[inverses[g]])).nonzero().flatten().tolist()
        reached = group.subgroup(elements[[*found, *members]]).order
        if reached > generated:
            found, generated = [*found, *members], reached
    return torch.tensor(found, dtype=torch.int64)


class IntraGroupConv(RegularLayer):
    """Convolution over the group at each point, acting from the right, where it commutes with the action.

        (F * h)(x, g) = sum_{h in N(e)} F(x, g h) W_h

    Args:
        rep_in: Copies of the regular representation of a finite group.
        rep_out: Copies of the same.
        elements: N(e), indices into ``group.elements``; by default :func:`identity_neighborhood`, 13 of the
            icosahedron's 60. All of them make the most general equivariant map.

    Raises:
        ValueError: If the representations are others or of two groups.

    Law: ``f(rho(g) x) = rho(g) f(x)``, exactly.

    Cost: one product with a matrix ``(C_in |G|, C_out |G|)``, which is dense: measured, that is faster than H gathers.

    Reference: Chen et al., Equivariant point network, CVPR 2021, the intra-rotation convolution.

    Example:
        >>> from intertwine.groups import Icosahedral
        >>> layer = IntraGroupConv(2 * Icosahedral().regular, 3 * Icosahedral().regular)
        >>> layer.weight.shape  # 13 avg_num_neighbors
        torch.Size([13, 2, 3])
    """

    weight_index: Tensor

    def __init__(self, rep_in: Rep | str, rep_out: Rep | str, *, elements: Tensor | None = None) -> None:
        super().__init__(rep_in, rep_out)
        group, copies = regular_copies(self.rep_out)
        self.elements = identity_neighborhood(group) if elements is None else elements
        size = len(self.elements)
        self.weight = nn.Parameter(torch.empty(size, self.copies, copies, dtype=torch.float32))
        self.bias = nn.Parameter(torch.zeros(copies, dtype=torch.float32))
        # From the value at k to that at g leads h = g^-1 k; elements outside N(e) read a row of zeros.
        index = torch.full((self.order,), size, dtype=torch.int64)
        index[self.elements] = torch.arange(size)
        steps = group.multiplication_table[group.inverses].T  # [k, g]
        self.register_buffer("weight_index", index[steps], persistent=False)
        nn.init.normal_(self.weight, std=1 / sqrt(size * self.copies))

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(..., C_in |G|)`` to ``(..., C_out |G|)``."""
        check_features(features, self._size, self._text, "IntraGroupConv")
        padded = torch.cat([self.weight, torch.zeros_like(self.weight[:1])])
        matrix = padded[self.weight_index].permute(2, 0, 3, 1).flatten(2).flatten(0, 1)  # k g c o -> (c k) (o g)
        return features @ matrix + self.bias.repeat_interleave(self.order)


class LiftToGroup(nn.Module):
    """The lifting layer, from any representation to functions on the group.

        F(g) = W rho(g)^-1 f + b

    Scalars give the same for all g; vectors, such as normals and positions, their coordinates in the frame g. These are
    all equivariant linear maps.

    Args:
        rep_in: Any representation of a finite group, or its text.
        rep_out: Copies of its regular representation.

    Raises:
        ValueError: If ``rep_out`` is another representation or of another group.

    Law: ``f(rho_in(g) x) = rho_out(g) f(x)``, exactly.

    Reference: Frobenius reciprocity, Hom_G(rho, regular) = rho*; Cohen and Welling, ICML 2016, eq. 10, for the lift.

    Example:
        >>> from intertwine.groups import Cyclic
        >>> layer = LiftToGroup(Cyclic(4).vector, Cyclic(4).regular)
        >>> _ = torch.nn.init.ones_(layer.weight)
        >>> layer(torch.tensor([1.0, 0.0])).tolist()  # x + y of (1, 0) in frames rotated by 0, 90, 180, 270 deg
        [1.0, -1.0, -1.0, 1.0]
    """

    def __init__(self, rep_in: Rep | str, rep_out: Rep | str) -> None:
        super().__init__()
        rep_in, rep_out = same_group("LiftToGroup", rep_in=rep_in, rep_out=rep_out)
        group, self.copies = regular_copies(rep_out)
        self.rep_in, self.rep_out, self.order = rep_in, rep_out, group.order
        self._size, self._text = rep_in.dim, str(rep_in)
        self.transformed = _TransformedWeights(rep_in, group.inverse(group.elements))
        self.weight = nn.Parameter(torch.empty(rep_in.dim, self.copies, dtype=torch.float32))
        self.bias = nn.Parameter(torch.zeros(self.copies, dtype=torch.float32))
        nn.init.normal_(self.weight, std=1 / sqrt(max(1, rep_in.dim)))

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(..., rep_in.dim)`` to ``(..., C |G|)``."""
        check_features(features, self._size, self._text, "LiftToGroup")
        matrix = self.transformed(self.weight, transposed=True).permute(1, 2, 0).flatten(1)
        result: Tensor = features @ matrix + self.bias.repeat_interleave(self.order)
        return result

    def extra_repr(self) -> str:
        """The two representations."""
        return f"{self.rep_in} -> {self.rep_out}"


class ProjectFromGroup(RegularLayer):
    """The projection layer, from functions on the group to any representation.

        y = sum_g rho_out(g) W F(g)

    These are all equivariant linear maps.

    Args:
        rep_in: Copies of the regular representation of a finite group.
        rep_out: Any representation of it, or its text, such as ``O3().rep("1x1o").restrict(group)``.
        gain: Scale of the output at initialization, for independent inputs of unit variance.

    Raises:
        ValueError: If ``rep_in`` is another representation or ``rep_out`` is of another group.

    Law: ``f(rho_in(g) x) = rho_out(g) f(x)``, exactly.

    Example:
        >>> from intertwine.groups import Cyclic
        >>> layer = ProjectFromGroup(Cyclic(4).regular, Cyclic(4).vector)
        >>> _ = torch.nn.init.ones_(layer.weight)
        >>> layer(torch.tensor([0.0, 1.0, 0.0, 0.0])).tolist()  # (1, 1), rotated by 90 deg
        [-1.0, 1.0]
    """

    def __init__(self, rep_in: Rep | str, rep_out: Rep | str, *, gain: float = 1.0) -> None:
        super().__init__(rep_in, rep_out)
        self.transformed = _TransformedWeights(self.rep_out, self.group.elements)
        self.weight = nn.Parameter(torch.empty(self.rep_out.dim, self.copies, dtype=torch.float32))
        nn.init.normal_(self.weight, std=gain / sqrt(max(1, self.copies * self.order)))

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(..., C |G|)`` to ``(..., rep_out.dim)``."""
        check_features(features, self._size, self._text, "ProjectFromGroup")
        result: Tensor = features @ self.transformed(self.weight).permute(2, 0, 1).flatten(0, 1)
        return result


class _TransformedWeights(nn.Module):
    """rho(g) W for every g of a list, block by block of the representation."""

    def __init__(self, rep: Rep, elements: Tensor) -> None:
        super().__init__()
        terms = rep.terms
        self.sizes = [(copies, term.dim) for copies, term in terms]
        self.matrices = nn.ModuleList(Constant(term.matrix(elements)) for _, term in terms)
        self.count = len(elements)

    def forward(self, weight: Tensor, transposed: bool = False) -> Tensor:
        """Map W ``(dim, C)`` to rho(g) W, or rho(g)^T W, ``(|G|, dim, C)``."""
        blocks = weight.split([copies * width for copies, width in self.sizes])
        transformed = [weight.new_zeros(self.count, 0, weight.shape[1])]
        for block, (copies, width), constant in zip(blocks, self.sizes, self.matrices, strict=True):
            matrices = constant().mT if transposed else constant()
            spread = block.unflatten(0, (copies, width)).transpose(0, 1).flatten(1)  # width, copies C
            product = (matrices @ spread).unflatten(2, (copies, -1)).transpose(1, 2)
            transformed.append(product.flatten(1, 2))
        return torch.cat(transformed, 1)
