"""The HTML page about a run on clouds: metrics, a gallery that one can rotate, learning curves, confusion matrices."""

from intertwine.tasks.clouds.report._colors import part_color
from intertwine.tasks.clouds.report._confusion_tables import STYLE as CONFUSION_STYLE
from intertwine.tasks.clouds.report._confusion_tables import confusion_table, confusion_tables
from intertwine.tasks.clouds.report._gallery import GalleryItem
from intertwine.tasks.clouds.report._page import RunPage, errors_first

__all__ = [
    "CONFUSION_STYLE",
    "GalleryItem",
    "RunPage",
    "confusion_table",
    "confusion_tables",
    "errors_first",
    "part_color",
]
