"""The HTML page about a run on keypoints: curves against the angle beside SIFT's, an example, learning curves."""

from intertwine.tasks.keypoints.report._page import write_report

__all__ = ["write_report"]
