"""Group convolutional and steerable networks: one class for every group, in the plane and in space."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.groups import Group
from intertwine.models.grid._fields import FieldName, Fields, NormFields, resolve_fields
from intertwine.models.grid._network import (
    ConvBlock,
    GridNetwork,
    PaddingMode,
    Readout,
    check_subgroup,
    each_layer,
    resolve_ends,
)
from intertwine.nn import GridAvgPool, GridRestriction, KernelBasis
from intertwine.reps import Rep


class GCNN(GridNetwork):
    """A sequence of equivariant convolutions, then a readout: images or volumes to classes, numbers or vectors.

    Each layer is a convolution, batch normalization and the nonlinearity of its fields. After some of them the
    resolution is halved by antialiased pooling, and after one of them the group may be restricted: the first layers see
    local patterns, which turn and flip, the last ones the whole, which may not.

    Args:
        rep_in: Representation of the input, ``3 * G.trivial`` for color images, or its text.
        rep_out: Representation of the output, ``10 * G.trivial`` for the logits of ten classes.
        widths: The number of fields of each layer.
        kernel_size: Pixels of the filters, one number or one for each layer.
        pool_after: Numbers of the layers after which the resolution is halved; the first is layer 1.
        fields: The kind of fields: ``"regular"``, ``"fourier"``, ``"gated"``, ``"norm"``, or one of their classes with
            its options. By default regular ones of a finite group, Fourier ones of SO(2) and O(2), gated ones of SO(3)
            and O(3).
        restriction: The number of a layer and the subgroup that the layers after it are equivariant under.
        dropout: The probability of dropout of whole fields.
        head: Widths of the perceptron of the readout.
        padding_mode: As for :class:`~intertwine.nn.GridConv`.
        basis: The functions that filters are made of; see :class:`~intertwine.nn.GridConv`.

    Raises:
        UsageError: If the representations are of two groups or the numbers do not fit each other.

    Law: ``net(rho_in(g) f(g^-1 x)) = rho_out(g) net(f)`` for g in the group, or in the subgroup that it is restricted
    to: exactly for symmetries of the grid, else up to aliasing.

    Reference: Cohen and Welling, ICML 2016; Weiler and Cesa, NeurIPS 2019, for the architecture and the restriction.

    Example:
        >>> import torch
        >>> from intertwine.groups import Cyclic
        >>> G = Cyclic(8)
        >>> net = GCNN(G.trivial, 10 * G.trivial, widths=(4, 6), kernel_size=5, pool_after=(1,))
        >>> net(torch.randn(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        widths: Sequence[int] = (16, 24, 32, 32, 48, 64),
        kernel_size: int | Sequence[int] = (7, 5, 5, 5, 5, 5),
        pool_after: Sequence[int] = (2, 4),
        fields: Fields | FieldName | None = None,
        restriction: tuple[int, Group] | None = None,
        dropout: float = 0.0,
        head: Sequence[int] = (64,),
        padding_mode: PaddingMode = "zeros",
        basis: KernelBasis | None = None,
    ) -> None:
        first, last = resolve_ends(rep_in, rep_out)
        layer, subgroup = (0, first.group) if restriction is None else restriction
        subgroup = check_subgroup(first.group, subgroup)
        super().__init__(first.restrict(subgroup), last.restrict(subgroup))
        widths = tuple(widths)
        sizes = each_layer("kernel_size", kernel_size, len(widths))
        numbers = range(1, len(widths) + 1)
        if not widths or not set(pool_after) <= set(numbers) or (restriction is not None and layer not in numbers):
            raise UsageError(
                f"pool_after and restriction name layers 1 .. {len(widths)}, got {tuple(pool_after)} and {restriction}"
            )
        rep, layers = first, list[nn.Module]()
        for number, width, size in zip(numbers, widths, sizes, strict=True):
            kind = resolve_fields(fields, rep.group)
            block = ConvBlock(rep, kind, width, size, padding_mode=padding_mode, basis=basis, dropout=dropout)
            layers.append(block)
            rep = block.rep_out
            if number in pool_after:
                layers.append(GridAvgPool(rep))
            if restriction is not None and number == layer:
                restricting = GridRestriction(rep, subgroup)
                layers.append(restricting)
                rep = restricting.rep_out
        self.layers = nn.Sequential(*layers)
        self.readout = Readout(rep, self.rep_out, head)

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(B, rep_in.dim, ...)`` to ``(B, rep_out.dim)``."""
        vector: Tensor = self.readout(self.layers(images))
        return vector


class HarmonicNetwork(GCNN):
    """A harmonic network: circular harmonics of SO(2) up to an order, with nonlinearities of their magnitudes.

    Args:
        rep_in: Representation of the input, of SO(2) or O(2).
        rep_out: Representation of the output.
        order: The highest rotation order M.
        widths: The number of fields of each layer; each has a component of every order 0 .. M.
        **options: As for :class:`GCNN`.

    Law: ``net(f(g^-1 x)) = net(f)`` for invariants: exactly for rotations by 90 degrees, else up to aliasing.

    Reference: Worrall et al., Harmonic networks, CVPR 2017.

    Example:
        >>> import torch
        >>> from intertwine.groups import SO2
        >>> net = HarmonicNetwork(SO2().trivial, 10 * SO2().trivial, widths=(4, 4))
        >>> net(torch.randn(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        order: int = 1,
        widths: Sequence[int] = (8, 8, 16, 16, 35, 35),
        kernel_size: int | Sequence[int] = 5,
        pool_after: Sequence[int] | None = None,
        dropout: float = 0.0,
        head: Sequence[int] = (),
        padding_mode: PaddingMode = "zeros",
        basis: KernelBasis | None = None,
    ) -> None:
        super().__init__(
            rep_in,
            rep_out,
            widths=widths,
            kernel_size=kernel_size,
            pool_after=tuple(n for n in (2, 4) if n < len(widths)) if pool_after is None else pool_after,
            fields=NormFields(order),
            dropout=dropout,
            head=head,
            padding_mode=padding_mode,
            basis=basis,
        )


class VoxelCNN(GCNN):
    """A small :class:`GCNN` for volumes, with the defaults of a classifier of voxelized shapes of about 32 voxels.

    Args:
        rep_in: Representation of the input, of a group of space: ``Octahedral().trivial`` for occupancies.
        rep_out: Representation of the output.
        widths: The number of fields of each layer.
        kernel_size: Voxels of the filters, one number or one for each layer.
        pool_after: Numbers of the layers after which the resolution is halved.
        fields: The kind of fields; see :class:`GCNN`.
        restriction: A layer and the subgroup after it; see :class:`GCNN`.
        dropout: The probability of dropout of whole fields.
        head: Widths of the perceptron of the readout.
        padding_mode: As for :class:`~intertwine.nn.GridConv`.
        basis: The functions that filters are made of.

    Reference: Weiler et al., 3D steerable CNNs, NeurIPS 2018; Winkels and Cohen, 3D G-CNNs, MIDL 2018.

    Example:
        >>> import torch
        >>> from intertwine.groups import Octahedral
        >>> G = Octahedral()
        >>> net = VoxelCNN(G.trivial, 10 * G.trivial, widths=(2, 2), kernel_size=3, pool_after=(1,))
        >>> net(torch.randn(2, 1, 9, 9, 9)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        widths: Sequence[int] = (4, 8, 12, 16),
        kernel_size: int | Sequence[int] = (5, 3, 3, 3),
        pool_after: Sequence[int] = (1, 2, 3),
        fields: Fields | FieldName | None = None,
        restriction: tuple[int, Group] | None = None,
        dropout: float = 0.0,
        head: Sequence[int] = (64,),
        padding_mode: PaddingMode = "zeros",
        basis: KernelBasis | None = None,
    ) -> None:
        super().__init__(
            rep_in,
            rep_out,
            widths=widths,
            kernel_size=kernel_size,
            pool_after=pool_after,
            fields=fields,
            restriction=restriction,
            dropout=dropout,
            head=head,
            padding_mode=padding_mode,
            basis=basis,
        )
