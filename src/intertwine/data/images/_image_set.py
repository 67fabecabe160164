"""Many images of one size in one array, with named fields of images and of pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from intertwine.data._fields import Fields, check_distinct, check_fields, check_labels
from intertwine.data._lazy_names import LazyNames
from intertwine.data._ragged import as_indices
from intertwine.data._split import Amount, Split, labeled_split
from intertwine.data.images._image_batch import ImageBatch
from intertwine.data.images._layout import to_float

IGNORED = 255
"""The class of pixels of a mask that do not count."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """N images of C channels, H x W pixels: stored as they are read, converted when they are batched.

    Args:
        pixels: (N, C, H, W) uint8, or float32 in 0 .. 1.
        image_fields: name -> (N, ...), such as classes (int64) or values (float64).
        pixel_fields: name -> (N, H, W), such as masks (uint8, `IGNORED` where no class is known).
        label_names: for each field of labels, what its labels 0, 1, ... mean.
        names: N strings; 1, 2, 3, ... when not given.
        split: the one that the source prescribes; or None.
        skipped: (file, reason) of what could not be read.
        remarks: what was done to the files, in words.

    Raises:
        TypeError: a tensor has another dtype than the one above.
        ValueError: the lengths do not agree, or a label has no name.

    >>> pair = ImageSet(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), {"classes": torch.tensor([1, 0])},
    ...                 label_names={"classes": ("cat", "dog")})
    >>> pair, pair.label_counts("classes"), pair.batch([1]).images.dtype
    (ImageSet(2 images, 1 x 4 x 4; of images: classes), {'cat': 1, 'dog': 1}, torch.float32)
    """

    pixels: Tensor
    image_fields: Fields = field(default_factory=dict)
    pixel_fields: Fields = field(default_factory=dict)
    label_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names: Sequence[str] = ()
    split: Split | None = None
    skipped: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.pixels.dtype not in (torch.uint8, torch.float32):
            raise TypeError(f"pixels must be torch.uint8, or torch.float32 in 0 .. 1; got {self.pixels.dtype}")
        if self.pixels.ndim != 4:
            raise ValueError(f"pixels must be (N, C, H, W); got {tuple(self.pixels.shape)}")
        check_fields("image", self.image_fields, len(self))
        check_fields("image", self.pixel_fields, len(self))
        check_distinct(self.image_fields, self.pixel_fields)
        by_image = {name: names for name, names in self.label_names.items() if name not in self.pixel_fields}
        check_labels(by_image, self.image_fields)
        for name, values in self.pixel_fields.items():
            if values.shape[1:] != self.pixels.shape[2:]:
                raise ValueError(f"pixel field {name!r} must be (N, H, W); got {tuple(values.shape)}")
        names = self.names if isinstance(self.names, LazyNames) else LazyNames(self.names or range(1, len(self) + 1))
        if len(names) != len(self) or (self.split is not None and self.split.n != len(self)):
            raise ValueError(f"names and split must be of {len(self)} images; got {len(names)} names, {self.split}")
        object.__setattr__(self, "names", names)

    def __len__(self) -> int:
        return len(self.pixels)

    def __repr__(self) -> str:
        levels = {"images": self.image_fields, "pixels": self.pixel_fields}
        told = "".join(f"; of {level}: {', '.join(fields)}" for level, fields in levels.items() if fields)
        return f"ImageSet({len(self)} images, {' x '.join(map(str, self.pixels.shape[1:]))}{told})"

    @property
    def channels(self) -> int:
        """C."""
        return self.pixels.shape[1]

    @property
    def size(self) -> int:
        """The longer side."""
        return max(self.pixels.shape[2:])

    def select(self, indices: Tensor | Sequence[int]) -> ImageSet:
        """These images, in this order; what was prescribed or skipped is left behind.

        Args:
            indices: (K,) integers, of which negative ones count from the end; or (N,) booleans, a mask.

        Raises:
            IndexError: an index is out of range.
        """
        index = as_indices(indices, len(self))
        names = self.names
        assert isinstance(names, LazyNames), "the constructor makes them so"
        return replace(
            self,
            pixels=self.pixels[index],
            image_fields={name: values[index] for name, values in self.image_fields.items()},
            pixel_fields={name: values[index] for name, values in self.pixel_fields.items()},
            names=names.select(index.numpy()),
            split=None,
            skipped=(),
        )

    def batch(self, indices: Tensor | Sequence[int], dtype: torch.dtype = torch.float32) -> ImageBatch:
        """These images as networks take them: floating-point numbers in 0 .. 1.

        Args:
            indices: as in `select`.
            dtype: of the images.
        """
        index = as_indices(indices, len(self))
        return ImageBatch(
            to_float(self.pixels[index]).to(dtype),
            {name: values[index] for name, values in self.image_fields.items()},
            {name: values[index] for name, values in self.pixel_fields.items()},
        )

    def label_counts(self, field: str) -> dict[str, int]:
        """How many images, or pixels, each label of a field has, by its name.

        Raises:
            KeyError: the field has no names of labels.
        """
        if field not in self.label_names:
            raise KeyError(f"no field of labels {field!r}; there are {', '.join(self.label_names) or 'none'}")
        names = self.label_names[field]
        values = {**self.image_fields, **self.pixel_fields}[field].numpy().ravel()
        counts = np.bincount(values, minlength=len(names))
        return dict(zip(names, counts[: len(names)].tolist(), strict=True))

    def make_split(self, train: Amount = None, validation: Amount = None, test: Amount = None, seed: int = 0) -> Split:
        """The prescribed split where there is one, else a random one, stratified where the images have classes.

        As `PointCloudSet.make_split`, except that a size of the training part that is asked for only shortens that of a
        prescribed split: learning curves on a published split keep its test part.

        Args:
            train: as in `make_split`.
            validation: the same.
            test: the same.
            seed: from 0 to 2^32 - 1.

        Raises:
            UsageError: as in `make_split`; or the prescribed split has nothing to train on.
        """
        classes, names = self.image_fields.get("classes"), self.label_names.get("classes")
        return labeled_split(len(self), classes, names, self.split, train, validation, test, seed)
