"""Page about a reconstructed scene: its errors, and its cameras and points in 3D."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files

import torch
from torch import Tensor

from intertwine._page import heading, page, paragraph, table
from intertwine.tasks.sfm._evaluation import pose_errors
from intertwine.tasks.sfm._projective_reconstruction import ProjectiveReconstruction
from intertwine.tasks.sfm._projective_structure_from_motion import ProjectiveScene
from intertwine.tasks.sfm._reconstruction import Reconstruction, Scene
from intertwine.tasks.sfm.writing._view import metric_view, projective_view

_MOST_POINTS = 20_000
_RADIUS = 1.15
"""Of the ball that the viewer shows whole, less the size of a camera."""
_PROJECTIVE = (
    " The scene is known up to a projective transformation: in this view, where the points have the same spread along "
    "every axis, points on a line or in a plane are so in the scene; lengths and angles mean nothing."
)

_STYLE = """\
<style>
.scene { width: 100%; aspect-ratio: 4 / 3; display: block; border-radius: 0.4rem; cursor: grab; touch-action: none;
  background: color-mix(in srgb, currentColor 4%, transparent); }
</style>"""


def scene_page(scene: Scene | ProjectiveScene, origin: Sequence[tuple[str, str]] = ()) -> str:
    """The page as HTML without links to other files; each part is turned with the mouse and zoomed with the wheel.

    Args:
        scene: What was reconstructed.
        origin: Rows of a table about the run: labels and texts.
    """
    body, parts = [_STYLE], list[Reconstruction | ProjectiveReconstruction](scene.parts)
    for number, part in enumerate(parts):
        title = [heading(f"Part {number}")] if len(parts) > 1 else []
        body += [*title, _canvas(part), _figures(part), heading("Cameras"), _cameras(part)]
    if scene.remarks:
        body += [heading("Notes"), *(paragraph(remark) for remark in scene.remarks)]
    if origin:
        body += [heading("Run"), table(("", ""), origin)]
    script = files("intertwine.tasks.sfm.writing").joinpath("viewer.js").read_text(encoding="utf-8")
    body.append(f"<script>\n{script}</script>")
    return page("Structure from motion", body)


def _canvas(part: Reconstruction | ProjectiveReconstruction) -> str:
    """The canvas with its data: all cameras and most of the points in the ball that is in view from every side."""
    if isinstance(part, Reconstruction):
        (points, cameras, centers, axes), remark = metric_view(part), ""
    else:
        (points, cameras, centers, axes), remark = projective_view(part), _PROJECTIVE
    middle, scale = _frame(points, centers)
    step = -(-len(points) // _MOST_POINTS)
    data = {
        "points": _rounded((points[::step] - middle) / scale),
        "centers": _rounded((centers - middle) / scale),
        "axes": _rounded(axes.flatten(1)),
        "names": [part.tracks.names[i] for i in cameras.tolist()],
    }
    text = escape(json.dumps(data, separators=(",", ":")), quote=True)
    label = f"{len(points):,} points and {len(cameras)} cameras"
    caption = f"{label}. Drag to turn, wheel to zoom; cameras are drawn as pyramids.{remark}"
    return (
        f'<figure><canvas class="scene" role="img" aria-label="{label}" data-scene="{text}"></canvas>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _frame(points: Tensor, centers: Tensor) -> tuple[Tensor, Tensor]:
    """The middle of all cameras and the middle 90 % of the points along each axis, and what goes to length one."""
    most = points.quantile(points.new_tensor([0.05, 0.95]), 0) if len(points) else points
    shown = torch.cat([most, centers])
    middle = (shown.amin(0) + shown.amax(0)) / 2
    distances = [(centers - middle).norm(dim=1).amax()] if len(centers) else []
    if len(points):
        distances.append((points - middle).norm(dim=1).quantile(0.9))
    return middle, torch.stack(distances).max().clamp_min(1e-12) / _RADIUS


def _rounded(values: Tensor) -> list[list[float]]:
    return [[round(x, 4) for x in row] for row in values.clamp(-100, 100).tolist()]


def _figures(part: Reconstruction | ProjectiveReconstruction) -> str:
    tracks = part.tracks
    rows = [
        ("cameras", f"{int(part.registered.sum())} of {tracks.num_cameras}"),
        ("points", f"{int(part.points.isfinite().all(1).sum()):,} of {tracks.num_points:,}"),
        ("observations that agree", f"{int(part.inliers.sum()):,} of {len(tracks.camera):,}"),
        ("mean reprojection error", f"{part.reprojection_error:.3f} px"),
    ]
    return table(("", ""), rows)


def _cameras(part: Reconstruction | ProjectiveReconstruction) -> str:
    """A table of cameras: observations, reprojection error, and errors of the pose where it is known."""
    tracks, keep = part.tracks, part.registered.nonzero()[:, 0]
    camera = tracks.camera[part.inliers]
    total = torch.bincount(camera, minlength=tracks.num_cameras)
    errors = torch.zeros(tracks.num_cameras, dtype=torch.float64).index_add_(0, camera, part.errors()) / total
    columns = ["camera", "observations", "error, px"]
    rows = [[tracks.names[i], f"{int(total[i]):,}", f"{float(errors[i]):.3f}"] for i in keep.tolist()]
    if isinstance(part, Reconstruction) and tracks.poses is not None:
        found = pose_errors(part, tracks.poses)
        columns += ["rotation error, degrees", "position error"]
        for row, turn, shift in zip(rows, found.rotation.tolist(), found.position.tolist(), strict=True):
            row += [f"{turn:.4f}", f"{shift:.4g}"]
    return table(columns, rows)
