"""Readers of users' files: structures (XYZ and what ase reads), meshes, point files, folders of shapes."""

from intertwine.data.readers._checked_atoms import CheckedAtoms, iter_atoms
from intertwine.data.readers._cloud_file import read_cloud
from intertwine.data.readers._point_files import SHAPE_SUFFIXES, read_shape
from intertwine.data.readers._shape_chunks import CloudChunk, iter_shapes, sample_shapes
from intertwine.data.readers._shape_folders import PART_OF_FOLDER
from intertwine.data.readers._shapes import read_shapes
from intertwine.data.readers._structure_record import check_atoms
from intertwine.data.readers._structure_targets import TargetLayout
from intertwine.data.readers._structures import find_targets, iter_structures, read_structures
from intertwine.data.readers.meshes import join_surfaces, read_mesh, read_vrml, require_trimesh

__all__ = [
    "PART_OF_FOLDER",
    "SHAPE_SUFFIXES",
    "CheckedAtoms",
    "CloudChunk",
    "TargetLayout",
    "check_atoms",
    "find_targets",
    "iter_atoms",
    "iter_shapes",
    "iter_structures",
    "join_surfaces",
    "read_cloud",
    "read_mesh",
    "read_shape",
    "read_shapes",
    "read_structures",
    "read_vrml",
    "require_trimesh",
    "sample_shapes",
]
