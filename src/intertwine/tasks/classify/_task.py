"""The task `classify`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intertwine.tasks.classify._options import ClassifyOptions
from intertwine.tasks.clouds import CloudTask

if TYPE_CHECKING:
    from intertwine.tasks.classify._page import ClassifyPage
    from intertwine.tasks.classify._predictor import ClassifyPredictor


class Classify(CloudTask):
    """One class for each cloud."""

    name = "classify"
    summary = "The class of each shape: meshes or clouds of points."
    options = ClassifyOptions
    score_label = "acc"

    def predictor_type(self) -> type[ClassifyPredictor]:
        """Writes a table of classes."""
        from intertwine.tasks.classify._predictor import ClassifyPredictor

        return ClassifyPredictor

    def page_type(self) -> type[ClassifyPage]:
        """Shows classes."""
        from intertwine.tasks.classify._page import ClassifyPage

        return ClassifyPage
