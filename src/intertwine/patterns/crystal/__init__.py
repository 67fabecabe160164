"""Crystallographic groups: symmetry operations, point groups, frieze, wallpaper and space groups."""

from intertwine.patterns.crystal._crystal_classes import CRYSTAL_CLASSES, crystal_class
from intertwine.patterns.crystal._crystal_group import CrystalGroup, PointGroup
from intertwine.patterns.crystal._operation import Operation
from intertwine.patterns.crystal._plane_groups import (
    FRIEZES,
    WALLPAPERS,
    WallpaperType,
    frieze,
    has_mirror,
    wallpaper,
    wallpaper_name,
)
from intertwine.patterns.crystal._space_groups import SpaceGroupType, space_group, space_group_types

__all__ = [
    "CRYSTAL_CLASSES",
    "FRIEZES",
    "WALLPAPERS",
    "CrystalGroup",
    "Operation",
    "PointGroup",
    "SpaceGroupType",
    "WallpaperType",
    "crystal_class",
    "frieze",
    "has_mirror",
    "space_group",
    "space_group_types",
    "wallpaper",
    "wallpaper_name",
]
