"""COLMAP models of reconstructions, as text and as binary files."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from intertwine.ops.cameras import CAMERA_MODELS, quaternion_from_matrix
from intertwine.tasks.sfm._reconstruction import Reconstruction

_PINHOLE = CAMERA_MODELS["PINHOLE"].number
_GRAY = 128


class _Image(NamedTuple):
    number: int
    pose: list[float]
    name: str
    xy: list[list[float]]
    points: list[int]


class _Point(NamedTuple):
    number: int
    position: list[float]
    error: float
    track: list[tuple[int, int]]


def write_colmap_model(folder: Path, reconstruction: Reconstruction) -> None:
    """Write cameras, images and points3D as .txt and as .bin.

    The cameras are of the model PINHOLE, each image has its own, and the keypoints are without distortion. Image and
    camera numbers begin at 1 in the order of the tracks, point numbers are those of the tracks plus 1.

    Args:
        folder: Is made if it does not exist.
        reconstruction: What is written.
    """
    folder.mkdir(exist_ok=True, parents=True)
    cameras = list(_cameras(reconstruction))
    images, points = _images_and_points(reconstruction)
    _write_text(folder, cameras, images, points)
    _write_binary(folder, cameras, images, points)


def _cameras(reconstruction: Reconstruction) -> Iterator[tuple[int, int, int, list[float]]]:
    tracks = reconstruction.tracks
    sizes = tracks.sizes
    for index in reconstruction.registered.nonzero()[:, 0].tolist():
        matrix = tracks.intrinsics[index]
        params = [*matrix.diagonal()[:2].tolist(), *matrix[:2, 2].tolist()]
        size = (2 * matrix[:2, 2]).round() if sizes is None else sizes[index]
        width, height = (max(int(value), 1) for value in size.tolist())
        yield index + 1, width, height, params


def _images_and_points(reconstruction: Reconstruction) -> tuple[list[_Image], list[_Point]]:
    tracks, keep = reconstruction.tracks, reconstruction.registered
    focal, center = tracks.focal(), tracks.intrinsics[tracks.camera, :2, 2]
    xy = tracks.normalized() * focal + center
    quaternions = quaternion_from_matrix(reconstruction.rotations[keep])
    poses = torch.cat([quaternions, reconstruction.translations[keep]], 1).tolist()
    on_point = torch.where(reconstruction.inliers, tracks.point + 1, -1)
    place = torch.zeros_like(tracks.camera)
    images = []
    for pose, index in zip(poses, keep.nonzero()[:, 0].tolist(), strict=True):
        rows = (tracks.camera == index).nonzero()[:, 0]
        place[rows] = torch.arange(len(rows))
        images.append(_Image(index + 1, pose, tracks.names[index], xy[rows].tolist(), on_point[rows].tolist()))
    return images, list(_points(reconstruction, place))


def _points(reconstruction: Reconstruction, place: Tensor) -> Iterator[_Point]:
    rows = reconstruction.inliers.nonzero()[:, 0]
    point = reconstruction.tracks.point[rows]
    order = torch.argsort(point, stable=True)
    numbers, counts = point[order].unique_consecutive(return_counts=True)
    errors = reconstruction.errors()[order].split(counts.tolist())
    seen = rows[order].split(counts.tolist())
    positions = reconstruction.points[numbers].tolist()
    for number, position, error, part in zip(numbers.tolist(), positions, errors, seen, strict=True):
        track = zip((reconstruction.tracks.camera[part] + 1).tolist(), place[part].tolist(), strict=True)
        yield _Point(number + 1, position, float(error.mean()), list(track))


def _write_text(
    folder: Path, cameras: list[tuple[int, int, int, list[float]]], images: list[_Image], points: list[_Point]
) -> None:
    with (folder / "cameras.txt").open("w", encoding="utf-8") as file:
        file.write(f"# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]\n# Number of cameras: {len(cameras)}\n")
        for number, width, height, params in cameras:
            file.write(f"{number} PINHOLE {width} {height} {_joined(params)}\n")
    with (folder / "images.txt").open("w", encoding="utf-8") as file:
        file.write("# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME\n# POINTS2D[] as (X, Y, POINT3D_ID)\n")
        file.write(f"# Number of images: {len(images)}\n")
        for image in images:
            file.write(f"{image.number} {_joined(image.pose)} {image.number} {image.name}\n")
            triples = (f"{x:.17g} {y:.17g} {n}" for (x, y), n in zip(image.xy, image.points, strict=True))
            file.write(" ".join(triples) + "\n")
    with (folder / "points3D.txt").open("w", encoding="utf-8") as file:
        file.write("# POINT3D_ID, X, Y, Z, R, G, B, ERROR, TRACK[] as (IMAGE_ID, POINT2D_IDX)\n")
        file.write(f"# Number of points: {len(points)}\n")
        for point in points:
            track = " ".join(f"{image} {index}" for image, index in point.track)
            color = f"{_GRAY} {_GRAY} {_GRAY}"
            file.write(f"{point.number} {_joined(point.position)} {color} {point.error:.17g} {track}\n")


def _joined(values: list[float]) -> str:
    return " ".join(f"{value:.17g}" for value in values)


def _write_binary(
    folder: Path, cameras: list[tuple[int, int, int, list[float]]], images: list[_Image], points: list[_Point]
) -> None:
    with (folder / "cameras.bin").open("wb") as file:
        file.write(struct.pack("<Q", len(cameras)))
        for number, width, height, params in cameras:
            file.write(struct.pack("<iiQQ4d", number, _PINHOLE, width, height, *params))
    with (folder / "images.bin").open("wb") as file:
        file.write(struct.pack("<Q", len(images)))
        for image in images:
            file.write(struct.pack("<i7di", image.number, *image.pose, image.number))
            file.write(image.name.encode() + b"\0" + struct.pack("<Q", len(image.xy)))
            for (x, y), number in zip(image.xy, image.points, strict=True):
                file.write(struct.pack("<ddq", x, y, number))
    with (folder / "points3D.bin").open("wb") as file:
        file.write(struct.pack("<Q", len(points)))
        for point in points:
            file.write(struct.pack("<Q3d3Bd", point.number, *point.position, _GRAY, _GRAY, _GRAY, point.error))
            file.write(struct.pack("<Q", len(point.track)))
            for number, index in point.track:
                file.write(struct.pack("<ii", number, index))
