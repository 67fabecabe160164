"""Tracks: points of a scene seen by several cameras, their readers, and synthetic scenes."""

from intertwine.data.tracks._random_scene import random_scene
from intertwine.data.tracks._read_tracks import read_tracks, scene_names
from intertwine.data.tracks._synthetic import synthetic_tracks, with_outliers
from intertwine.data.tracks._tracks import CameraPoses, Tracks

__all__ = ["CameraPoses", "Tracks", "random_scene", "read_tracks", "scene_names", "synthetic_tracks", "with_outliers"]
