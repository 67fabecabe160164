"""Networks for local features: an equivariant score map, and descriptors of patches in the frame of each patch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from intertwine._errors import UsageError
from intertwine.models.grid._fields import FieldName, Fields, resolve_fields
from intertwine.models.grid._network import ConvBlock, GridNetwork, PaddingMode, each_layer
from intertwine.nn import GridAvgPool, GridConv, KernelBasis, band_limited_regular
from intertwine.ops import safe_normalize
from intertwine.reps import Rep, as_rep, direct_sum


class KeypointDetector(GridNetwork):
    """A score map of an image, of its size: convolution blocks, then a convolution to one invariant number a pixel.

    Args:
        rep_in: Representation of the image, ``G.trivial`` for a gray one, or its text.
        widths: The number of fields of each layer but the last.
        kernel_size: Pixels of the filters, odd: one number, or one for each layer and the last.
        fields: The kind of fields; see :class:`GCNN`.
        padding_mode: As for :class:`~intertwine.nn.GridConv`.
        basis: The functions that filters are made of.

    Raises:
        UsageError: If the numbers do not fit each other, or a filter is even.

    Law: ``H(rho_in(g) f(g^-1 x)) = H(f)(g^-1 x)``: exactly for symmetries of the grid, else up to aliasing. There is no
    stride, so shifts by whole pixels are exact away from the border.

    Reference: Santellani et al., S-TREK, ICCV 2023.

    Example:
        >>> from intertwine.groups import Cyclic
        >>> detector = KeypointDetector(Cyclic(8).trivial, widths=(2,), kernel_size=3)
        >>> detector(torch.rand(1, 1, 12, 15)).shape
        torch.Size([1, 1, 12, 15])
    """

    dense = True

    def __init__(
        self,
        rep_in: Rep | str,
        *,
        widths: Sequence[int] = (4, 4),
        kernel_size: int | Sequence[int] = (7, 5, 5),
        fields: Fields | FieldName | None = None,
        padding_mode: PaddingMode = "replicate",
        basis: KernelBasis | None = None,
    ) -> None:
        rep = as_rep(rep_in)
        super().__init__(rep, rep.group.trivial)
        sizes = each_layer("kernel_size", kernel_size, len(widths) + 1)
        if any(size % 2 == 0 for size in sizes):
            raise UsageError(f"filters of a score map are odd, or it would move by half a pixel; got {sizes}")
        kind, layers = resolve_fields(fields, rep.group), list[nn.Module]()
        for width, size in zip(widths, sizes, strict=False):
            block = ConvBlock(rep, kind, width, size, padding_mode=padding_mode, basis=basis)
            layers.append(block)
            rep = block.rep_out
        last = GridConv(
            rep, self.rep_out, sizes[-1], padding="same", padding_mode=padding_mode, basis=basis, bias=False
        )
        self.layers = nn.Sequential(*layers, last)

    def forward(self, images: Tensor) -> Tensor:
        """Map ``(B, rep_in.dim, H, W)`` to ``(B, 1, H, W)``."""
        scores: Tensor = self.layers(images)
        return scores


class PatchDescription(NamedTuple):
    """What is known of patches.

    Attributes:
        descriptors: ``(N, D)``, of unit norm.
        angles: ``(N,)``, the direction of the frame of each patch in radians, counterclockwise, y up; zero without one.
    """

    descriptors: Tensor
    angles: Tensor


class PatchDescriptor(nn.Module):
    """Descriptors of square patches: an equivariant network to circular harmonics, read in the patch's own frame.

        (v, f_0, ..., f_M) = net(patch),   angle a of v,   descriptor = normalize(f_0, R(-a) f_1, ..., R(-M a) f_M)

    Three convolution blocks with the resolution halved after the first two, then a filter of the size of what is left,
    to ``width`` copies of each order up to ``degree`` and one vector v. Under a group without order 1 (C_1 and C_2)
    there is no frame, and the descriptor is what an ordinary network gives.

    Args:
        rep_in: Representation of the patches: trivial, of C_n or SO(2).
        width: Copies of each order; the descriptor has ``width (1 + 2 degree)`` numbers.
        degree: The highest order M; less for C_n with n <= 2 M.
        widths: The number of fields of the three blocks.
        size: Side of the patches, in pixels, odd.
        fields: The kind of fields; see :class:`GCNN`.

    Raises:
        UsageError: If there are not three widths, the size is even or too small, or the group has reflections.

    Law: a rotated patch has the same descriptor and its angle turned: exactly for the rotations by 90 degrees in the
    group, else up to aliasing. It jumps where v is zero, as every canonicalization does somewhere.

    Reference: Tian, Fan, Wu, L2-Net, CVPR 2017, for the descriptor; Worrall et al., Harmonic networks, CVPR 2017.

    Example:
        >>> from intertwine.groups import Cyclic
        >>> net = PatchDescriptor(Cyclic(8).trivial, width=4, degree=2, widths=(2, 2, 2), size=13)
        >>> net(torch.rand(5, 1, 13, 13)).descriptors.shape
        torch.Size([5, 20])
    """

    window: Tensor

    def __init__(
        self,
        rep_in: Rep | str,
        *,
        width: int = 16,
        degree: int = 3,
        widths: Sequence[int] = (4, 6, 8),
        size: int = 25,
        fields: Fields | FieldName | None = None,
    ) -> None:
        super().__init__()
        rep = self.rep_in = as_rep(rep_in)
        if len(widths) != 3 or size % 2 == 0 or size < 9:
            raise UsageError(f"a descriptor has three widths and patches of an odd size from 9; got {widths}, {size}")
        group, kind = rep.group, resolve_fields(fields, rep.group)
        orders = [irrep for _, irrep in band_limited_regular(group, degree).terms if irrep.dim == 2]
        count = width * (1 + 2 * degree)
        self.orders, self.width = len(orders), width
        if orders:
            self.rep_out = direct_sum(
                group, ((1, orders[0]), (width, group.trivial), *((width, one) for one in orders))
            )
        else:
            self.rep_out = count * group.trivial
        layers, side = list[nn.Module](), size
        for number, fields_out in enumerate(widths):
            block = ConvBlock(rep, kind, fields_out, 5 if number == 0 else 3)
            rep = block.rep_out
            layers.append(block)
            if number < 2:
                layers.append(GridAvgPool(rep))
                side = (side + 1) // 2
        self.layers = nn.Sequential(*layers, GridConv(rep, self.rep_out, side))
        axis = torch.arange(size) - (size - 1) / 2
        radius = (axis[:, None].square() + axis.square()).sqrt()
        self.register_buffer("window", ((size / 2 - radius) / 2).clamp(0, 1), persistent=False)

    @property
    def dim(self) -> int:
        """The length of a descriptor."""
        return self.width * (1 + 2 * self.orders) if self.orders else self.rep_out.dim

    def forward(self, patches: Tensor) -> PatchDescription:
        """Describe patches ``(N, 1, size, size)``, whatever their brightness and contrast."""
        found = self.layers(self._normalized(patches))[:, :, 0, 0]
        if not self.orders:
            return PatchDescription(functional.normalize(found), found.new_zeros(len(found)))
        parts = found.split([2, self.width, *[2 * self.width] * self.orders], 1)
        frame = safe_normalize(functional.pad(parts[0], (0, 1)))[:, :2]
        cosine, sine = frame[:, :1], frame[:, 1:]
        turned, c, s = [parts[1]], cosine, sine
        for part in parts[2:]:
            x, y = part.unflatten(1, (self.width, 2)).unbind(2)
            turned += [c * x + s * y, c * y - s * x]
            c, s = c * cosine - s * sine, s * cosine + c * sine
        angles = torch.atan2(sine, cosine)[:, 0].detach()
        return PatchDescription(functional.normalize(torch.cat(turned, 1)), angles)

    def _normalized(self, patches: Tensor) -> Tensor:
        """Patches within a disc, of mean zero and variance one there."""
        total = self.window.sum()
        mean = (patches * self.window).sum((2, 3), keepdim=True) / total
        centered = (patches - mean) * self.window
        variance = centered.square().sum((2, 3), keepdim=True) / total
        return centered * (variance + 1e-6).rsqrt()
