"""Symmetric patterns: the 7 frieze, 17 wallpaper and 230 space groups; drawing them and detecting them in images."""

from intertwine.patterns._draw import PALETTES, Canvas, draw_motif, draw_pattern
from intertwine.patterns._image_files import check_writable, read_image, write_image
from intertwine.patterns._lattices import PLANE_LATTICES, lattice_cell, lattice_parameters, reduced_cell
from intertwine.patterns._pattern import Pattern, random_pattern
from intertwine.patterns._symmetrize import symmetrize, symmetrize_cell
from intertwine.patterns.crystal import (
    CRYSTAL_CLASSES,
    FRIEZES,
    WALLPAPERS,
    CrystalGroup,
    Operation,
    PointGroup,
    SpaceGroupType,
    WallpaperType,
    crystal_class,
    frieze,
    space_group,
    space_group_types,
    wallpaper,
    wallpaper_name,
)
from intertwine.patterns.detection import Detection, detect

__all__ = [
    "CRYSTAL_CLASSES",
    "FRIEZES",
    "PALETTES",
    "PLANE_LATTICES",
    "WALLPAPERS",
    "Canvas",
    "CrystalGroup",
    "Detection",
    "Operation",
    "Pattern",
    "PointGroup",
    "SpaceGroupType",
    "WallpaperType",
    "check_writable",
    "crystal_class",
    "detect",
    "draw_motif",
    "draw_pattern",
    "frieze",
    "lattice_cell",
    "lattice_parameters",
    "random_pattern",
    "read_image",
    "reduced_cell",
    "space_group",
    "space_group_types",
    "symmetrize",
    "symmetrize_cell",
    "wallpaper",
    "wallpaper_name",
    "write_image",
]
