"""The network on images: normalization, and one of the equivariant networks of the grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from intertwine import actions
from intertwine.groups import O2, SO2, Cyclic, Dihedral, Group
from intertwine.models import GCNN, HarmonicNetwork, UNet, WideResNet
from intertwine.reps import Rep
from intertwine.tasks.images._choices import CONTINUOUS


@dataclass(frozen=True)
class PixelSymmetries(actions.Images):
    """The elements of a larger group that map pixels to pixels: features of that group are restricted to them."""

    def feature_action(self, rep: Rep, features: Tensor, data: Tensor) -> actions.Action | None:
        """As `actions.Images`, of the restricted features; None where these elements are not in the group of `rep`."""
        try:
            restricted = rep if rep.group == self.group else rep.restrict(self.group)
        except ValueError:
            return None
        return super().feature_action(restricted, features, data)


class ImageNetwork(nn.Module):
    """outputs = network((image - background) / scale), outside of the inscribed disk the background if so asked.

    Zero, which the network pads with, is the background. What the audit compares is the law under those elements of
    the group that map pixels to pixels, where it is exact.

    Args:
        network: What `plan` says of the architecture.
        channels: Of the images.
        outputs: How many numbers are predicted for an image or a pixel.
        size: Of the images, for the disk.
        normalization: "background" and "scale" of each channel.
        disk: Whether corners are blanked.
    """

    background: Tensor
    scale: Tensor
    mask: Tensor

    def __init__(
        self,
        network: Mapping[str, Any],
        channels: int,
        outputs: int,
        size: int,
        normalization: Mapping[str, Sequence[float]],
        *,
        disk: bool = False,
    ) -> None:
        super().__init__()
        for name in ("background", "scale"):
            self.register_buffer(name, torch.tensor(normalization[name]).reshape(channels, 1, 1))
        self.register_buffer("mask", disk_mask(size) if disk else torch.ones(1, 1), persistent=False)
        self.network = build_network(network, channels, outputs)
        self.dense = isinstance(self.network, UNet)
        subgroup = grid_subgroup(network)
        self.rep_in, self.rep_out = channels * subgroup.trivial, outputs * subgroup.trivial

    @property
    def action_in(self) -> PixelSymmetries:
        """Rotations by 90 degrees and reflections of the images that the network commutes with."""
        return PixelSymmetries(self.rep_in, step=0)

    @property
    def action_out(self) -> actions.Action:
        """None of numbers of an image; that of images of numbers of pixels."""
        return PixelSymmetries(self.rep_out, step=0) if self.dense else actions.LinearAction(self.rep_out)

    def forward(self, images: Tensor) -> Tensor:
        """The outputs of images ``(B, C, H, W)``, 0 to 1: ``(B, outputs)`` or ``(B, outputs, H, W)``."""
        outputs: Tensor = self.network(self.mask * (images - self.background) / self.scale)
        return outputs

    def export(self) -> nn.Module:
        """The same function as ordinary convolutions, in evaluation mode."""
        return ExportedNetwork(self.background, self.scale, self.mask, self.network.export())


class ExportedNetwork(nn.Module):
    """An `ImageNetwork` of ordinary convolutions."""

    background: Tensor
    scale: Tensor
    mask: Tensor

    def __init__(self, background: Tensor, scale: Tensor, mask: Tensor, network: nn.Module) -> None:
        super().__init__()
        for name, value in (("background", background), ("scale", scale), ("mask", mask)):
            self.register_buffer(name, value.clone())
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """The outputs of images ``(B, C, H, W)``, 0 to 1."""
        outputs: Tensor = self.network(self.mask * (images - self.background) / self.scale)
        return outputs


def make_network(config: Mapping[str, Any]) -> ImageNetwork:
    """The network that the configuration of a run describes."""
    target, layout = config["target"], config["layout"]
    outputs = 1 if target["kind"] == "numbers" else len(target["classes"])
    return ImageNetwork(
        config["network"],
        layout["channels"],
        outputs,
        layout["size"],
        config["normalization"],
        disk=config["disk"],
    )


def group_by_name(name: str) -> Group:
    """The group that "C8", "D8", "SO2" or "O2" names."""
    if name in CONTINUOUS:
        return SO2() if name == "SO2" else O2()
    return (Cyclic if name[0] == "C" else Dihedral)(int(name[1:]))


def grid_subgroup(network: Mapping[str, Any]) -> Group:
    """The rotations by multiples of 90 degrees, and reflections, in the group of a network (after its restriction).

    Of a plain network, which has none, all four rotations: its audit measures what it lacks.
    """
    restriction = network["restriction"]
    name = network["group"] if restriction is None else restriction[0]
    if network["name"] == "plain":
        return Cyclic(4)
    if name in CONTINUOUS:
        return Cyclic(4) if name == "SO2" else Dihedral(4)
    order = next(order for order in (4, 2, 1) if int(name[1:]) % order == 0)
    return (Cyclic if name[0] == "C" else Dihedral)(order)


def build_network(config: Mapping[str, Any], channels: int, outputs: int) -> Any:
    """One of the networks of the grid, from images to trivial features."""
    name, group = config["name"], group_by_name(config["group"])
    ends = channels * group.trivial, outputs * group.trivial
    options: dict[str, Any] = {"widths": config["widths"], "kernel_size": config["kernel_size"]}
    options["dropout"] = config["dropout"]
    if name != "harmonic" and name != "unet" and config["restriction"] is not None:
        subgroup, layer = config["restriction"]
        options["restriction"] = (layer, group_by_name(subgroup))
    if name == "resnet":
        return WideResNet(*ends, **options)
    if name == "unet":
        return UNet(*ends, **options)
    options["pool_after"] = config["pool_after"]
    if name == "harmonic":
        return HarmonicNetwork(*ends, **options)
    return GCNN(*ends, **options, fields="gated" if name == "steerable" else None)


def disk_mask(size: int) -> Tensor:
    """(size, size): 1 in the inscribed disk, falling to 0 within a pixel at its edge."""
    axis = torch.arange(size) - (size - 1) / 2
    radius = (axis[:, None].square() + axis.square()).sqrt()
    return (size / 2 - radius).clamp(0, 1)
