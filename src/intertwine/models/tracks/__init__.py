"""Networks on tracks: structure from motion."""

from intertwine.models.tracks._residual_tracks_network import ResidualTracksNetwork
from intertwine.models.tracks._tracks_model import CamerasAndPoints, TracksModel
from intertwine.models.tracks._tracks_network import TracksNetwork

__all__ = ["CamerasAndPoints", "ResidualTracksNetwork", "TracksModel", "TracksNetwork"]
