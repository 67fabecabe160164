"""Furniture: models of the Debian package `sweethome3d-furniture`, in classes of a hand-checked table."""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from intertwine._progress import ProgressCallback, no_progress
from intertwine.data._cache import load_cached, store_cached, user_cache
from intertwine.data._constructors import shapes
from intertwine.data._packing import pack_clouds, unpack_clouds
from intertwine.data._point_cloud_set import PointCloudSet
from intertwine.data._ragged import offsets_from_counts
from intertwine.data._sampling import Surface
from intertwine.data._split import SPLIT_PARTS, split_from_parts
from intertwine.data.public._debian import DebianPackage, package_files
from intertwine.data.public._mesh_set import pack_surfaces, sample_surfaces
from intertwine.data.readers import read_mesh

PACKAGE = DebianPackage(
    "sweethome3d-furniture", "1.8-1", 119782356, "3ccb90c63f9525e887a767b9cd5c8b6933b8b6b2973a615a5359ee68a2118668"
)
_MESH_FORMAT, _CLOUD_FORMAT = 1, 2
_UPRIGHT = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""The catalogs have y up and z towards the viewer; here z is up."""


class Row(NamedTuple):
    """One model: its class, its part of the split, its group of near-duplicates ("" for none), its id and name."""

    label: str
    part: str
    duplicate_group: str
    model: str
    name: str


def table() -> list[Row]:
    """The table of classes."""
    text = files("intertwine.data.public").joinpath("_furniture.csv").read_text("utf-8")
    rows = csv.reader(line for line in text.splitlines() if not line.startswith("#"))
    return [Row(*row) for row in rows][1:]


def furniture(
    points: int = 512, seed: int = 0, *, draws: int = 1, progress: ProgressCallback = no_progress
) -> PointCloudSet:
    """Furniture, plants, people, vehicles and more: models of Sweet Home 3D's catalogs, CC-BY 3.0 and CC0.

    Classes and split are those of a table inside the package; near-duplicates stand in one part of the split. z is up.
    The first call fetches the package and caches the meshes in `user_cache()`; the clouds of each (points, seed, draws)
    are cached too.

    Args:
        points: how many points each cloud has.
        seed: of the sampling; the split is always the same.
        draws: how many such clouds of each shape, one after the other along its points; see `PointCloudSet.unfold`.
        progress: called with (bytes fetched, bytes in all), then with (models read, models in all).

    Raises:
        UsageError: the package cannot be had, or trimesh is not installed.

    >>> furniture().label_counts("classes")["vehicle"]    # doctest: +SKIP
    27
    """
    rows = table()
    path = user_cache() / "shapes" / f"furniture-{points}-{seed}-{draws}.safetensors"
    source = {"format": _CLOUD_FORMAT, "version": PACKAGE.version, "table": zlib.crc32(repr(rows).encode())}
    key = {**source, "points": points, "seed": seed, "draws": draws}
    tensors = load_cached(path, key)
    if tensors is not None:
        return unpack_clouds(tensors)
    sampled = sample_surfaces(meshes(progress), points, seed, draws)
    class_names = sorted({row.label for row in rows})
    clouds = shapes(
        sampled["positions"],
        offsets_from_counts(sampled["counts"]),
        torch.tensor([class_names.index(row.label) for row in rows]),
        class_names,
        normals=sampled["normals"],
        names=[row.model for row in rows],
        split=split_from_parts(torch.tensor([SPLIT_PARTS.index(row.part) for row in rows])),
    )
    store_cached(path, key, pack_clouds(clouds))
    return clouds


def meshes(progress: ProgressCallback = no_progress) -> dict[str, Tensor]:
    """The surfaces of the table's models in its order, z up, in centimeters, as `pack_surfaces` has them."""
    rows = table()
    path = user_cache() / "furniture.safetensors"
    key = {
        "format": _MESH_FORMAT,
        "version": PACKAGE.version,
        "models": zlib.crc32(repr([row.model for row in rows]).encode()),
    }
    tensors = load_cached(path, key)
    if tensors is None:
        found: dict[str, Surface] = {}
        wanted = {row.model for row in rows}
        with PACKAGE.open(progress) as package:
            for _, content in package_files(package, lambda name: name.endswith(".sh3f")):
                for model, surface in _catalog(content, wanted):
                    found[model] = surface
                    progress(len(found), len(rows))
        tensors = pack_surfaces([found[row.model] for row in rows])
        store_cached(path, key, tensors)
    return tensors


def _catalog(content: bytes, wanted: set[str]) -> Iterator[tuple[str, Surface]]:
    """The wanted models of one catalog: a zip with a table of properties and OBJ files."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        text = archive.read("PluginFurnitureCatalog.properties").decode("latin-1")
        for entry in _properties(text).values():
            if entry["id"] not in wanted:
                continue
            member = entry["model"].lstrip("/")
            surface = read_mesh(PurePosixPath(member), archive.read(member))
            assert isinstance(surface, Surface), "every model of the table has faces"
            rotation = np.array(entry.get("modelRotation", "1 0 0 0 1 0 0 0 1").split(), dtype=np.float64).reshape(3, 3)
            yield entry["id"], surface._replace(vertices=surface.vertices @ (_UPRIGHT @ rotation).T, vertex_labels=None)


def _properties(text: str) -> dict[str, dict[str, str]]:
    """Lines such as ``model#12=/a/b.obj`` -> {"12": {"model": "/a/b.obj"}}."""
    entries: dict[str, dict[str, str]] = {}
    for name, number, value in re.findall(r"^(\w+)#(\d+)\s*=\s*(.*?)\s*$", text, re.MULTILINE):
        entries.setdefault(number, {})[name] = value
    return entries
