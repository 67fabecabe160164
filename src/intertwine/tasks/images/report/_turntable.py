"""Images as HTML that one turns with a slider: predictions at many angles, and the script that shows them."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple

import torch
from torch import Tensor

from intertwine import _figures as figures
from intertwine import _page as page

STEP = 5
"""Degrees between two predictions."""

STYLE = """\
.turn { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(14rem, 45%), 1fr)); gap: 1.5rem 1.25rem;
  margin: 1rem 0; }
.turn figure { margin: 0; min-width: 0; }
.turn .view { aspect-ratio: 1; overflow: hidden; border-radius: 0.4rem; position: relative;
  background: color-mix(in srgb, currentColor 4%, transparent); cursor: grab; touch-action: none; }
.turn img { width: 100%; height: 100%; display: block; image-rendering: pixelated; user-select: none;
  -webkit-user-drag: none; }
.turn img.over { position: absolute; inset: 0; opacity: 0.55; }
.turn figcaption { opacity: 1; line-height: 1.4; }
.turn .said { font-weight: 600; }
.turn .file { display: block; opacity: 0.6; font-size: 0.8rem; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.bars { margin: 0.4rem 0 0; font-size: 0.8rem; display: grid; grid-template-columns: auto 1fr 2.6rem;
  gap: 1px 0.4rem; align-items: center; }
.bars b { font-weight: 400; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; max-width: 6rem; }
.bars i { height: 0.6rem; border-radius: 1px; min-width: 1px; }
.bars span { text-align: right; font-variant-numeric: tabular-nums; }
.dial { display: flex; gap: 0.75rem; align-items: center; font-size: 0.9rem; }
.dial input { flex: 1; }
.dial output { min-width: 3.5rem; text-align: right; font-variant-numeric: tabular-nums; }
"""


class TurnedItem(NamedTuple):
    """One image of the page.

    file: its name; image (C, H, W), 0 to 1; truth: its label, in words; said: the prediction at each angle, in words;
    right: whether it is right; bars: names, and (angles, names) the probability of each; overlays: (angles, H, W, 4)
    uint8, colors over the image, of masks.
    """

    file: str
    image: Tensor
    truth: str
    said: Sequence[str]
    right: Sequence[float]
    bars: tuple[Sequence[str], Tensor] | None = None
    overlays: Tensor | None = None


def turntable(items: Sequence[TurnedItem], degrees: Sequence[int]) -> str:
    """The images as a fragment of HTML with its own style and script.

    Args:
        items: What to show, in order.
        degrees: The angles of the predictions, counterclockwise, from 0 in equal steps.
    """
    data = {
        "step": degrees[1] - degrees[0],
        "green": figures.GREEN,
        "red": figures.RED,
        "blue": figures.BLUE,
        "items": [_content(item) for item in items],
    }
    content = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    script = files("intertwine.tasks.images.report").joinpath("viewer.js").read_text(encoding="utf-8")
    return (
        f"<style>\n{STYLE}</style>\n"
        '<label class="dial">angle <input type="range" id="angle" min="0" max="359" value="0" '
        'aria-label="angle in degrees"><output id="shown">0 degrees</output></label>\n'
        f'<div class="turn">\n{"".join(map(_figure, items))}</div>\n'
        "<noscript><p>Turning the images needs JavaScript, which is off here; nothing else does.</p></noscript>\n"
        f'<script type="application/json" id="turned">{content}</script>\n<script>\n{script}</script>'
    )


def png(pixels: Tensor) -> str:
    """A data URI of bytes ``(H, W, 3 or 4)``."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(pixels.contiguous().numpy()).save(content, format="PNG")
    return page.png_address(content.getvalue())


def _content(item: TurnedItem) -> dict[str, Any]:
    content: dict[str, Any] = {"said": list(item.said), "right": [round(share, 3) for share in item.right]}
    if item.bars is not None:
        names, values = item.bars
        content["bars"] = list(names)
        content["values"] = [[round(value, 3) for value in row] for row in values.tolist()]
    if item.overlays is not None:
        content["overlays"] = [png(one) for one in item.overlays]
    return content


def _figure(item: TurnedItem) -> str:
    colors = (255 * item.image.expand(3, -1, -1)).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
    over = '<img class="over" alt="">' if item.overlays is not None else ""
    label = f"{item.file}, {item.truth}; the slider turns it"
    return (
        f'<figure class="turned"><div class="view"><img class="base" src="{png(colors)}" alt="{escape(label)}">'
        f"{over}</div>"
        f'<figcaption><span class="said">{escape(item.said[0])}</span>{escape("; is " + item.truth)}'
        f'<span class="file" title="{escape(item.file)}">{escape(item.file)}</span></figcaption>'
        '<div class="bars"></div></figure>\n'
    )
