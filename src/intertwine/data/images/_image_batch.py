"""A batch of images, with named fields of images and of pixels."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from intertwine.data._fields import Fields


@dataclass(frozen=True, eq=False)
class ImageBatch:
    """B images as a network takes them.

    Args:
        images: (B, C, H, W), floating-point, in 0 .. 1.
        image_fields: name -> (B, ...), such as classes.
        pixel_fields: name -> (B, H, W), such as masks.
    """

    images: Tensor
    image_fields: Fields = field(default_factory=dict)
    pixel_fields: Fields = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device | str) -> ImageBatch:
        """The same on another device."""
        return replace(
            self,
            images=self.images.to(device),
            image_fields={name: values.to(device) for name, values in self.image_fields.items()},
            pixel_fields={name: values.to(device) for name, values in self.pixel_fields.items()},
        )
