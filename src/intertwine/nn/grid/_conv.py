"""Equivariant convolution of images and volumes, between fields of any representations."""

from __future__ import annotations

from math import sqrt
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from intertwine.hom import intertwiners
from intertwine.nn._constant import Constant
from intertwine.nn._same_group import same_group
from intertwine.nn.grid._basis import KernelBasis, default_basis
from intertwine.nn.grid._kernels import PairKernel, pair_kernel
from intertwine.nn.grid._layer import GridLayer
from intertwine.nn.grid._reflection import filter_reflection
from intertwine.ops import grid_convolution
from intertwine.reps import Rep, direct_sum

PaddingMode = Literal["zeros", "circular", "reflect", "replicate"]
_PAD = {"zeros": "constant", "circular": "circular", "reflect": "reflect", "replicate": "replicate"}


class GridConv(GridLayer):
    """All equivariant convolutions of images or volumes, for any group of rotations and reflections and any fields.

        (f * K)(x) = sum_z K(z) f(x + z) + b,      K(g z) = rho_out(g) K(z) rho_in(g)^-1

    With a trivial ``rep_in`` and a regular ``rep_out`` this is the lifting layer of a group convolutional network,
    between regular ones its group convolution, between irreps a steerable or harmonic convolution. The filter is linear
    in the weights and dense: a forward pass is that of ``torch.nn.Conv2d`` or ``Conv3d``, by Fourier transforms where
    that is faster (:func:`~intertwine.ops.grid_convolution`). In evaluation without gradients the filter is built once
    and kept until a weight changes.

    Args:
        rep_in: Representation of the channels that come in, or its text. The group determines the dimension: C_n, D_n,
            SO(2), O(2) act on images, the groups of the solids, SO(3), O(3) on volumes.
        rep_out: Representation of the channels that go out, of the same group, or its text.
        kernel_size: Pixels of the filter along each axis. Odd kernels keep the pixels where they are; even ones give
            values between them.
        stride: Distance of the outputs in pixels. The outputs must lie symmetrically, which depends on the size.
        padding: Pixels added on each side, or ``"same"`` for the size of the input.
        padding_mode: ``"zeros"``, ``"circular"``, ``"reflect"`` or ``"replicate"``.
        dilation: Distance of the pixels of the filter.
        groups: Number of blocks of channels that are convolved separately. Both representations must be this number of
            copies of one: ``groups=8`` between ``8 * C4.regular`` and itself is the depthwise convolution.
        bias: Whether the invariants of the output have a bias.
        basis: The functions that filters are made of; :class:`PixelBasis` where the group preserves the grid, else
            :class:`RingBasis`.
        gain: Scale of the output at initialization, for independent inputs of unit variance.

    Raises:
        ValueError: If the groups differ, the group moves neither plane nor space, or a size does not fit; in
            ``forward`` if the shape does not fit or the outputs of a stride lie off the center.

    Law: ``conv(rho_in(g) f(g^-1 x)) = rho_out(g) conv(f)(g^-1 x)``: exactly for rotations by 90 degrees and reflections
    of the grid that belong to the group, and for whole-pixel shifts away from the border; between them up to aliasing,
    which is small for smooth images.

    Reference: Cohen and Welling, ICML 2016; Weiler and Cesa, General E(2)-equivariant steerable CNNs, NeurIPS 2019;
    Cesa, Lang, Weiler, A program to build E(N)-equivariant steerable CNNs, ICLR 2022.

    Example:
        >>> from intertwine.groups import SO3, Cyclic
        >>> C8 = Cyclic(8)
        >>> lift = GridConv(3 * C8.trivial, 8 * C8.regular, kernel_size=7)
        >>> lift(torch.ones(1, 3, 28, 28)).shape
        torch.Size([1, 64, 22, 22])
        >>> volumes = GridConv(SO3().rep("1x0"), "2x0 + 1x1", kernel_size=3, padding="same")
        >>> volumes(torch.ones(1, 1, 9, 9, 9)).shape
        torch.Size([1, 5, 9, 9, 9])
    """

    zero: Tensor
    order_in: Tensor | None
    order_out: Tensor | None

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int | Literal["same"] = 0,
        padding_mode: PaddingMode = "zeros",
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        basis: KernelBasis | None = None,
        gain: float = 1.0,
    ) -> None:
        rep_in, rep_out = same_group("GridConv", rep_in=rep_in, rep_out=rep_out)
        super().__init__(rep_in, rep_out)
        if not (rep_in.orthogonal and rep_out.orthogonal):
            raise ValueError(f"GridConv needs orthogonal representations, got {rep_in} and {rep_out}")
        _check_sizes(kernel_size=kernel_size, stride=stride, dilation=dilation, groups=groups)
        if padding_mode not in _PAD:
            raise ValueError(f"padding_mode is one of {', '.join(_PAD)}, got {padding_mode!r}")
        self.kernel_size, self.stride, self.dilation, self.groups = kernel_size, stride, dilation, groups
        self.padding, self.padding_mode, self.gain = self._padding(padding), padding_mode, gain
        self.basis = default_basis(rep_in.group) if basis is None else basis
        terms_in, order_in = _gathered(_share(rep_in, groups))
        terms_out, order_out = _gathered(_share(rep_out, groups))
        self.register_buffer("order_in", order_in, persistent=False)
        self.register_buffer("order_out", order_out, persistent=False)
        self.weights, self.kernels = nn.ParameterList(), nn.ModuleList()
        self._routes: list[list[int | None]] = []
        pairs: list[tuple[Rep, Rep, PairKernel]] = []
        for copies_out, term_out in terms_out:
            routes: list[int | None] = []
            for copies_in, term_in in terms_in:
                kernel = pair_kernel(term_in, term_out, kernel_size, self.basis)
                routes.append(len(self.weights) if kernel.fan else None)
                if kernel.fan:
                    shape = (groups, copies_out, copies_in, *kernel.weight_shape)
                    self.weights.append(nn.Parameter(torch.empty(shape, dtype=torch.float32)))
                    self.kernels.append(kernel)
                    pairs.append((term_in, term_out, kernel))
            self._routes.append(routes)
        self._sizes_in = [(copies, term.dim) for copies, term in terms_in]
        self._sizes_out = [(copies, term.dim) for copies, term in terms_out]
        self._reflection = filter_reflection(self.rep_in, self.rep_out, pairs) if groups == 1 else None
        self._make_bias(bias)
        self.register_buffer("zero", torch.zeros((), dtype=torch.float32), persistent=False)
        self._frozen: tuple[list[Tensor], Tensor] | None = None
        self.reset_parameters()

    def _padding(self, padding: int | str) -> int:
        reach = self.dilation * (self.kernel_size - 1)
        if padding == "same":
            if reach % 2:
                raise ValueError(
                    f'padding="same" of kernel_size={self.kernel_size} adds more on one side than on the other, which '
                    "breaks rotations: use an odd kernel, or a number of pixels"
                )
            return reach // 2
        if not isinstance(padding, int) or isinstance(padding, bool) or padding < 0:
            raise ValueError(f'padding is a number of pixels, at least 0, or "same", got {padding!r}')
        return padding

    def _make_bias(self, bias: bool) -> None:
        """A bias for each invariant vector of each copy of each term of the output."""
        trivial = self.rep_out.group.trivial
        vectors = torch.zeros(0, 0, dtype=torch.float64)
        if bias:
            blocks = []
            for copies, term in self.rep_out.terms:
                fixed = intertwiners(trivial, term)[..., 0] * sqrt(term.dim)
                blocks += [fixed] * copies
            vectors = torch.block_diag(*blocks) if blocks else vectors
        self.bias = nn.Parameter(torch.empty(len(vectors), dtype=torch.float32)) if len(vectors) else None
        self.invariants = Constant(vectors) if len(vectors) else None

    def reset_parameters(self) -> None:
        """Normal weights that give independent unit inputs the scale ``gain``; zero bias."""
        for routes in self._routes:
            used = [w for w in routes if w is not None]
            fan = sum(self.weights[w].shape[2] * self.kernels[w].fan for w in used)
            for w in used:
                nn.init.normal_(self.weights[w], std=self.gain / sqrt(fan))
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    @property
    def circular(self) -> bool:
        """Whether the padding wraps around and no stride skips pixels."""
        return self.padding_mode == "circular" and self.stride == 1

    def filter(self) -> Tensor:
        """The dense filter ``(rep_out.dim, rep_in.dim / groups, ...)``, as that of ``torch.nn.functional.conv2d``."""
        with torch.autocast(self.zero.device.type, enabled=False):
            rows = [self._row(o, routes) for o, routes in enumerate(self._routes)]
            whole = torch.cat(rows, 1) if len(rows) != 1 else rows[0]
            for axis, order in ((1, self.order_out), (2, self.order_in)):
                if order is not None:
                    whole = whole.index_select(axis, order)
            pixels = (self.kernel_size,) * self.dimension
            result: Tensor = whole.flatten(0, 1).unflatten(-1, pixels)
            return result

    def _row(self, o: int, routes: list[int | None]) -> Tensor:
        """The filters ``(groups, copies dim_out, all dim_in, pixels)`` of one term of the output."""
        copies_out, dim_out = self._sizes_out[o]
        pixels = self.kernel_size**self.dimension
        blocks = []
        for (copies_in, dim_in), w in zip(self._sizes_in, routes, strict=True):
            if w is None:
                shape = (self.groups, copies_out * dim_out, copies_in * dim_in, pixels)
                blocks.append(self.zero.new_zeros(shape))
            else:
                filters = self.kernels[w](self.weights[w])  # groups, copies_out, copies_in, dim_out, dim_in, pixels
                blocks.append(
                    filters.transpose(2, 3).reshape(self.groups, copies_out * dim_out, copies_in * dim_in, pixels)
                )
        return torch.cat(blocks, 2) if len(blocks) != 1 else blocks[0]

    def _kept_filter(self) -> Tensor:
        """The filter, kept between calls in evaluation without gradients while the weights have the same values."""
        if self.training or torch.is_grad_enabled() or torch.compiler.is_compiling():
            return self.filter()
        weights = [weight.detach() for weight in self.weights]
        if self._frozen is not None and _same_values(self._frozen[0], weights):
            return self._frozen[1]
        found = self.filter()
        self._frozen = ([weight.clone() for weight in weights], found)
        return found

    def train(self, mode: bool = True) -> GridConv:
        """Set the mode and drop the kept filter."""
        self._frozen = None
        return super().train(mode)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_frozen": None}

    def bias_vector(self) -> Tensor | None:
        """The bias of every channel, ``(rep_out.dim,)``."""
        return None if self.bias is None or self.invariants is None else self.bias @ self.invariants()

    def transform(self, fields: Tensor) -> Tensor:
        """The convolution."""
        padding = self.padding
        if self.padding_mode != "zeros" and padding:
            fields, padding = functional.pad(fields, [padding] * 2 * self.dimension, _PAD[self.padding_mode]), 0
        return grid_convolution(
            fields,
            self._kept_filter(),
            self.bias_vector(),
            stride=self.stride,
            padding=padding,
            dilation=self.dilation,
            groups=self.groups,
            reflection=self._reflection,
        )

    def check(self, fields: Tensor) -> None:
        """Check the shape, and that the outputs lie symmetrically about the center.

        Raises:
            ValueError: If the input is smaller than the kernel, or the stride leaves pixels at one side.
        """
        super().check(fields)
        reach = self.dilation * (self.kernel_size - 1)
        for size in fields.shape[2:]:
            rest = size + 2 * self.padding - reach - 1
            if rest < 0:
                raise ValueError(
                    f"an image of {size} pixels with padding {self.padding} is smaller than the kernel, "
                    f"{reach + 1} pixels"
                )
            if rest % self.stride:
                raise ValueError(
                    f"stride {self.stride} on {size} pixels with padding {self.padding} and kernel {reach + 1} leaves "
                    f"{rest % self.stride} at one side, which breaks rotations: use a size of "
                    f"{size - rest % self.stride} or {size - rest % self.stride + self.stride}, or GridAvgPool, which "
                    "takes every size"
                )

    def export(self) -> nn.Module:
        """``torch.nn.Conv2d`` or ``Conv3d`` with the filter."""
        plain = nn.Conv2d if self.dimension == 2 else nn.Conv3d
        found = self.filter().detach()
        bias = self.bias_vector()
        conv = plain(
            self.rep_in.dim,
            self.rep_out.dim,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
            bias=bias is not None,
            padding_mode=self.padding_mode,
            device=found.device,
            dtype=found.dtype,
        )
        with torch.no_grad():
            conv.weight.copy_(found)
            if bias is not None and conv.bias is not None:
                conv.bias.copy_(bias)
        return conv

    def extra_repr(self) -> str:
        """The representations and the options that are not the defaults."""
        text = f"{self.rep_in} -> {self.rep_out}, kernel_size={self.kernel_size}, basis={self.basis}"
        for name, default in (("stride", 1), ("padding", 0), ("padding_mode", "zeros"), ("dilation", 1), ("groups", 1)):
            value = getattr(self, name)
            text += f", {name}={value}" if value != default else ""
        return text


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise ValueError(f"{name} is a whole number, at least 1, got {size!r}")


