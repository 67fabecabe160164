"""Gallery of clouds as HTML: predictions in many orientations, and the script that rotates them."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple

import torch
from torch import Tensor

from intertwine import _figures as figures
from intertwine.groups import Octahedral
from intertwine.tasks._rotations import quaternion_rotations
from intertwine.tasks.clouds.report._colors import part_color, web

GALLERY_SIZE = 9
_RIGHT, _WRONG = "#3b8a57", "#d1495b"

STYLE = """\
.clouds { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(14rem, 45%), 1fr)); gap: 1.5rem 1.25rem;
  margin: 1rem 0; }
.clouds figure { margin: 0; min-width: 0; }
.clouds canvas { width: 100%; aspect-ratio: 1; display: block; touch-action: none; cursor: grab; border-radius: 0.4rem;
  background: color-mix(in srgb, currentColor 4%, transparent); }
.clouds canvas:active { cursor: grabbing; }
.clouds canvas:focus-visible { outline: 2px solid #4878d0; outline-offset: 2px; }
.clouds figcaption { opacity: 1; line-height: 1.4; }
.clouds .file { display: block; opacity: 0.6; font-size: 0.8rem; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.clouds .said { font-weight: 600; }
.marks { display: flex; gap: 2px; margin: 0.35rem 0 0.1rem; }
.marks i { flex: 1; height: 0.7rem; border-radius: 1px; opacity: 0.55; cursor: pointer; }
.marks i.here { opacity: 1; box-shadow: 0 0 0 1.5px currentColor; }
.controls { font-size: 0.9rem; display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; align-items: center; }
.controls[hidden] { display: none; }
.controls label { cursor: pointer; }
.key { display: inline-block; width: 0.7em; height: 0.7em; border-radius: 50%; margin-right: 0.35em; }
"""


class GalleryItem(NamedTuple):
    """One cloud of the gallery.

    file: its name; positions (n, 3) in the unit sphere; truth: its label, in words; said: the prediction in each
    orientation, in words; right: which share of that is right; truths (n,) and parts (orientations, n): int64, of a
    segmentation.
    """

    file: str
    positions: Tensor
    truth: str
    said: Sequence[str]
    right: Sequence[float]
    truths: Tensor | None = None
    parts: Tensor | None = None


def orientations() -> Tensor:
    """24 rotations spread evenly over all of them, the identity first: (24, 3, 3) float64.

    The rotations of a tilted cube: none but the identity is one of a cube along the axes, which a network may have been
    made for, and no rotation is farther than 63 degrees from one of them.
    """
    tilt = quaternion_rotations(torch.tensor([[4.0, 1.0, 2.0, 3.0]], dtype=torch.float64))[0]
    return tilt @ Octahedral().elements @ tilt.T


def gallery(items: Sequence[GalleryItem], rotations: Tensor, up: str, parts: Sequence[str] = ()) -> str:
    """The clouds as a fragment of HTML with its own style and script.

    Args:
        items: What to show, in order.
        rotations: (K, 3, 3), the orientations of the predictions.
        up: The vertical axis.
        parts: The names of the parts, of a segmentation.
    """
    data = {
        "up": up,
        "turns": [[round(value, 6) for value in rotation.flatten().tolist()] for rotation in rotations],
        "ink": figures.BLUE,
        "red": figures.RED,
        "gray": figures.GRAY,
        "colors": [web(part_color(part)) for part in range(len(parts))],
        "clouds": [_content(item) for item in items],
    }
    content = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    script = files("intertwine.tasks.clouds.report").joinpath("viewer.js").read_text(encoding="utf-8")
    return (
        f"<style>\n{STYLE}</style>\n{_controls(parts)}\n"
        f'<div class="clouds">\n{"".join(map(_figure, items))}</div>\n'
        f'<script type="application/json" id="clouds">{content}</script>\n<script>\n{script}</script>'
    )


def _content(cloud: GalleryItem) -> dict[str, Any]:
    content = {
        "points": _packed((cloud.positions.clamp(-1, 1) * 32767).round().to(torch.int16)),
        "said": list(cloud.said),
        "inks": [_ink(share) for share in cloud.right],
    }
    if cloud.truths is not None and cloud.parts is not None:
        content["truths"] = _packed(cloud.truths.to(torch.uint8))
        content["parts"] = _packed(cloud.parts.to(torch.uint8))
    return content


def _packed(values: Tensor) -> str:
    return base64.b64encode(values.contiguous().numpy().tobytes()).decode("ascii")


def _ink(share: float) -> str:
    """Green for what is right, red for what is wrong, and what lies between."""
    return f"color-mix(in oklab, {_RIGHT} {100 * share:.0f}%, {_WRONG})"


def _figure(cloud: GalleryItem) -> str:
    pairs = zip(cloud.said, cloud.right, strict=True)
    marks = "".join(f'<i style="background:{_ink(share)}" title="{escape(said)}"></i>' for said, share in pairs)
    mean = sum(cloud.right) / max(1, len(cloud.right))
    label = f"{cloud.file}, {cloud.truth}: a cloud of points; arrow keys rotate it"
    return (
        f'<figure class="cloud"><canvas tabindex="0" role="img" aria-label="{escape(label)}"></canvas>'
        f'<div class="marks" title="{100 * mean:.0f} % right, all orientations together">{marks}</div>'
        f'<figcaption><span class="said" style="color:{_ink(cloud.right[0])}">{escape(cloud.said[0])}</span>'
        f"{escape('; ' + cloud.truth) if cloud.truth else ''}"
        f'<span class="file" title="{escape(cloud.file)}">{escape(cloud.file)}</span></figcaption></figure>\n'
    )


def _controls(parts: Sequence[str]) -> str:
    modes = ""
    if parts:
        choices = (("said", "predicted parts"), ("true", "true parts"), ("wrong", "errors"))
        modes = "".join(
            f'<label><input type="radio" name="coloring" value="{value}"{" checked" if value == "said" else ""}> '
            f"{text}</label>"
            for value, text in choices
        )
    keys = "".join(_key(web(part_color(part)), name) for part, name in enumerate(parts))
    errors = _key(figures.RED, "wrong") + _key(figures.GRAY, "right")
    together = '<label><input type="checkbox" id="together"> rotate all together</label>'
    legend = f'<p class="controls keys">{keys}</p><p class="controls keys" hidden>{errors}</p>' if parts else ""
    return (
        f'<p class="controls">{together}{modes}</p>{legend}<noscript><p>The clouds need JavaScript, '
        "which is off here; nothing else does.</p></noscript>"
    )


def _key(color: str, name: str) -> str:
    """An entry of a legend."""
    return f'<span><span class="key" style="background:{color}"></span>{escape(name)}</span>'
