"""Reading of tracks: the format is told from the files."""

from __future__ import annotations

from pathlib import Path

import torch

from intertwine._errors import UsageError
from intertwine._regular_files import irregular
from intertwine.data.tracks._bal import read_bal
from intertwine.data.tracks._colmap_binary import read_colmap_binary
from intertwine.data.tracks._colmap_database import read_colmap_database
from intertwine.data.tracks._colmap_text import read_colmap_text
from intertwine.data.tracks._csv_tracks import read_csv_tracks
from intertwine.data.tracks._npz_tracks import read_npz_tracks
from intertwine.data.tracks._tracks import Tracks

_FORMATS = (
    "a COLMAP model (a folder with cameras and images as .txt or .bin), a COLMAP database (.db), "
    "a BAL problem (.txt, .bz2, .gz), a table of tracks (.csv) or arrays (.npz)"
)


def read_tracks(path: str | Path, *, intrinsics: str | Path | None = None, calibrated: bool = True) -> Tracks:
    """The tracks of a scene.

    Args:
        path: A COLMAP model or database, a BAL problem, a table or an archive of arrays.
        intrinsics: A table of cameras, for a table of tracks without them.
        calibrated: Whether a table of tracks or an archive needs intrinsics; without them K is the identity.

    Returns:
        The tracks without distortion and without observations that are not finite.

    Raises:
        UsageError: It is none of these, or not what its format promises; the message says where.
    """
    path = Path(path)
    if not path.exists():
        raise UsageError(f"{path} does not exist; expected {_FORMATS}")
    if intrinsics is not None and path.suffix.lower() != ".csv":
        raise UsageError(f"{path}: --intrinsics belongs to a table of tracks (.csv); other formats hold their own")
    if path.is_dir():
        tracks = _read_folder(path)
    elif reason := irregular(path):
        raise UsageError(f"{path} is {reason}; expected {_FORMATS}")
    elif path.suffix.lower() in (".db", ".sqlite", ".sqlite3"):
        tracks = read_colmap_database(path)
    elif path.suffix.lower() == ".csv":
        table = None if intrinsics is None else Path(intrinsics)
        if table is not None and not table.is_file():
            raise UsageError(f"{table} does not exist; expected a table of cameras")
        tracks = read_csv_tracks(path, table, calibrated=calibrated)
    elif path.suffix.lower() == ".npz":
        tracks = read_npz_tracks(path, calibrated=calibrated)
    elif path.suffix.lower() in (".txt", ".bz2", ".gz"):
        tracks = read_bal(path)
    else:
        raise UsageError(f"{path}: not a scene; expected {_FORMATS}")
    return _finite(tracks)


def _read_folder(folder: Path) -> Tracks:
    for place in (folder, folder / "sparse" / "0", folder / "sparse"):
        if (place / "cameras.bin").is_file() and (place / "images.bin").is_file():
            return read_colmap_binary(place)
        if (place / "cameras.txt").is_file() and (place / "images.txt").is_file():
            return read_colmap_text(place)
    if (folder / "database.db").is_file():
        return read_colmap_database(folder / "database.db")
    raise UsageError(f"{folder}: no scene in it; expected {_FORMATS}")


def _finite(tracks: Tracks) -> Tracks:
    good = tracks.xy.isfinite().all(1)
    if bool(good.all()):
        return tracks
    lost = int((~good).sum())
    remark = f"{lost:,} observations left out: their coordinates are not finite"
    return tracks.select(torch.nonzero(good)[:, 0]).replaced(remarks=(*tracks.remarks, remark))


def scene_names(folder: Path) -> list[Path]:
    """The scenes of a folder: folders that hold a COLMAP model or database, and files of the known kinds, sorted."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            places = (path, path / "sparse" / "0", path / "sparse")
            names = ("images.txt", "images.bin", "database.db")
            if any((place / name).is_file() for place in places for name in names):
                found.append(path)
        elif path.suffix.lower() in (".npz", ".db", ".csv"):
            found.append(path)
    return found
