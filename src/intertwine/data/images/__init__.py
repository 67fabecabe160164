"""Images: one store and one batch, the readers of users' files, and warps.

Read are folders of image files (a folder for each class), tables of labels (CSV), pairs of folders `images/` and
`masks/`, IDX files as MNIST has them, and NumPy archives.
"""

from intertwine.data.images._arrays import parse_idx
from intertwine.data.images._image_batch import ImageBatch
from intertwine.data.images._image_file import (
    IMAGE_SUFFIXES,
    ImageFile,
    image_files,
    read_image,
    read_mask,
    write_mask,
)
from intertwine.data.images._image_set import IGNORED, ImageSet
from intertwine.data.images._labels import label_fields
from intertwine.data.images._layout import ImageLayout, border_color, fit_to_square, to_float, unfit_mask, with_channels
from intertwine.data.images._read_images import iter_images, read_images
from intertwine.data.images._warp import rotate_images, warp_images

__all__ = [
    "IGNORED",
    "IMAGE_SUFFIXES",
    "ImageBatch",
    "ImageFile",
    "ImageLayout",
    "ImageSet",
    "border_color",
    "fit_to_square",
    "image_files",
    "iter_images",
    "label_fields",
    "parse_idx",
    "read_image",
    "read_images",
    "read_mask",
    "rotate_images",
    "to_float",
    "unfit_mask",
    "warp_images",
    "with_channels",
    "write_mask",
]
