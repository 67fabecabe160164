"""Tracks in NumPy archives: lists of observations, or a measurement matrix as in Moran et al."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.data.tracks._tracks import CameraPoses, Tracks

_LIST = ("camera", "point", "xy", "K")
_MOST_CAMERAS, _MOST_POINTS = 100_000, 100_000_000
_PROJECTIVE = "; --cameras projective needs no intrinsics"


def read_npz_tracks(path: Path, *, calibrated: bool = True) -> Tracks:
    """The tracks of an archive.

    It holds either a list of observations: ``camera`` (N,), ``point`` (N,), ``xy`` (N, 2) and ``K`` (cameras, 3, 3) or
    (3, 3), perhaps ``size`` (cameras, 2), ``names`` and true poses ``R`` and ``t``; or the measurement matrix ``M``
    (2 cameras, points) with zeros where nothing is seen, the inverse intrinsics ``Ns`` (cameras, 3, 3) or ``K``, and
    perhaps the true projection matrices ``Ps_gt`` (cameras, 3, 4).

    Args:
        path: The archive.
        calibrated: Whether intrinsics are needed; without them K is the identity.

    Raises:
        UsageError: An array is missing or of another shape.

    Reference: Moran et al., Deep Permutation Equivariant Structure from Motion, ICCV 2021, Section 3.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, KeyError, zlib.error, zipfile.BadZipFile) as error:
        raise UsageError(f"{path}: not an archive of plain arrays ({error})") from None
    if not calibrated and "K" not in arrays and "Ns" not in arrays:
        arrays["K"] = np.eye(3)
    if "M" in arrays:
        return _from_matrix(path, arrays)
    if missing := [name for name in _LIST if name not in arrays]:
        what = "the intrinsics K are" if missing == ["K"] else f"{', '.join(missing)} is"
        raise UsageError(f"{path}: {what} missing; expected {', '.join(_LIST)}, or M and Ns{_PROJECTIVE}")
    for name, most in (("camera", _MOST_CAMERAS), ("point", _MOST_POINTS)):
        if arrays[name].size and not 0 <= arrays[name].min() <= arrays[name].max() < most:
            raise UsageError(f"{path}: {name} expects numbers from 0 on, below {most:,}, without large gaps")
    cameras = int(_array(path, arrays, "K").reshape(-1, 3, 3).shape[0])
    if cameras == 1:
        cameras = int(arrays["camera"].max(initial=0)) + 1
    intrinsics = torch.from_numpy(_array(path, arrays, "K").reshape(-1, 3, 3)).expand(cameras, 3, 3).clone()
    poses = None
    if "R" in arrays and "t" in arrays:
        poses = CameraPoses(
            torch.from_numpy(_array(path, arrays, "R").reshape(-1, 3, 3)),
            torch.from_numpy(_array(path, arrays, "t").reshape(-1, 3)),
        )
    point = torch.from_numpy(arrays["point"].astype(np.int64))
    return Tracks(
        torch.from_numpy(arrays["camera"].astype(np.int64)),
        point,
        torch.from_numpy(_array(path, arrays, "xy")),
        intrinsics,
        _names(arrays, cameras),
        int(point.max()) + 1 if len(point) else 0,
        _sizes(path, arrays, cameras),
        poses,
    )


def _array(path: Path, arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    try:
        return np.ascontiguousarray(arrays[name], dtype=np.float64)
    except (ValueError, TypeError):
        raise UsageError(f"{path}: {name} expects numbers, got {arrays[name].dtype}") from None


def _names(arrays: dict[str, np.ndarray], cameras: int) -> list[str]:
    names = arrays.get("names", np.zeros(0))
    return [str(name) for name in names] if len(names) == cameras else [f"camera{i:04d}" for i in range(cameras)]


def _sizes(path: Path, arrays: dict[str, np.ndarray], cameras: int) -> Tensor | None:
    sizes = np.asarray(arrays.get("size", np.zeros(0)))
    if sizes.size and sizes.shape not in ((2,), (1, 2), (cameras, 2)):
        raise UsageError(f"{path}: size expects the shape ({cameras}, 2), as there are {cameras} K, got {sizes.shape}")
    return torch.from_numpy(np.broadcast_to(sizes, (cameras, 2)).astype(np.int64).copy()) if sizes.size else None


def _from_matrix(path: Path, arrays: dict[str, np.ndarray]) -> Tracks:
    matrix = _array(path, arrays, "M")
    if matrix.ndim != 2 or len(matrix) % 2:
        raise UsageError(f"{path}: M expects the shape (2 cameras, points), got {matrix.shape}")
    cameras = len(matrix) // 2
    if "K" not in arrays and "Ns" not in arrays:
        raise UsageError(
            f"{path}: the intrinsics are missing; expected Ns (the inverse matrices) or K beside M{_PROJECTIVE}"
        )
    given = _array(path, arrays, "K" if "K" in arrays else "Ns").reshape(-1, 3, 3)
    try:
        given = given if "K" in arrays else np.linalg.inv(given)
    except np.linalg.LinAlgError:
        raise UsageError(f"{path}: a matrix of Ns has no inverse") from None
    intrinsics = torch.from_numpy(given / given[:, 2:, 2:]).expand(cameras, 3, 3).clone()
    values = torch.from_numpy(matrix).view(cameras, 2, -1).mT
    camera, point = (values != 0).all(-1).nonzero(as_tuple=True)
    poses = None
    if "Ps_gt" in arrays:
        poses = _poses(torch.from_numpy(_array(path, arrays, "Ps_gt")), intrinsics)
    xy = values[camera, point].contiguous()
    return Tracks(
        camera, point, xy, intrinsics, _names(arrays, cameras), values.shape[1], _sizes(path, arrays, cameras), poses
    )


def _poses(projections: Tensor, intrinsics: Tensor) -> CameraPoses:
    poses = torch.linalg.solve(intrinsics, projections)
    sign = torch.linalg.det(poses[:, :, :3]).sign()
    scale = sign * poses[:, 2, :3].norm(dim=1)
    poses = poses / scale[:, None, None]
    return CameraPoses(poses[:, :, :3].contiguous(), poses[:, :, 3].contiguous())
