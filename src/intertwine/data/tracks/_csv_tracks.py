"""Tables of tracks: one row for each observation, with intrinsics in the same or another table."""

from __future__ import annotations

import csv
from pathlib import Path

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.data.tracks._tracks import Tracks

_OBSERVATION = ("camera", "point", "x", "y")
_INTRINSICS = ("fx", "fy", "cx", "cy")


def read_csv_tracks(path: Path, intrinsics: Path | None = None, *, calibrated: bool = True) -> Tracks:
    """The tracks of a table with the columns camera, point, x and y (pixels).

    Args:
        path: The table. It may hold the columns fx, fy, cx and cy, too.
        intrinsics: A table with the columns camera, fx, fy, cx, cy, and perhaps width and height.
        calibrated: Whether intrinsics are needed; without them K is the identity.

    Raises:
        UsageError: A column or the intrinsics of a camera are missing, or a number is not one.
    """
    rows = _read(path, _OBSERVATION)
    cameras = sorted({row["camera"] for row in rows})
    points = {name: number for number, name in enumerate(sorted({row["point"] for row in rows}))}
    numbers = {name: number for number, name in enumerate(cameras)}
    source = path if intrinsics is None else intrinsics
    known = {row["camera"]: row for row in (rows if intrinsics is None else _read(source, ("camera",)))}
    matrices, sizes = [], []
    for name in cameras:
        row = known.get(name, {})
        missing = any(not row.get(column) for column in _INTRINSICS)
        if missing and calibrated:
            raise UsageError(
                f"{source}: the intrinsics of camera {name} are missing; give the columns {', '.join(_INTRINSICS)}, "
                "a table of cameras with --intrinsics, or --cameras projective, which needs none"
            )
        matrices.append(torch.eye(3, dtype=torch.float64) if missing else _matrix(source, row))
        sizes.append([_number(source, row, column) if row.get(column) else 0.0 for column in ("width", "height")])
    xy = [[_number(path, row, "x"), _number(path, row, "y")] for row in rows]
    size = torch.tensor(sizes).long()
    return Tracks(
        torch.tensor([numbers[row["camera"]] for row in rows]),
        torch.tensor([points[row["point"]] for row in rows]),
        torch.tensor(xy, dtype=torch.float64),
        torch.stack(matrices),
        cameras,
        len(points),
        size if bool((size > 0).all()) else None,
    )


def _read(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            names = table.fieldnames or []
            missing = [column for column in columns if column not in names]
            if missing:
                raise UsageError(
                    f"{path}: no column {', '.join(missing)}; expected {', '.join(columns)}, got {', '.join(names)}"
                )
            rows = list(table)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: not a table of comma-separated values ({error})") from None
    if not rows:
        raise UsageError(f"{path}: no rows in it")
    short = next((number for number, row in enumerate(rows, 2) if any(row[column] is None for column in columns)), None)
    if short is not None:
        raise UsageError(f"{path}, line {short}: too few values; expected {', '.join(names)}")
    return rows


def _number(path: Path, row: dict[str, str], column: str) -> float:
    try:
        return float(row[column])
    except ValueError:
        raise UsageError(f'{path}: column {column} expects numbers, got "{row[column]}"') from None


def _matrix(path: Path, row: dict[str, str]) -> Tensor:
    fx, fy, cx, cy = (_number(path, row, column) for column in _INTRINSICS)
    return torch.tensor([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], dtype=torch.float64)
