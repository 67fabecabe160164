"""Circuit parts: models of the Debian package `kicad-packages3d`, each point's part told by its material."""

from __future__ import annotations

import re
import tomllib
import zlib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from importlib.resources import files
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from intertwine._progress import ProgressCallback, no_progress
from intertwine.data._cache import load_cached, store_cached, user_cache
from intertwine.data._constructors import shapes
from intertwine.data._packing import pack_clouds, pack_json, unpack_clouds, unpack_json
from intertwine.data._point_cloud_set import PointCloudSet
from intertwine.data._ragged import offsets_from_counts
from intertwine.data._sampling import ShapeError, Surface
from intertwine.data._split import Split, stratified_split
from intertwine.data.public._debian import DebianPackage, package_files, package_list
from intertwine.data.public._mesh_set import pack_surfaces, sample_surfaces
from intertwine.data.readers import join_surfaces, read_vrml

PACKAGE = DebianPackage(
    "kicad-packages3d", "6.0.10-1", 379092288, "e4ee3179c3935885a262e41543a675208ad5b3077d348728cac46f534d01109a"
)
_MESH_FORMAT, _CLOUD_FORMAT = 1, 2
_ROOT = "usr/share/kicad/3dmodels/"


class Category(NamedTuple):
    """One kind of component: which files it takes, its families of like files, and part -> materials, as globs."""

    name: str
    files: tuple[str, ...]
    families: tuple[str, ...]
    materials: dict[str, tuple[str, ...]]


class Table(NamedTuple):
    """The table: categories, parts, how many of a family are taken, the seed of the split, single files left out."""

    categories: tuple[Category, ...]
    parts: tuple[str, ...]
    largest_family: int
    split_seed: int
    left_out: frozenset[str]


def table() -> Table:
    """The table of categories and materials."""
    content = tomllib.loads(files("intertwine.data.public").joinpath("_circuit_parts.toml").read_text("utf-8"))
    parts = tuple(content["parts"])
    categories = tuple(
        Category(
            entry["name"],
            tuple(entry["files"]),
            tuple(entry["families"]),
            {part: tuple(entry[part]) for part in parts if part in entry},
        )
        for entry in content["category"]
    )
    return Table(categories, parts, content["largest_family"], content["split_seed"], frozenset(content["left_out"]))


def circuit_parts(
    points: int = 512, seed: int = 0, *, draws: int = 1, progress: ProgressCallback = no_progress
) -> PointCloudSet:
    """Electronic parts of KiCad's library with a part for each point: CC-BY-SA 4.0 with an exception.

    Categories and what a material means in each are those of a table inside the package. The split keeps families
    together: models that differ by size or number of pins. z is up, the board is z = 0 before centering. The first call
    fetches the package and caches the meshes in `user_cache()`, and the clouds of each (points, seed, draws) too.

    Args:
        points: how many points each cloud has.
        seed: of the sampling; the split is always the same.
        draws: how many such clouds of each shape, one after the other along its points; see `PointCloudSet.unfold`.
        progress: called with (bytes fetched, bytes in all), then with (models read, models in all).

    Raises:
        UsageError: the package cannot be had.

    >>> circuit_parts().label_names["parts"]    # doctest: +SKIP
    ('actuator', 'body', 'housing', 'lens', 'marking', 'terminal', 'winding')
    """
    plan = table()
    path = user_cache() / "shapes" / f"circuit-parts-{points}-{seed}-{draws}.safetensors"
    source = {"format": _CLOUD_FORMAT, "version": PACKAGE.version, "table": _checksum(plan)}
    key = {**source, "points": points, "seed": seed, "draws": draws}
    tensors = load_cached(path, key)
    if tensors is not None:
        return unpack_clouds(tensors)
    surfaces = meshes(progress)
    files_of_models = unpack_json(surfaces["words"])
    sampled = sample_surfaces(surfaces, points, seed, draws)
    classes, class_names, split = _classify(files_of_models, plan)
    clouds = shapes(
        sampled["positions"],
        offsets_from_counts(sampled["counts"]),
        classes,
        class_names,
        sampled["parts"],
        plan.parts,
        sampled["normals"],
        names=[_plain(name) for name in files_of_models],
        split=split,
    )
    store_cached(path, key, pack_clouds(clouds))
    return clouds


