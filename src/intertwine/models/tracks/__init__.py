"""Networks on tracks: structure from motion."""

from intertwine.models.tracks._tracks_network import CamerasAndPoints, TracksNetwork

__all__ = ["CamerasAndPoints", "TracksNetwork"]
