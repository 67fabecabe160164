"""The network of keypoints: a score map of a gray image, and descriptors of the patches about its maxima."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from intertwine.actions import Action
from intertwine.groups import SO2, Cyclic, Group
from intertwine.models import KeypointDetector, PatchDescriptor
from intertwine.ops import Keypoints, select_keypoints
from intertwine.tasks.images import PixelSymmetries

MARGIN = 8
"""Pixels at the border of an image without keypoints."""
PATCH, SPACING = 25, 1.25
"""The side of a patch, in samples, and their distance in pixels."""
_DESCRIPTOR_WIDTHS = (4, 6, 8)
_CHUNK = 512


class KeypointNetwork(nn.Module):
    """A detector and a descriptor.

    Args:
        config: "group" by name, "widths" of the detector, "descriptor_widths", "radius".
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        group = rotations(config["group"])
        self.radius = float(config["radius"])
        self.detector = KeypointDetector(group.trivial, widths=config["widths"])
        self.descriptor = PatchDescriptor(group.trivial, widths=config["descriptor_widths"], size=PATCH)
        subgroup = Cyclic(4) if group.order is None or group.order == 1 else Cyclic(_common_rotations(group.order))
        self.rep_in = self.rep_out = subgroup.trivial

    @property
    def action_in(self) -> Action:
        """Rotations of images by 90 degrees, as far as the group has them; of a plain network all of them."""
        return PixelSymmetries(self.rep_in, step=0)

    @property
    def action_out(self) -> Action:
        """That of the score map, which has one number a pixel."""
        return self.action_in

    def forward(self, images: Tensor) -> Tensor:
        """The score map ``(B, 1, H, W)`` of images of that shape, 0 to 1."""
        scores: Tensor = self.detector((images - 0.5) * 4)
        return scores

    def patches(self, image: Tensor, positions: Tensor) -> Tensor:
        """Upright patches ``(N, 1, PATCH, PATCH)`` of an image ``(H, W)`` about points ``(N, 2)``, bilinear."""
        axis = (torch.arange(PATCH, dtype=image.dtype, device=image.device) - (PATCH - 1) / 2) * SPACING
        offsets = torch.stack((axis.expand(PATCH, PATCH), axis[:, None].expand(PATCH, PATCH)), -1)
        points = positions[:, None, None].to(image.dtype) + offsets
        sides = torch.tensor([image.shape[1], image.shape[0]], dtype=image.dtype, device=image.device)
        grid = ((2 * points + 1) / sides - 1).reshape(1, -1, PATCH, 2)
        values = functional.grid_sample(image[None, None], grid, "bilinear", "border", align_corners=False)
        return values.reshape(-1, 1, PATCH, PATCH)

    @torch.no_grad()
    def extract(self, image: Tensor, max_keypoints: int, levels: int = 1) -> Keypoints:
        """The keypoints of a gray image, those with the highest scores.

        Args:
            image: ``(H, W)``, 0 to 1, on the device of the network.
            max_keypoints: The most of all levels.
            levels: Levels of the pyramid, each smaller than the one before by the square root of two.
        """
        found: list[Keypoints] = []
        for level in range(levels):
            smaller = _resized(image, 2 ** (-level / 2))
            ratio = torch.tensor([a / b for a, b in zip(image.shape[::-1], smaller.shape[::-1], strict=True)])
            scores = self(smaller[None, None])[0, 0]
            positions, values = select_keypoints(scores, max_keypoints, self.radius, MARGIN)
            parts = [self.descriptor(self.patches(smaller, part)) for part in positions.split(_CHUNK)]
            descriptors, angles = (torch.cat(values) for values in zip(*parts, strict=True)) if len(positions) else (
                values.new_zeros(0, self.descriptor.dim), values)  # fmt: skip
            scale = PATCH * SPACING / 12 * float(ratio.mean())
            ratio = ratio.to(positions)
            moved = (positions + 0.5) * ratio - 0.5
            found.append(Keypoints(moved, torch.full_like(values, scale), -angles, values, descriptors))
        every = Keypoints(*(torch.cat(values).cpu() for values in zip(*found, strict=True)))
        return every.select(every.responses.argsort(descending=True, stable=True)[:max_keypoints])


def network_config(model: str, group: str | None, width: int, radius: float) -> dict[str, Any]:
    """The architecture, as JSON; a plain network has about as many parameters as that of C8 of this width."""
    name = "C1" if model == "plain" else group or "C8"
    config = {
        "name": model,
        "group": name,
        "widths": [width, width],
        "descriptor_widths": list(_DESCRIPTOR_WIDTHS),
        "radius": radius,
    }
    return _as_large({**config, "group": "C8"}, config) if model == "plain" else config


def _as_large(target: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """A configuration with the widths at which detector and descriptor have the parameters of the target's."""
    goal = KeypointNetwork(target)

    def fitted(part: str, name: str) -> list[int]:
        wanted, found = _parameters(getattr(goal, part)), dict[int, list[int]]()
        for quarters in range(1, 17):
            widths = [max(1, round(width * quarters / 4)) for width in target[name]]
            size = _parameters(getattr(KeypointNetwork({**config, name: widths}), part))
            found[abs(size - wanted)] = widths
        return found[min(found)]

    return {**config, "widths": fitted("detector", "widths"),
            "descriptor_widths": fitted("descriptor", "descriptor_widths")}  # fmt: skip


def rotations(name: str) -> Group:
    """The group of rotations that "C8" or "SO2" names."""
    return SO2() if name == "SO2" else Cyclic(int(name[1:]))


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _common_rotations(order: int) -> int:
    return next(number for number in (4, 2, 1) if order % number == 0)


def _resized(image: Tensor, scale: float) -> Tensor:
    if scale == 1:
        return image
    size = [max(1, round(side * scale)) for side in image.shape]
    return functional.interpolate(image[None, None], size, mode="bilinear", antialias=True)[0, 0]
