"""Pointwise nonlinearities of band-limited functions on a compact group, sampled at elements of the group."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor

from intertwine.groups import O2, O3, SO2, SO3, Cyclic, Dihedral, FiniteGroup, Group
from intertwine.nn._constant import Constant
from intertwine.nn.grid._layer import GridLayer, join_terms, split_axis, split_terms
from intertwine.nn.grid._nonlinear import Pointwise, pointwise_function
from intertwine.reps import Irrep, Rep, SO3Fourier, direct_sum


def band_limited_regular(group: Group, degree: int, copies: int = 1) -> Rep:
    """The representation on functions on a compact group of degrees up to a band limit; of a finite one, on all.

    By Peter and Weyl, d / e copies of every irrep of dimension d with an algebra of endomorphisms of dimension e.

    Args:
        group: SO(2), O(2), SO(3), O(3) or a finite group.
        degree: The highest degree; for a finite group the highest frequency of C_n and D_n, else all irreps are taken.
        copies: The number of functions.

    Returns:
        A sum of irreps, each with its copies for all functions together.

    Example:
        >>> from intertwine.groups import SO3
        >>> print(band_limited_regular(SO3(), 2))
        1x0 + 3x1 + 5x2
    """
    terms = [(copies * (irrep.dim // len(irrep.endomorphisms)), irrep) for irrep in _irreps(group, degree)]
    return direct_sum(group, terms)


class GridFourierNonlinearity(GridLayer):
    """Fields of functions on a group, given by Fourier coefficients, which pass a function pointwise.

        f_c(g) = sum_D x_cD . D(g)_D,      x -> S^+ a(S x)

    S samples the function at elements of the group, S^+ is its least-squares inverse. The copies of each irrep belong
    to the channels in order, as :func:`band_limited_regular` has them.

    Args:
        rep_in: Representation of input and output: ``band_limited_regular(group, degree, copies)``, or its text.
        function: ``"relu"``, ``"elu"``, ``"silu"``, ``"gelu"`` or ``"tanh"``.
        samples: A finite subgroup whose elements are sampled: exact under that subgroup. By default C_N or D_N with N
            the next multiple of four from ``oversampling (2 degree + 1)``, all of a finite group, and a quadrature for
            ``oversampling degree`` of SO(3) and O(3).
        oversampling: How many times more samples than coefficients there are.

    Raises:
        ValueError: If the copies are not those of functions, or there are fewer samples than coefficients.

    Law: ``f(rho(g) x) = rho(g) f(x)`` exactly for elements of a subgroup that is sampled, else up to aliasing, which
    falls with the oversampling: fast for smooth functions, as its inverse for ReLU.

    Reference: Weiler and Cesa, NeurIPS 2019; de Haan et al., Gauge equivariant mesh CNNs, ICLR 2021, section 5; Cesa,
    Lang, Weiler, ICLR 2022.

    Example:
        >>> from intertwine.groups import SO2
        >>> layer = GridFourierNonlinearity(SO2().rep("8x0 + 8x1 + 8x2"))
        >>> layer(torch.randn(2, 40, 5, 5)).shape, layer.sampling.value.shape
        (torch.Size([2, 40, 5, 5]), torch.Size([16, 5]))
    """

    def __init__(
        self,
        rep_in: Rep | str,
        function: Pointwise = "elu",
        *,
        samples: FiniteGroup | None = None,
        oversampling: int = 3,
    ) -> None:
        super().__init__(rep_in, rep_in)
        self._function, self.function = pointwise_function(function), function
        irreps = self.rep_in.irreps
        if irreps is None or len({irrep for _, irrep in irreps}) < len(irreps) or oversampling < 1:
            raise ValueError(
                f"a Fourier nonlinearity needs a sum of different irreps with their copies, and an oversampling of at "
                f"least 1, got {self.rep_in} and {oversampling}"
            )
        self._widths = [irrep.dim // len(irrep.endomorphisms) for _, irrep in irreps]
        channels = {copies / width for (copies, _), width in zip(irreps, self._widths, strict=True)}
        if len(channels) != 1 or not next(iter(channels)).is_integer():
            each = direct_sum(self.rep_in.group, [(w, i) for (_, i), w in zip(irreps, self._widths, strict=True)])
            raise ValueError(f"functions have a number of times {each}, got {self.rep_in}: see band_limited_regular")
        self.channels = int(next(iter(channels)))
        self._sizes = [(copies, irrep.dim) for copies, irrep in irreps]
        nodes, weights = _nodes(self.rep_in.group, samples, max(_degree(irrep) for _, irrep in irreps), oversampling)
        columns = []
        for (_, irrep), width in zip(irreps, self._widths, strict=True):
            matrix = irrep.matrix(nodes)[..., :: irrep.dim // width]  # N, dim, width
            columns.append(sqrt(width) * matrix.mT.flatten(1))
        sampling = torch.cat(columns, 1)
        if len(sampling) < sampling.shape[1]:
            raise ValueError(f"{sampling.shape[1]} coefficients need as many samples at least, got {len(sampling)}")
        root = weights.sqrt()[:, None]
        inverse = torch.linalg.pinv(root * sampling) * root.T
        scale = sampling.square().sum(1).mean().sqrt()  # unit coefficients have values of unit variance
        self.sampling, self.projection = Constant(sampling / scale), Constant(inverse * scale)

    def transform(self, fields: Tensor) -> Tensor:
        """Sample, apply the function, project back."""
        parts = split_terms(fields, self._sizes)
        sizes = [width * dim for width, (_, dim) in zip(self._widths, self._sizes, strict=True)]
        rows = [
            part.unflatten(1, (self.channels, width)).flatten(2, 3)
            for part, width in zip(parts, self._widths, strict=True)
        ]
        pixels = torch.cat(rows, 2).flatten(3)  # batch, channels, coefficients, pixels
        projected = self.projection() @ self._function(self.sampling() @ pixels)
        found = [
            block.unflatten(2, (width, dim)).flatten(1, 2).unflatten(-1, fields.shape[2:])
            for block, width, (_, dim) in zip(split_axis(projected, sizes, 2), self._widths, self._sizes, strict=True)
        ]
        return join_terms(found, fields)

    def extra_repr(self) -> str:
        """The representation, the function and the number of samples."""
        return f"{self.rep_in}, {self.function}, samples={len(self.sampling.value)}"


def _irreps(group: Group, degree: int) -> list[Irrep]:
    found = []
    for irrep in group.irreps():
        if isinstance(group, FiniteGroup):
            if getattr(irrep, "frequency", 0) <= degree:
                found.append(irrep)
        elif _degree(irrep) > degree:
            break
        else:
            found.append(irrep)
    return found


def _degree(irrep: Irrep) -> int:
    """The degree of an irrep of a continuous group, its frequency in the plane."""
    degree: int = getattr(irrep, "degree", getattr(irrep, "frequency", 0))
    return degree


def _nodes(group: Group, samples: FiniteGroup | None, degree: int, oversampling: int) -> tuple[Tensor, Tensor]:
    """The elements that are sampled, and their weights of sum one."""
    if samples is None:
        if isinstance(group, SO2):
            samples = Cyclic(_multiple_of_four(oversampling * (2 * degree + 1)))
        elif isinstance(group, O2):
            samples = Dihedral(_multiple_of_four(oversampling * (2 * degree + 1)))
        elif isinstance(group, FiniteGroup):
            samples = group
    if samples is not None:
        if not bool(group.contains(samples.elements).all()):
            raise ValueError(f"samples is a finite subgroup of {group}, got {samples}")
        nodes = samples.elements
        return nodes, torch.full((len(nodes),), 1 / len(nodes), dtype=torch.float64)
    if not isinstance(group, SO3 | O3):
        raise ValueError(f"functions on {group} have no samples by default: give samples, a finite subgroup of it")
    transform = SO3Fourier(oversampling * max(degree, 1))
    nodes, weights = transform.nodes, transform.weights
    return (
        (nodes, weights) if isinstance(group, SO3) else (torch.cat([nodes, -nodes]), torch.cat([weights, weights]) / 2)
    )


def _multiple_of_four(count: int) -> int:
    """The next one: rotations by 90 degrees are then among the samples."""
    return -(-count // 4) * 4
