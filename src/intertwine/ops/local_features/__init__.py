"""Local features of images: the scale-invariant feature transform (SIFT), keypoints of score maps, matching."""

from intertwine.ops.local_features._keypoints import Keypoints
from intertwine.ops.local_features._match import match_descriptors
from intertwine.ops.local_features._sampling import SampledKeypoints, sample_keypoints, sampling_log_probabilities
from intertwine.ops.local_features._selection import disc_maximum, select_keypoints
from intertwine.ops.local_features._sift import sift

__all__ = [
    "Keypoints",
    "SampledKeypoints",
    "disc_maximum",
    "match_descriptors",
    "sample_keypoints",
    "sampling_log_probabilities",
    "select_keypoints",
    "sift",
]
