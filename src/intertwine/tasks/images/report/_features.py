"""Feature maps of an image at several angles: what the layers of a network see, turning with the image."""

from __future__ import annotations

from html import escape

import torch
from torch import Tensor, nn

from intertwine.data import rotate_images
from intertwine.nn import GridConv, GridInvariants
from intertwine.tasks.images.report._turntable import png

DEGREES = (0, 45, 90)
"""The angles of the rows."""
_MAPS = 5
_STYLE = """\
.features { display: grid; grid-template-columns: 2.5rem repeat(6, minmax(0, 1fr)); gap: 0.35rem; align-items: center;
  margin: 1rem 0; font-size: 0.8rem; }
.features img { width: 100%; aspect-ratio: 1; image-rendering: pixelated; border-radius: 0.25rem; display: block; }
"""


def feature_maps(network: nn.Module, images: Tensor) -> list[Tensor]:
    """The outputs of the convolutions of a network in order, one invariant of each field.

    Args:
        network: In evaluation.
        images: ``(B, C, H, W)``.

    Returns:
        For each convolution whose output is larger than a pixel ``(B, fields, h, w)``.
    """
    found: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, GridConv) and output.ndim == 4 and min(output.shape[2:]) > 1:
            found.append(GridInvariants(module.rep_out)(output))

    handles = [module.register_forward_hook(keep) for module in network.modules() if isinstance(module, GridConv)]
    try:
        with torch.no_grad():
            network(images)
    finally:
        for handle in handles:
            handle.remove()
    return found


def feature_table(network: nn.Module, image: Tensor, name: str, fill: Tensor) -> str:
    """A fragment of HTML: an image at some angles, and beside each the fields of a layer that vary most; or nothing.

    Args:
        network: In evaluation.
        image: ``(C, H, W)``, 0 to 1.
        name: Of its file.
        fill: ``(C,)``, the color outside of the image.
    """
    turned = torch.cat([rotate_images(image[None], float(angle), fill) for angle in DEGREES])
    maps = feature_maps(network, turned)
    if not maps:
        return ""
    layer = min(1, len(maps) - 1)
    chosen = maps[layer].std((2, 3)).amin(0).argsort(descending=True)[:_MAPS]
    shades = _shades(maps[layer][:, chosen])
    rows = []
    for angle, picture, row in zip(DEGREES, turned, shades, strict=True):
        rows.append(f"<span>{angle}&deg;</span>" + _image(picture.expand(3, -1, -1), f"{name} at {angle} degrees"))
        rows += [_image(one.expand(3, -1, -1), f"field {k} at {angle} degrees") for k, one in enumerate(row, 1)]
        rows += ["<span></span>"] * (_MAPS - len(row))
    caption = (
        f"{name} at {', '.join(map(str, DEGREES))} degrees, and the {len(chosen)} fields after convolution {layer + 1} "
        "that vary most, one invariant of each, in one scale for all angles. Features of an equivariant network turn "
        "with the image."
    )
    return (
        f'<style>\n{_STYLE}</style><figure><div class="features">{"".join(rows)}</div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _shades(maps: Tensor) -> Tensor:
    """``(angles, fields, 1, h, w)``, each field from 0 to 1 over all angles."""
    low, high = maps.amin((0, 2, 3), keepdim=True), maps.amax((0, 2, 3), keepdim=True)
    return ((maps - low) / (high - low).clamp_min(1e-12))[:, :, None]


def _image(pixels: Tensor, label: str) -> str:
    colors = (255 * pixels).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
    return f'<img src="{png(colors.cpu())}" alt="{escape(label)}">'
