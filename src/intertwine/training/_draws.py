"""Random numbers that belong to a structure or a step, not to the process or the moment in which they are drawn."""

from __future__ import annotations

import hashlib
import math
import random

import numpy as np
import torch
from torch import Tensor

_GOLDEN = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB


def derive(*numbers: int) -> int:
    """A seed below 2^63 that follows from whole numbers; their order matters.

    >>> derive(0, 1) == derive(0, 1), derive(0, 1) == derive(1, 0)
    (True, False)
    """
    digest = hashlib.blake2b(",".join(map(str, numbers)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def seed_generators(seed: int) -> None:
    """Seed the global generators of torch, numpy and Python."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def normal_draws(seed: int, indices: Tensor, n: int) -> Tensor:
    """Standard normal numbers that are a pure function of (seed, index, column).

    A counter goes through the SplitMix64 finalizer, and two uniform numbers through Box and Muller:
    ``sqrt(-2 log u) cos(2 pi v)``. Four such numbers, normalized, are the quaternion of a Haar-random rotation.

    Args:
        seed: Any whole number.
        indices: Shape (B,), int64.
        n: How many numbers for each index.

    Returns:
        Shape (B, n), float64, on the device of `indices`.

    References:
        Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, figure 16.

    >>> import torch
    >>> both = normal_draws(7, torch.tensor([3, 5]), 4)
    >>> bool((both[1:] == normal_draws(7, torch.tensor([5]), 4)).all())
    True
    """
    columns = torch.arange(2 * n, dtype=torch.int64, device=indices.device)
    keys = _mix(_mix(indices.to(torch.int64) + _wrap(derive(seed)))[:, None] + columns * _wrap(_GOLDEN))
    uniform = ((keys >> 11) & ((1 << 53) - 1)).to(torch.float64) * 2.0**-53
    radius = torch.sqrt(-2 * torch.log1p(-uniform[:, :n]))
    return radius * torch.cos(2 * math.pi * uniform[:, n:])


def _mix(x: Tensor) -> Tensor:
    for shift, factor in ((30, _FIRST), (27, _SECOND)):
        x = (x ^ ((x >> shift) & ((1 << (64 - shift)) - 1))) * _wrap(factor)
    return x ^ ((x >> 31) & ((1 << 33) - 1))


def _wrap(word: int) -> int:
    """An unsigned 64-bit word as the signed one with the same bits."""
    return word - (1 << 64) if word >> 63 else word
