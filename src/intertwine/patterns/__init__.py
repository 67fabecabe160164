"""Symmetric patterns: the 7 frieze, 17 wallpaper and 230 space groups; drawing them, and naming them from a picture."""

from intertwine.patterns._cells import SYSTEMS, cell_of, reduced
from intertwine.patterns._classes import CRYSTAL_CLASSES, crystal_class
from intertwine.patterns._crystal import CrystalGroup, PointGroup
from intertwine.patterns._detect import detect
from intertwine.patterns._detection import Detection
from intertwine.patterns._draw import PALETTES, Canvas, draw_motif, draw_pattern
from intertwine.patterns._files import check_writable, read_image, write_image
from intertwine.patterns._operation import Operation
from intertwine.patterns._pattern import Pattern, random_pattern
from intertwine.patterns._planar import FRIEZES, WALLPAPERS, WallpaperType, frieze, wallpaper, wallpaper_name
from intertwine.patterns._space import SpaceGroupType, space_group, space_group_types
from intertwine.patterns._symmetrize import symmetrize, symmetrize_cell

__all__ = [
    "CRYSTAL_CLASSES",
    "FRIEZES",
    "PALETTES",
    "SYSTEMS",
    "WALLPAPERS",
    "Canvas",
    "CrystalGroup",
    "Detection",
    "Operation",
    "Pattern",
    "PointGroup",
    "SpaceGroupType",
    "WallpaperType",
    "cell_of",
    "check_writable",
    "crystal_class",
    "detect",
    "draw_motif",
    "draw_pattern",
    "frieze",
    "random_pattern",
    "read_image",
    "reduced",
    "space_group",
    "space_group_types",
    "symmetrize",
    "symmetrize_cell",
    "wallpaper",
    "wallpaper_name",
    "write_image",
]
