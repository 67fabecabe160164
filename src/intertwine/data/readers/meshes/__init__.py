"""Readers of meshes: OFF, PLY, OBJ, STL, glTF, and the VRML that KiCad writes."""

from intertwine.data.readers.meshes._formats import MESH_SUFFIXES, join_surfaces, read_mesh, require_trimesh
from intertwine.data.readers.meshes._stl import check_binary_stl, is_binary_stl
from intertwine.data.readers.meshes._vrml import read_vrml

__all__ = [
    "MESH_SUFFIXES",
    "check_binary_stl",
    "is_binary_stl",
    "join_surfaces",
    "read_mesh",
    "read_vrml",
    "require_trimesh",
]
