"""The task `segment`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intertwine.tasks.clouds import CloudTask
from intertwine.tasks.segment._options import SegmentOptions

if TYPE_CHECKING:
    from intertwine.tasks.segment._page import SegmentPage
    from intertwine.tasks.segment._predictor import SegmentPredictor


class Segment(CloudTask):
    """One part for each point."""

    name = "segment"
    summary = "The part of each point of a shape: labeled meshes or clouds."
    options = SegmentOptions
    score_label = "mIoU"

    def predictor_type(self) -> type[SegmentPredictor]:
        """Writes clouds with a part at each point."""
        from intertwine.tasks.segment._predictor import SegmentPredictor

        return SegmentPredictor

    def page_type(self) -> type[SegmentPage]:
        """Shows parts."""
        from intertwine.tasks.segment._page import SegmentPage

        return SegmentPage
