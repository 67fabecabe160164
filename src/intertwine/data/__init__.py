"""Data: sets of point clouds and of images, the readers and writers of users' files, public sets, splits, batches.

Every public name is loaded when it is first used: what the command line needs to answer a typing error (`QM9_TARGETS`,
`RECIPES`, `user_cache`) imports neither torch nor ase.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from intertwine.data._cache import user_cache
    from intertwine.data._constructors import molecules, shapes
    from intertwine.data._dataset import PointCloudDataset
    from intertwine.data._elements import CHEMICAL_SYMBOLS
    from intertwine.data._estimated_normals import estimate_normals
    from intertwine.data._lazy_names import LazyNames
    from intertwine.data._near_duplicates import near_duplicate_groups
    from intertwine.data._neighbors import NearestNeighbors, NeighborRule, RadiusNeighbors
    from intertwine.data._normalization import center, unit_sphere
    from intertwine.data._point_cloud_batch import PointCloudBatch
    from intertwine.data._point_cloud_set import PointCloudSet
    from intertwine.data._ragged import offsets_from_counts
    from intertwine.data._sampling import Cloud, Surface
    from intertwine.data._split import Split, make_split, stratified_split
    from intertwine.data._writing import write_atoms_csv, write_csv, write_extxyz
    from intertwine.data.images import (
        IGNORED,
        ImageBatch,
        ImageFile,
        ImageLayout,
        ImageSet,
        border_color,
        image_files,
        iter_images,
        read_image,
        read_images,
        rotate_images,
        to_float,
        unfit_mask,
        warp_images,
        write_mask,
    )
    from intertwine.data.networks import NetworkSet, iter_networks, read_networks, read_state_dict
    from intertwine.data.public import (
        QM9_TARGETS,
        RECIPES,
        Recipe,
        TargetInfo,
        circuit_parts,
        fashion_mnist,
        fit_sine_networks,
        furniture,
        mnist,
        mnist_inrs,
        qm9,
        rotated_mnist,
    )
    from intertwine.data.readers import (
        CheckedAtoms,
        CloudChunk,
        check_atoms,
        find_targets,
        iter_atoms,
        iter_shapes,
        iter_structures,
        read_cloud,
        read_shapes,
        read_structures,
        sample_shapes,
    )

__all__ = [
    "CHEMICAL_SYMBOLS",
    "IGNORED",
    "QM9_TARGETS",
    "RECIPES",
    "CheckedAtoms",
    "Cloud",
    "CloudChunk",
    "ImageBatch",
    "ImageFile",
    "ImageLayout",
    "ImageSet",
    "LazyNames",
    "NearestNeighbors",
    "NeighborRule",
    "NetworkSet",
    "PointCloudBatch",
    "PointCloudDataset",
    "PointCloudSet",
    "RadiusNeighbors",
    "Recipe",
    "Split",
    "Surface",
    "TargetInfo",
    "border_color",
    "center",
    "check_atoms",
    "circuit_parts",
    "estimate_normals",
    "fashion_mnist",
    "find_targets",
    "fit_sine_networks",
    "furniture",
    "image_files",
    "iter_atoms",
    "iter_images",
    "iter_networks",
    "iter_shapes",
    "iter_structures",
    "make_split",
    "mnist",
    "mnist_inrs",
    "molecules",
    "near_duplicate_groups",
    "offsets_from_counts",
    "qm9",
    "read_cloud",
    "read_image",
    "read_images",
    "read_networks",
    "read_shapes",
    "read_state_dict",
    "read_structures",
    "rotate_images",
    "rotated_mnist",
    "sample_shapes",
    "shapes",
    "stratified_split",
    "to_float",
    "unfit_mask",
    "unit_sphere",
    "user_cache",
    "warp_images",
    "write_atoms_csv",
    "write_csv",
    "write_extxyz",
    "write_mask",
]

_HOMES = {
    "CHEMICAL_SYMBOLS": "_elements",
    "IGNORED": "images",
    "QM9_TARGETS": "public",
    "RECIPES": "public",
    "CheckedAtoms": "readers",
    "Cloud": "_sampling",
    "CloudChunk": "readers",
    "ImageBatch": "images",
    "ImageFile": "images",
    "ImageLayout": "images",
    "ImageSet": "images",
    "LazyNames": "_lazy_names",
    "NearestNeighbors": "_neighbors",
    "NeighborRule": "_neighbors",
    "NetworkSet": "networks",
    "PointCloudBatch": "_point_cloud_batch",
    "PointCloudDataset": "_dataset",
    "PointCloudSet": "_point_cloud_set",
    "RadiusNeighbors": "_neighbors",
    "Recipe": "public",
    "Split": "_split",
    "Surface": "_sampling",
    "TargetInfo": "public",
    "border_color": "images",
    "center": "_normalization",
    "check_atoms": "readers",
    "circuit_parts": "public",
    "estimate_normals": "_estimated_normals",
    "fashion_mnist": "public",
    "fit_sine_networks": "public",
    "find_targets": "readers",
    "furniture": "public",
    "image_files": "images",
    "iter_atoms": "readers",
    "iter_images": "images",
    "iter_networks": "networks",
    "iter_shapes": "readers",
    "iter_structures": "readers",
    "make_split": "_split",
    "mnist": "public",
    "mnist_inrs": "public",
    "molecules": "_constructors",
    "near_duplicate_groups": "_near_duplicates",
    "offsets_from_counts": "_ragged",
    "qm9": "public",
    "read_cloud": "readers",
    "read_image": "images",
    "read_images": "images",
    "read_networks": "networks",
    "read_shapes": "readers",
    "read_state_dict": "networks",
    "read_structures": "readers",
    "rotate_images": "images",
    "rotated_mnist": "public",
    "sample_shapes": "readers",
    "shapes": "_constructors",
    "stratified_split": "_split",
    "to_float": "images",
    "unfit_mask": "images",
    "unit_sphere": "_normalization",
    "user_cache": "_cache",
    "warp_images": "images",
    "write_atoms_csv": "_writing",
    "write_csv": "_writing",
    "write_extxyz": "_writing",
    "write_mask": "images",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
