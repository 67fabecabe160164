"""Local features of images: the scale-invariant feature transform (SIFT), and nearest-neighbor matching."""

from intertwine.ops.local_features._keypoints import Keypoints
from intertwine.ops.local_features._match import match_descriptors
from intertwine.ops.local_features._sift import sift

__all__ = ["Keypoints", "match_descriptors", "sift"]
