"""Frames of point clouds, and networks made equivariant by them."""

from intertwine.models.frames._canonicalization import Backbone, Canonicalization
from intertwine.models.frames._learned_frame import LearnedFrame
from intertwine.models.frames._principal_frames import FrameAverage, PrincipalFrame

__all__ = ["Backbone", "Canonicalization", "FrameAverage", "LearnedFrame", "PrincipalFrame"]
