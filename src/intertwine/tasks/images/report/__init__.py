"""The HTML page about a run on images: figures, the curve against the angle, and images that one can turn."""

from intertwine.tasks.images.report._page import ImagePage

__all__ = ["ImagePage"]
