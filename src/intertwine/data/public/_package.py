"""Packages of a registry: fetched by its ordinary client, checked, and read without being installed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data._cache import user_cache

_LOOK_EVERY = 0.3
_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class RegistryPackage(ABC):
    """One version of one package, pinned.

    Args:
        name: of the package.
        version: of the package.
        size: of the file, in bytes.
        sha256: of the file.
    """

    name: str
    version: str
    size: int
    sha256: str

    kind: ClassVar[str]
    """What packages of the registry are called."""
    client: ClassVar[str]
    """The program that fetches them."""
    advice: ClassVar[str] = ""
    """What may help when that fails."""

    @property
    @abstractmethod
    def file_name(self) -> str:
        """What the registry calls the file."""

    @property
    @abstractmethod
    def arguments(self) -> Sequence[str]:
        """Of the client, to fetch the file into the current folder."""

    @abstractmethod
    def complaint(self, text: str) -> str:
        """The first complaint in what the client has said; "" if there is none."""

    @contextmanager
    def open(self, progress: ProgressCallback = no_progress) -> Iterator[Path]:
        """The package's file, checked; fetched into a temporary folder unless it has been put into the cache by hand.

        Args:
            progress: called with (bytes fetched, bytes in all).

        Raises:
            UsageError: there is no client, it fails, or what came is another file than the one that is pinned.
        """
        folder = user_cache() / "packages"
        if (folder / self.file_name).is_file():
            self._check(folder / self.file_name)
            yield folder / self.file_name
            return
        if shutil.which(self.client) is None:
            raise UsageError(f"{self.name} is {self.kind} and there is no {self.client} here; {self._by_hand(folder)}")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            self._fetch(Path(temporary), folder, progress)
            self._check(Path(temporary) / self.file_name)
            yield Path(temporary) / self.file_name

    def _fetch(self, temporary: Path, folder: Path, progress: ProgressCallback) -> None:
        with (
            tempfile.TemporaryFile("w+") as said,
            subprocess.Popen(
                [self.client, *self.arguments], cwd=temporary, stdout=subprocess.DEVNULL, stderr=said, text=True
            ) as process,
        ):
            while True:
                try:
                    process.wait(_LOOK_EVERY)
                    break
                except subprocess.TimeoutExpired:
                    progress(sum(file.stat().st_size for file in temporary.iterdir()), self.size)
            said.seek(0)
            complaint = self.complaint(said.read())
        if process.returncode or not (temporary / self.file_name).is_file():
            reason = complaint or f"exit code {process.returncode}"
            raise UsageError(
                f"{self.client} could not fetch {self.name} {self.version} ({reason}); "
                f"{self.advice}{self._by_hand(folder)}"
            )

    def _by_hand(self, folder: Path) -> str:
        return f"put {self.file_name} (sha256 {self.sha256}) into {folder}"

    def _check(self, path: Path) -> None:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(_AT_ONCE):
                digest.update(block)
        if digest.hexdigest() != self.sha256:
            raise UsageError(
                f'"{path}" is not the {self.name} that is pinned: expected sha256 {self.sha256}; delete it'
            )
