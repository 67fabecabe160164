from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from intertwine.data import Structures


@dataclass(frozen=True)
class Width:
    """As much of a representation as the readers look at."""

    dim: int

    def __str__(self) -> str:
        return f"{self.dim}x0e"


def random_structures(sizes: Sequence[int], seed: int = 0, spread: float = 2.0) -> Structures:
    generator = torch.Generator().manual_seed(seed)
    atoms, size = sum(sizes), len(sizes)
    return Structures(
        torch.randint(1, 10, (atoms,), generator=generator),
        spread * torch.randn(atoms, 3, generator=generator, dtype=torch.float64),
        torch.tensor([0, *sizes]).cumsum(0),
        {
            "energy": torch.randn(size, 1, generator=generator, dtype=torch.float64),
            "dipole": torch.randn(size, 3, generator=generator, dtype=torch.float64),
        },
        [f"s{place}" for place in range(size)],
    )


@pytest.fixture(scope="session")
def make_structures() -> Callable[..., Structures]:
    return random_structures


@pytest.fixture
def width() -> type[Width]:
    return Width


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user cache of this test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("INTERTWINE_CACHE", str(folder))
    return folder
