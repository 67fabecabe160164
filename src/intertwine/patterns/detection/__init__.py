"""Detection of the lattice and the wallpaper group of an image."""

from intertwine.patterns.detection._detect import detect
from intertwine.patterns.detection._detection import Detection

__all__ = ["Detection", "detect"]
