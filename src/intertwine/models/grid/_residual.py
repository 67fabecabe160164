"""Wide residual networks and U-Nets of equivariant convolutions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.groups import Group
from intertwine.models.grid._fields import FieldName, Fields, resolve_fields
from intertwine.models.grid._network import (
    ConvBlock,
    GridNetwork,
    PaddingMode,
    Readout,
    check_subgroup,
    resolve_ends,
)
from intertwine.nn import GridAvgPool, GridConv, GridRestriction, GridUpsample, KernelBasis
from intertwine.reps import Rep


class ResidualBlock(nn.Module):
    """Two convolution blocks beside the identity, or beside a convolution of one pixel where the fields change."""

    def __init__(
        self,
        rep_in: Rep,
        fields: Fields,
        width: int,
        kernel_size: int,
        padding_mode: PaddingMode,
        basis: KernelBasis | None,
        dropout: float,
    ) -> None:
        super().__init__()
        first = ConvBlock(rep_in, fields, width, kernel_size, padding_mode=padding_mode, basis=basis, dropout=dropout)
        second = ConvBlock(first.rep_out, fields, width, kernel_size, padding_mode=padding_mode, basis=basis)
        self.residual = nn.Sequential(first, second)
        self.rep_in, self.rep_out = rep_in, first.rep_out
        self.shortcut = nn.Identity() if rep_in == self.rep_out else GridConv(rep_in, self.rep_out, 1, bias=False)

    def forward(self, fields: Tensor) -> Tensor:
        """Map ``(B, rep_in.dim, ...)`` to ``(B, rep_out.dim, ...)``."""
        total: Tensor = self.shortcut(fields) + self.residual(fields)
        return total


class WideResNet(GridNetwork):
    """A wide residual network: stages of residual blocks, the resolution halved between them, then a readout.

    Args:
        rep_in: Representation of the input, or its text.
        rep_out: Representation of the output.
        widths: The number of fields of each stage.
        blocks: The number of residual blocks of each stage; two convolutions each.
        kernel_size: Pixels of the filters.
        fields: The kind of fields; see :class:`GCNN`.
        restriction: The number of a stage, from 1, and the subgroup that the stages after it are equivariant under.
        dropout: The probability of dropout of whole fields, inside the blocks.
        head: Widths of the perceptron of the readout.
        padding_mode: As for :class:`~intertwine.nn.GridConv`.
        basis: The functions that filters are made of.

    Raises:
        UsageError: If the representations are of two groups or the numbers do not fit each other.

    Law: as for :class:`GCNN`.

    Reference: Zagoruyko and Komodakis, Wide residual networks, BMVC 2016; Weiler and Cesa, NeurIPS 2019, section 3.3.

    Example:
        >>> from intertwine.groups import Dihedral
        >>> G = Dihedral(4)
        >>> WideResNet(3 * G.trivial, 10 * G.trivial, widths=(2, 4), blocks=1)(torch.randn(2, 3, 16, 16)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        widths: Sequence[int] = (8, 16, 32),
        blocks: int = 2,
        kernel_size: int = 3,
        fields: Fields | FieldName | None = None,
        restriction: tuple[int, Group] | None = None,
        dropout: float = 0.0,
        head: Sequence[int] = (),
        padding_mode: PaddingMode = "zeros",
        basis: KernelBasis | None = None,
    ) -> None:
        first, last = resolve_ends(rep_in, rep_out)
        stage, subgroup = (0, first.group) if restriction is None else restriction
        subgroup = check_subgroup(first.group, subgroup)
        super().__init__(first.restrict(subgroup), last.restrict(subgroup))
        if not widths or blocks < 1 or (restriction is not None and not 1 <= stage <= len(widths)):
            raise UsageError(
                f"a residual network has a stage of a block at least, and restricts after one of its stages; got "
                f"widths={tuple(widths)}, blocks={blocks}, restriction={restriction}"
            )
        kind = resolve_fields(fields, first.group)
        stem = ConvBlock(first, kind, widths[0], kernel_size, padding_mode=padding_mode, basis=basis)
        rep, layers = stem.rep_out, list[nn.Module]([stem])
        for number, width in enumerate(widths, 1):
            if number > 1:
                layers.append(GridAvgPool(rep))
            for _ in range(blocks):
                kind = resolve_fields(fields, rep.group)
                block = ResidualBlock(rep, kind, width, kernel_size, padding_mode, basis, dropout)
                layers.append(block)
                rep = block.rep_out
            if restriction is not None and number == stage:
                restricting = GridRestriction(rep, subgroup)
                layers.append(restricting)
                rep = restricting.rep_out
        self.layers = nn.Sequential(*layers)
        self.readout = Readout(rep, self.rep_out, head)

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(B, rep_in.dim, ...)`` to ``(B, rep_out.dim)``."""
        vector: Tensor = self.readout(self.layers(images))
        return vector


class UNet(GridNetwork):
    """A U-Net: from an image to a field of the same size, by coarser and coarser grids and back.

    On the way back the fields of the same resolution on the way down are joined.

    Args:
        rep_in: Representation of the input, or its text.
        rep_out: Representation of the output field: ``n * G.trivial`` for the logits of n classes of each pixel.
        widths: The number of fields of each level, from the finest.
        blocks: The number of convolutions of each level on either side.
        kernel_size: Pixels of the filters.
        fields: The kind of fields; see :class:`GCNN`.
        dropout: The probability of dropout of whole fields.
        padding_mode: As for :class:`~intertwine.nn.GridConv`.
        basis: The functions that filters are made of.

    Raises:
        UsageError: If the representations are of two groups or the numbers do not fit each other.

    Law: ``net(rho_in(g) f(g^-1 x)) = rho_out(g) net(f)(g^-1 x)``: exactly for symmetries of the grid, else up to
    aliasing. Every size of the image is allowed.

    Reference: Ronneberger, Fischer, Brox, U-Net, MICCAI 2015.

    Example:
        >>> from intertwine.groups import Cyclic
        >>> G = Cyclic(4)
        >>> UNet(G.trivial, G.vector, widths=(2, 3), blocks=1)(torch.randn(1, 1, 15, 12)).shape
        torch.Size([1, 2, 15, 12])
    """

    dense = True

    def __init__(
        self,
        rep_in: Rep | str,
        rep_out: Rep | str,
        *,
        widths: Sequence[int] = (8, 16, 32),
        blocks: int = 2,
        kernel_size: int = 3,
        fields: Fields | FieldName | None = None,
        dropout: float = 0.0,
        padding_mode: PaddingMode = "zeros",
        basis: KernelBasis | None = None,
    ) -> None:
        super().__init__(*resolve_ends(rep_in, rep_out))
        if not widths or blocks < 1:
            raise UsageError(f"a U-Net has at least one level and one convolution, got {tuple(widths)} and {blocks}")
        kind = resolve_fields(fields, self.rep_in.group)

        def stage(rep: Rep, width: int) -> tuple[nn.Sequential, Rep]:
            layers = []
            for _ in range(blocks):
                block = ConvBlock(
                    rep, kind, width, kernel_size, padding_mode=padding_mode, basis=basis, dropout=dropout
                )
                layers.append(block)
                rep = block.rep_out
            return nn.Sequential(*layers), rep

        self.down, self.pools, self.up, self.upsamples = (nn.ModuleList() for _ in range(4))
        rep, kept = self.rep_in, []
        for level, width in enumerate(widths):
            if level:
                self.pools.append(GridAvgPool(rep))
            layers, rep = stage(rep, width)
            self.down.append(layers)
            kept.append(rep)
        for skipped, width in zip(kept[-2::-1], list(widths)[-2::-1], strict=True):
            self.upsamples.append(GridUpsample(rep))
            layers, rep = stage(skipped + rep, width)
            self.up.append(layers)
        self.readout = GridConv(rep, self.rep_out, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(B, rep_in.dim, ...)`` to ``(B, rep_out.dim, ...)``."""
        kept = [self.down[0](images)]
        for pool, layers in zip(self.pools, list(self.down)[1:], strict=True):
            kept.append(layers(pool(kept[-1])))
        fields = kept.pop()
        for upsample, layers in zip(self.upsamples, self.up, strict=True):
            skipped = kept.pop()
            assert isinstance(upsample, GridUpsample), "the levels of a U-Net are joined by upsampling"
            fields = layers(torch.cat([skipped, upsample.resize(fields, skipped.shape[2:])], 1))
        found: Tensor = self.readout(fields)
        return found