def _same_values(left: list[Tensor], right: list[Tensor]) -> bool:
    return all(
        a.device == b.device and a.dtype == b.dtype and torch.equal(a, b) for a, b in zip(left, right, strict=True)
    )


def _share(rep: Rep, groups: int) -> Rep:
    """The representation of which ``rep`` is this number of copies.

    Raises:
        ValueError: If it is not.
    """
    if groups == 1:
        return rep
    copies = [term for count, term in rep.terms for _ in range(count)]
    share = direct_sum(rep.group, ((1, term) for term in copies[: len(copies) // groups]))
    if groups * share != rep:
        raise ValueError(f"groups={groups} needs {groups} copies of one representation, {groups} * rep, got {rep}")
    return share


def _gathered(rep: Rep) -> tuple[list[tuple[int, Rep]], Tensor | None]:
    """Equal terms together, and where each channel of the representation is then; None where it stays in place."""
    places: dict[Rep, list[int]] = {}
    start = 0
    for copies, term in rep.terms:
        places.setdefault(term, []).extend(range(start, start + copies * term.dim))
        start += copies * term.dim
    terms = [(len(where) // term.dim, term) for term, where in places.items()]
    order = torch.tensor([channel for where in places.values() for channel in where], dtype=torch.int64)
    in_place = torch.equal(order, torch.arange(start))
    return terms, None if in_place else order.argsort()
