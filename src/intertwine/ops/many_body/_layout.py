"""Layout of the coefficients of a symmetric contraction: cubic forms in 1 and the components, split by parity."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor


class ContractionLayout(NamedTuple):
    """Numbers of components of even and of odd parity, and the order of the coefficients.

    A polynomial of degree 3 in x without a constant term is a cubic form in z = (1, x), and has one symmetric tensor T:

        f_o = sum over a, b, c of T_o,abc z_a z_b z_c,    df_o / dz_a = 3 sum over b, c of T_o,abc z_b z_c

    Parity halves the work: where o and a have the same parity, b and c have the same one too. There are two matrices,

        even: columns (o even, a even), (o odd, a odd);   rows (b <= c both even), (b <= c both odd)
        odd:  columns (o even, a odd), (o odd, a even);   rows (b even, c odd)

    with the entries 3 T_o,abc, twice that where b and c differ. Without parity every component is even.

    Attributes:
        even_in: Components of x that are even; they come first.
        odd_in: Those that are odd.
        even_out: Components of f that are even; they come first.
        odd_out: Those that are odd.
    """

    even_in: int
    odd_in: int
    even_out: int
    odd_out: int

    @property
    def dim_in(self) -> int:
        """Components of x."""
        return self.even_in + self.odd_in

    @property
    def dim_out(self) -> int:
        """Components of f."""
        return self.even_out + self.odd_out

    @property
    def even(self) -> int:
        """Components of z that are even, the constant among them."""
        return self.even_in + 1

    @property
    def shapes(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """(columns, rows) of the even and of the odd matrix."""
        even, odd = self.even, self.odd_in
        return (
            (self.even_out * even + self.odd_out * odd, (even * (even + 1) + odd * (odd + 1)) // 2),
            (self.even_out * odd + self.odd_out * even, even * odd),
        )

    def matrices(self, tensors: Tensor) -> tuple[Tensor, Tensor]:
        """The two matrices of cubic forms ``(..., dim_out, 1 + dim_in, 1 + dim_in, 1 + dim_in)``, flattened.

        Returns:
            ``(..., columns * rows)`` each.
        """
        even, odd, first = slice(0, self.even), slice(self.even, None), slice(0, self.even_out)
        last = slice(self.even_out, None)
        b, c, factor = self.rows()
        same = torch.cat(
            [tensors[..., first, even, :, :].flatten(-4, -3), tensors[..., last, odd, :, :].flatten(-4, -3)], -3
        )
        other = torch.cat(
            [tensors[..., first, odd, :, :].flatten(-4, -3), tensors[..., last, even, :, :].flatten(-4, -3)], -3
        )
        mixed = other[..., even, odd].flatten(-2) * 6
        return (same[..., b, c] * factor).flatten(-2), mixed.flatten(-2)

    @lru_cache(maxsize=64)  # noqa: B019, a value with few fields
    def pairs_on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """B and c of each row of the even matrix, on a device; kept."""
        b, c, _ = self.rows()
        return b.to(device), c.to(device)

    def rows(self) -> tuple[Tensor, Tensor, Tensor]:
        """b, c and the factor of each row of the even matrix."""
        blocks = [torch.triu_indices(size, size) for size in (self.even, self.odd_in)]
        b, c = torch.cat([blocks[0], blocks[1] + self.even], 1)
        return b, c, torch.where(b == c, 3.0, 6.0).double()
