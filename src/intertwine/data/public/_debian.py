"""Debian packages: fetched by apt-get, checked, and read without being installed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from intertwine._errors import UsageError
from intertwine._progress import ProgressCallback, no_progress
from intertwine.data._cache import user_cache

_LOOK_EVERY = 0.3
_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class DebianPackage:
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

    @property
    def file_name(self) -> str:
        """What the registry calls the file."""
        return f"{self.name}_{self.version}_all.deb"

    @contextmanager
    def open(self, progress: ProgressCallback = no_progress) -> Iterator[Path]:
        """The package's file, checked; fetched into a temporary folder unless it has been put into the cache by hand.

        Args:
            progress: called with (bytes fetched, bytes in all).

        Raises:
            UsageError: there is no apt-get, it fails, or what came is another file than the one that is pinned.
        """
        folder = user_cache() / "packages"
        if (folder / self.file_name).is_file():
            self._check(folder / self.file_name)
            yield folder / self.file_name
            return
        if shutil.which("apt-get") is None:
            raise UsageError(f"{self.name} is a Debian package and there is no apt-get here; {self._by_hand(folder)}")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            self._fetch(Path(temporary), folder, progress)
            self._check(Path(temporary) / self.file_name)
            yield Path(temporary) / self.file_name

    def _fetch(self, temporary: Path, folder: Path, progress: ProgressCallback) -> None:
        command = ["apt-get", "download", f"{self.name}={self.version}"]
        with (
            tempfile.TemporaryFile("w+") as said,
            subprocess.Popen(command, cwd=temporary, stdout=subprocess.DEVNULL, stderr=said, text=True) as process,
        ):
            while True:
                try:
                    process.wait(_LOOK_EVERY)
                    break
                except subprocess.TimeoutExpired:
                    progress(sum(file.stat().st_size for file in temporary.iterdir()), self.size)
            said.seek(0)
            complaints = [line[2:].strip() for line in said.read().splitlines() if line.startswith("E:")]
        if process.returncode or not (temporary / self.file_name).is_file():
            reason = complaints[0] if complaints else f"exit code {process.returncode}"
            raise UsageError(
                f"apt-get could not fetch {self.name} {self.version} ({reason}); "
                f"apt-get update may help, or {self._by_hand(folder)}"
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


def package_list(path: Path) -> list[str]:
    """The files that a package installs, sorted, without unpacking them."""
    for name, content in _members(path, "control.tar", lambda name: name.endswith("md5sums")):
        return sorted(line.split(maxsplit=1)[1] for line in content.decode().splitlines() if name)
    return []


def package_files(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """The files of a package whose name, such as usr/share/x, is wanted: name and content, in the package's order."""
    return _members(path, "data.tar", wanted)


def _members(path: Path, archive: str, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    with path.open("rb") as file:
        _seek(file, archive, path)
        with tarfile.open(fileobj=file, mode="r|*") as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                if member.isfile() and wanted(name):
                    content = tar.extractfile(member)
                    assert content is not None, "a file has content"
                    yield name, content.read()


def _seek(file: IO[bytes], archive: str, path: Path) -> None:
    """To the beginning of a member of an ar archive, which a Debian package is."""
    if file.read(8) != b"!<arch>\n":
        raise UsageError(f'"{path}" is not a Debian package')
    while header := file.read(60):
        if header[:16].decode("ascii", "replace").startswith(archive):
            return
        size = int(header[48:58])
        file.seek(size + size % 2, 1)
    raise UsageError(f'"{path}" has no {archive}')
