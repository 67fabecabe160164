"""Debian packages: fetched by apt-get, checked, and read without being installed."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, ClassVar

from intertwine._errors import UsageError
from intertwine.data.public._package import RegistryPackage


class DebianPackage(RegistryPackage):
    """One version of one Debian package, pinned."""

    kind: ClassVar[str] = "a Debian package"
    client: ClassVar[str] = "apt-get"
    advice: ClassVar[str] = "apt-get update may help, or "

    @property
    def file_name(self) -> str:
        """What the registry calls the file."""
        return f"{self.name}_{self.version}_all.deb"

    @property
    def arguments(self) -> Sequence[str]:
        """Of apt-get."""
        return ("download", f"{self.name}={self.version}")

    def complaint(self, text: str) -> str:
        """The first error."""
        return next((line[2:].strip() for line in text.splitlines() if line.startswith("E:")), "")


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
