"""Seeds and normal random numbers as pure functions of (seed, index), independent of process and call order."""

from __future__ import annotations

import hashlib
import math
import random

import numpy as np
import torch
from torch import Tensor

_SPLITMIX_INCREMENT = 0x9E3779B97F4A7C15
_SPLITMIX_FACTORS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


def derive_seed(*numbers: int) -> int:
    """A seed below 2^63 computed from integers; their order matters.

    >>> derive_seed(0, 1) == derive_seed(0, 1), derive_seed(0, 1) == derive_seed(1, 0)
    (True, False)
    """
    digest = hashlib.blake2b(",".join(map(str, numbers)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def seed_generators(seed: int) -> None:
    """Seed the global generators of torch, numpy and Python."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def normal_per_example(seed: int, indices: Tensor, n: int) -> Tensor:
    """Standard normal random numbers for each example, a pure function of (seed, index, column).

    A counter-based generator: the counter goes through the SplitMix64 finalizer, and two uniform numbers through the
    Box-Muller transform, ``sqrt(-2 log u) cos(2 pi v)``. Four such numbers, normalized, are the quaternion of a
    Haar-random rotation.

    Args:
        seed: Any integer.
        indices: Of the examples, shape (B,), int64.
        n: How many numbers for each example.

    Returns:
        Shape (B, n), float64, on the device of `indices`.

    References:
        Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, figure 16.

    >>> import torch
    >>> both = normal_per_example(7, torch.tensor([3, 5]), 4)
    >>> bool((both[1:] == normal_per_example(7, torch.tensor([5]), 4)).all())
    True
    """
    columns = torch.arange(2 * n, dtype=torch.int64, device=indices.device)
    keys = _splitmix(indices.to(torch.int64) + _to_signed(derive_seed(seed)))[:, None]
    bits = _splitmix(keys + columns * _to_signed(_SPLITMIX_INCREMENT))
    uniform = ((bits >> 11) & ((1 << 53) - 1)).to(torch.float64) * 2.0**-53
    radius = torch.sqrt(-2 * torch.log1p(-uniform[:, :n]))
    return radius * torch.cos(2 * math.pi * uniform[:, n:])


def _splitmix(x: Tensor) -> Tensor:
    """The SplitMix64 finalizer on int64, whose arithmetic is that of uint64 modulo 2^64."""
    for shift, factor in _SPLITMIX_FACTORS:
        x = (x ^ ((x >> shift) & ((1 << (64 - shift)) - 1))) * _to_signed(factor)
    return x ^ ((x >> 31) & ((1 << 33) - 1))


def _to_signed(word: int) -> int:
    """The signed 64-bit integer with the bits of an unsigned one."""
    return word - (1 << 64) if word >> 63 else word