def meshes(progress: ProgressCallback = no_progress) -> dict[str, Tensor]:
    """The surfaces of all models that are taken, as `pack_surfaces` has them, and their names as JSON in "words"."""
    plan = table()
    path = user_cache() / "circuit-parts.safetensors"
    key = {"format": _MESH_FORMAT, "version": PACKAGE.version, "table": _checksum(plan._replace(split_seed=0))}
    tensors = load_cached(path, key)
    if tensors is None:
        found: dict[str, Surface] = {}
        with PACKAGE.open(progress) as package:
            listed = (name.removeprefix(_ROOT) for name in package_list(package) if name.startswith(_ROOT))
            selected = set(choose([name for name in listed if name.endswith(".wrl")], plan))
            for number, (name, content) in enumerate(
                package_files(package, lambda name: name.removeprefix(_ROOT) in selected), 1
            ):
                surface = labeled(name.removeprefix(_ROOT), content.decode("latin-1"), plan)
                if surface is not None:
                    found[name.removeprefix(_ROOT)] = surface
                progress(number, len(selected))
        names = sorted(found)
        tensors = pack_surfaces([found[name] for name in names])
        tensors["words"] = pack_json(names)
        store_cached(path, key, tensors)
    return tensors


def choose(names: Sequence[str], plan: Table) -> list[str]:
    """Of each family at most the largest number that the table allows, evenly along its natural order."""
    families: dict[str, list[str]] = {}
    for name in names:
        if category_of(name, plan) is not None:
            families.setdefault(family_of(name, plan), []).append(name)
    selected = []
    for members in families.values():
        members.sort(key=_natural)
        evenly = np.linspace(0, len(members) - 1, min(len(members), plan.largest_family)).round().astype(int)
        selected += [members[index] for index in evenly]
    return sorted(name for name in selected if _plain(name) not in plan.left_out)


def category_of(name: str, plan: Table) -> Category | None:
    """The first category that takes a file, named folder.3dshapes/name.wrl; None when there is none."""
    return next((one for one in plan.categories if _fits(_plain(name), one.files)), None)


def family_of(name: str, plan: Table) -> str:
    """The category and the first of its families that a file fits.

    >>> family_of("Package_SO.3dshapes/SOIC-16W_7.5x10.3mm_P1.27mm.wrl", table())
    'leaded package *SOIC*'
    """
    category = category_of(name, plan)
    if category is None:
        return ""
    return f"{category.name} {next((glob for glob in category.families if _fits(_plain(name), [glob])), 'others')}"


def labeled(name: str, text: str, plan: Table) -> Surface | None:
    """One model with a part for each face; None when its category does not name a material, or it has one part."""
    category = category_of(name, plan)
    materials = {} if category is None else category.materials
    try:
        shapes = read_vrml(text)
    except ShapeError:
        return None
    surfaces, found = [], set()
    for material, surface in shapes:
        part = next((part for part, globs in materials.items() if _fits(material, globs)), None)
        if part is None:
            return None
        found.add(part)
        surfaces.append(surface._replace(face_labels=np.full(len(surface.faces), plan.parts.index(part))))
    return join_surfaces(surfaces) if len(found) > 1 else None


def _checksum(plan: Table) -> int:
    return zlib.crc32(repr(plan._replace(left_out=frozenset())).encode() + repr(sorted(plan.left_out)).encode())


def _plain(name: str) -> str:
    return name.replace(".3dshapes/", "/").removesuffix(".wrl")


def _fits(text: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(text, glob) for glob in globs)


def _classify(names: list[str], plan: Table) -> tuple[Tensor, list[str], Split]:
    """The category of each model, the names of the categories, and the split that keeps families together."""
    categories = [category for name in names if (category := category_of(name, plan)) is not None]
    class_names = sorted({category.name for category in categories})
    classes = torch.tensor([class_names.index(category.name) for category in categories])
    families = [family_of(name, plan) for name in names]
    order = sorted(set(families))
    groups = [order.index(family) for family in families]
    found = stratified_split(classes, validation=0.15, test=0.25, seed=plan.split_seed, groups=groups)
    train, validation, test = (part.sort().values for part in (found.train, found.validation, found.test))
    return classes, class_names, Split(len(names), train, validation, test, seed=0)


def _natural(name: str) -> list[tuple[int, str]]:
    """Numbers in names by their value: 1x02 before 1x10."""
    return [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in re.split(r"(\d+)", name)]
