"""COLMAP databases: keypoints and verified matches, joined to tracks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from intertwine._errors import UsageError
from intertwine.data.tracks._cameras import FileCamera, FileImage, tracks_from_images
from intertwine.data.tracks._colmap_binary import MODEL_NAMES
from intertwine.data.tracks._tracks import Tracks

_PAIR_BASE = 2147483647


def read_colmap_database(path: Path) -> Tracks:
    """The tracks of a COLMAP database: chains of matched keypoints, of verified pairs where there are any.

    Args:
        path: The SQLite file.

    Raises:
        UsageError: It is not such a database, or has no matches.
    """
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            return _read(path, database)
    except sqlite3.Error as error:
        raise UsageError(f"{path}: not a COLMAP database ({error}); expected keypoints, matches, cameras") from error


def _read(path: Path, database: sqlite3.Connection) -> Tracks:
    cameras = {
        number: FileCamera(MODEL_NAMES.get(model, str(model)), width, height, torch.tensor(np.frombuffer(params)))
        for number, model, width, height, params in database.execute(
            "SELECT camera_id, model, width, height, params FROM cameras"
        )
    }
    images = list(database.execute("SELECT image_id, name, camera_id FROM images ORDER BY image_id"))
    keypoints = {
        number: np.frombuffer(data or b"", np.float32).reshape(rows, -1)[:, :2]
        for number, rows, data in database.execute("SELECT image_id, rows, data FROM keypoints WHERE rows > 0")
    }
    starts, total = {}, 0
    for number, _, _ in images:
        starts[number] = total
        total += len(keypoints.get(number, ()))
    joined = list(_matches(path, database, starts, keypoints))
    if not joined:
        raise UsageError(f"{path}: no matches in it; match its images first, with COLMAP's exhaustive_matcher")
    edges = np.concatenate(joined)
    graph = coo_array((np.ones(len(edges), bool), (edges[:, 0], edges[:, 1])), shape=(total, total))
    _, labels = connected_components(graph, directed=False)
    labels = np.where(np.bincount(labels, minlength=1)[labels] >= 2, labels, -1)
    found = []
    for number, name, camera in images:
        xy = keypoints.get(number, np.zeros((0, 2), np.float32))
        point = labels[starts[number] : starts[number] + len(xy)].astype(np.int64)
        found.append(FileImage(name, camera, None, torch.tensor(xy, dtype=torch.float64), torch.tensor(point)))
    return tracks_from_images(str(path), cameras, found)


def _matches(
    path: Path, database: sqlite3.Connection, starts: dict[int, int], keypoints: dict[int, np.ndarray]
) -> Iterator[np.ndarray]:
    """Pairs of keypoints, ``(K, 2)``, numbered through all images."""
    for table in ("two_view_geometries", "matches"):
        rows = list(database.execute(f"SELECT pair_id, rows, data FROM {table} WHERE rows > 0"))
        for pair, count, data in rows:
            first, second = divmod(pair, _PAIR_BASE)
            numbers = np.frombuffer(data, np.uint32).reshape(count, -1)[:, :2].astype(np.int64)
            sizes = [len(keypoints.get(image, ())) for image in (first, second)]
            if first not in starts or second not in starts or bool((numbers >= sizes).any()):
                raise UsageError(f"{path}: matches of images {first} and {second} name keypoints that are not there")
            yield numbers + np.array([starts[first], starts[second]])
        if rows:
            return
