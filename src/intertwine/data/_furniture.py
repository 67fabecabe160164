"""Furniture of the Debian package `sweethome3d-furniture`, by a hand-checked table of classes."""

from __future__ import annotations

import csv
import io
import json
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

from intertwine.data._cache import load_cached, store_cached, user_cache
from intertwine.data._debian import DebianPackage, package_files
from intertwine.data._mesh_set import pack_surfaces, sample_surfaces
from intertwine.data._meshes import read_mesh, require_trimesh
from intertwine.data._recipes import Progress
from intertwine.data._sampling import Surface
from intertwine.data._shape_set import ShapeSet
from intertwine.data._shapes import PARTS, from_tensors

PACKAGE = DebianPackage(
    "sweethome3d-furniture", "1.8-1", 119782356, "3ccb90c63f9525e887a767b9cd5c8b6933b8b6b2973a615a5359ee68a2118668"
)
_FORMAT = 1
_UPRIGHT = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""The catalogues have y up and z towards the viewer; here z is up."""


class Row(NamedTuple):
    """One model: its class, its part of the split, its group of near-twins ("" when it has none), its id and name."""

    label: str
    part: str
    kin: str
    model: str
    name: str


def table() -> list[Row]:
    """The table of classes."""
    text = files("intertwine.data").joinpath("_furniture.csv").read_text("utf-8")
    rows = csv.reader(line for line in text.splitlines() if not line.startswith("#"))
    return [Row(*row) for row in rows][1:]


def furniture(points: int = 512, seed: int = 0, *, draws: int = 1, progress: Progress | None = None) -> ShapeSet:
    """Furniture, plants, people, vehicles and more: models of Sweet Home 3D's catalogues, CC-BY 3.0 and CC0.

    Classes and split are those of a table inside the package; near-twins stand in one part of the split. z is up. The
    first call fetches the package and keeps the meshes in `user_cache()`; the clouds of each (points, seed, draws) are
    kept too.

    Args:
        points: how many points each cloud has.
        seed: of the sampling; the split is always the same.
        draws: how many such clouds of each shape, one after the other along its points; see `ShapeSet.unfold`.
        progress: called with (bytes fetched, bytes in all), then with (models read, models in all).

    Raises:
        UsageError: the package cannot be had, or trimesh is not installed.

    >>> furniture().class_counts["vehicle"]    # doctest: +SKIP
    27
    """
    rows = table()
    key = {"format": _FORMAT, "version": PACKAGE.version, "table": zlib.crc32(repr(rows).encode())}
    clouds = user_cache() / "shapes" / f"furniture-{points}-{seed}-{draws}.safetensors"
    asked = {**key, "points": points, "seed": seed, "draws": draws}
    tensors = load_cached(clouds, asked)
    if tensors is None:
        tensors = sample_surfaces(meshes(progress), points, seed, draws)
        names = sorted({row.label for row in rows})
        tensors["classes"] = torch.tensor([names.index(row.label) for row in rows])
        tensors["split"] = torch.tensor([PARTS.index(row.part) for row in rows])
        words = {"classes": names, "parts": [], "names": [row.model for row in rows], "skipped": []}
        tensors["words"] = torch.frombuffer(bytearray(json.dumps(words).encode()), dtype=torch.uint8)
        store_cached(clouds, asked, tensors)
    return from_tensors(tensors)


def meshes(progress: Progress | None = None) -> dict[str, Tensor]:
    """The surfaces of the table's models in its order, z up, in centimeters, as `pack_surfaces` has them."""
    rows = table()
    path = user_cache() / "furniture.safetensors"
    key = {
        "format": _FORMAT,
        "version": PACKAGE.version,
        "models": zlib.crc32(repr([row.model for row in rows]).encode()),
    }
    tensors = load_cached(path, key)
    if tensors is None:
        require_trimesh()
        found: dict[str, Surface] = {}
        wanted = {row.model for row in rows}
        with PACKAGE.open(progress) as package:
            for _, content in package_files(package, lambda name: name.endswith(".sh3f")):
                for model, surface in _irrep_table(content, wanted):
                    found[model] = surface
                    if progress is not None:
                        progress(len(found), len(rows))
        tensors = pack_surfaces([found[row.model] for row in rows])
        store_cached(path, key, tensors)
    return tensors


def _irrep_table(content: bytes, wanted: set[str]) -> Iterator[tuple[str, Surface]]:
    """The wanted models of one catalogue: a zip with a table of properties and OBJ files."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        text = archive.read("PluginFurnitureCatalog.properties").decode("latin-1")
        for entry in _properties(text).values():
            if entry["id"] not in wanted:
                continue
            place = entry["model"].lstrip("/")
            surface = read_mesh(PurePosixPath(place), archive.read(place))
            assert isinstance(surface, Surface), "every model of the table has faces"
            turn = np.array(entry.get("modelRotation", "1 0 0 0 1 0 0 0 1").split(), dtype=np.float64).reshape(3, 3)
            yield entry["id"], surface._replace(vertices=surface.vertices @ (_UPRIGHT @ turn).T, vertex_labels=None)


def _properties(text: str) -> dict[str, dict[str, str]]:
    """Lines such as ``model#12=/a/b.obj`` -> {"12": {"model": "/a/b.obj"}}."""
    entries: dict[str, dict[str, str]] = {}
    for name, number, value in re.findall(r"^(\w+)#(\d+)\s*=\s*(.*?)\s*$", text, re.MULTILINE):
        entries.setdefault(number, {})[name] = value
    return entries
