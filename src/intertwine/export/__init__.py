"""Export of models to files that other programs run: programs of `torch.export`, and ONNX.

>>> from intertwine import export
>>> export.FORMATS["torch"]
'.pt2'
"""

from intertwine.export._clouds import export_cloud_network, nearest_neighbors
from intertwine.export._files import FORMATS, check_format, export_file, load_exported
from intertwine.export._gradients import export_with_gradients, load_program, save_program

__all__ = [
    "FORMATS",
    "check_format",
    "export_cloud_network",
    "export_file",
    "export_with_gradients",
    "load_exported",
    "load_program",
    "nearest_neighbors",
    "save_program",
]
