from __future__ import annotations

import hashlib
import io
import sys
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from intertwine.data import PointCloudSet, molecules
from intertwine.data.public._debian import DebianPackage

sys.path.insert(0, str(Path(__file__).parent))


@dataclass(frozen=True)
class Width:
    """As much of a representation as the readers look at."""

    dim: int

    def __str__(self) -> str:
        return f"{self.dim}x0e"


def random_structures(sizes: Sequence[int], seed: int = 0, spread: float = 2.0) -> PointCloudSet:
    generator = torch.Generator().manual_seed(seed)
    atoms, size = sum(sizes), len(sizes)
    return molecules(
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
def make_structures() -> Callable[..., PointCloudSet]:
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


@pytest.fixture(scope="session")
def make_deb() -> Callable[..., DebianPackage]:
    return deb


def deb(folder: Path, name: str, files: dict[str, bytes]) -> DebianPackage:
    """Write name_1.0-1_all.deb with these files and say how it is pinned."""
    sums = "".join(f"{hashlib.md5(content).hexdigest()}  {path}\n" for path, content in files.items())
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": _tar({"./control": b"Package: x\n", "./md5sums": sums.encode()}, "gz"),
        "data.tar.xz": _tar({f"./{path}": content for path, content in files.items()}, "xz"),
    }
    archive = b"!<arch>\n"
    for member, content in members.items():
        archive += f"{member:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content
        archive += b"\n" * (len(content) % 2)
    package = DebianPackage(name, "1.0-1", len(archive), hashlib.sha256(archive).hexdigest())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / package.file_name).write_bytes(archive)
    return package


def _tar(files: dict[str, bytes], how: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=f"w:{how}") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()
