"""Cache of bases: in memory by value, and in a folder where the caller names one.

The name of a file is a digest of what the basis is determined by: the generators' matrices in every rep, the make of
the reps and the version of the conventions. So a new group of the same name finds nothing of the old one's.
"""

from __future__ import annotations

import hashlib
import logging
import zipfile
import zlib
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor

from intertwine._atomic import atomic_file
from intertwine.hom._verify import verify_basis
from intertwine.reps import CONVENTION_VERSION, DirectSum, Dual, Rep, TensorProduct

FORMAT = 2
"""Counts changes of how a basis is chosen within its space, and of the files."""
LARGEST_MEMORY = 2**25
"""The most numbers that are cached in memory: 256 MB."""

_log = logging.getLogger(__name__)


class BasisCache:
    """The bases used last, up to a number of entries (least recently used go first); ``get`` returns a clone."""

    def __init__(self, entries: int = LARGEST_MEMORY) -> None:
        self.entries = entries
        self._bases: OrderedDict[tuple[Rep, Rep], Tensor] = OrderedDict()
        self._used = 0
        self._lock = Lock()

    def get(self, rep_in: Rep, rep_out: Rep) -> Tensor | None:
        """The basis of this pair, if it is in the cache."""
        with self._lock:
            basis = self._bases.get((rep_in, rep_out))
            if basis is None:
                return None
            self._bases.move_to_end((rep_in, rep_out))
            return basis.clone()

    def put(self, rep_in: Rep, rep_out: Rep, basis: Tensor) -> None:
        """Store a basis, and drop those unused for longest until all fit."""
        if basis.numel() > self.entries:
            return
        with self._lock:
            previous = self._bases.pop((rep_in, rep_out), None)
            self._used -= 0 if previous is None else previous.numel()
            self._bases[rep_in, rep_out] = basis.clone()
            self._used += basis.numel()
            while self._used > self.entries:
                _, oldest = self._bases.popitem(last=False)
                self._used -= oldest.numel()

    def clear(self) -> None:
        """Empty the cache."""
        with self._lock:
            self._bases.clear()
            self._used = 0


def basis_path(folder: str | Path, rep_in: Rep, rep_out: Rep) -> Path:
    """The file of the basis of a pair of reps."""
    digest = hashlib.sha256(f"{FORMAT} {CONVENTION_VERSION}".encode())
    for rep in (rep_in, rep_out):
        _digest(rep, digest)
    return Path(folder) / f"hom-{digest.hexdigest()[:32]}.npz"


def _digest(rep: Rep, digest: hashlib._Hash) -> None:
    """Update the digest with a rep: its type, and the matrices of the generators in its summands and factors."""
    digest.update(f"({type(rep).__module__}.{type(rep).__qualname__} {rep.dim} ".encode())
    if isinstance(rep, DirectSum):
        for copies, term in rep.terms:
            digest.update(f"{copies}x".encode())
            _digest(term, digest)
    elif isinstance(rep, TensorProduct):
        for factor in rep.factors:
            _digest(factor, digest)
    elif isinstance(rep, Dual):
        _digest(rep.base, digest)
    else:
        group = rep.group
        digest.update(f"{type(group).__qualname__} {group.name} {rep}".encode())
        for matrices in (rep.algebra(group.lie_algebra), rep.matrix(group.discrete_generators)):
            digest.update(str(tuple(matrices.shape)).encode() + matrices.contiguous().numpy().tobytes())
    digest.update(b")")


def load_basis(path: Path, rep_in: Rep, rep_out: Rep) -> Tensor | None:
    """The stored basis ``(k, dim_out, dim_in)``; None when there is none, or, with a warning, when it is damaged.

    Its checksum, dtype, shape and rank are verified, and that its maps are orthonormal and commute with the group.
    """
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            stored, checksum = file["basis"], str(file["checksum"])
        if checksum != _checksum(path, stored):
            raise ValueError("its checksum is that of other numbers")
        basis = torch.from_numpy(stored)
        verify_basis(basis, rep_in, rep_out)
    except (OSError, ValueError, TypeError, KeyError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        _log.warning("%s is damaged (%s): solving again", path, error)
        return None
    return basis


def _checksum(path: Path, basis: np.ndarray[Any, Any]) -> str:
    """SHA-256 of the name of the file and of the numbers in it."""
    head = f"{path.name} {basis.dtype} {basis.shape}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(basis).tobytes()).hexdigest()


def store_basis(path: Path, basis: Tensor) -> None:
    """Store a basis, whole or not at all; a folder that refuses costs a warning, no more."""
    numbers = basis.numpy()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as part, part.open("wb") as file:
            np.savez_compressed(file, basis=numbers, checksum=np.array(_checksum(path, numbers)))
    except OSError as error:
        _log.warning("could not write %s (%s): it is solved again next time", path, error.strerror or error)
