"""Structure from motion of a synthetic scene with wrong observations, and its picture.

python examples/structure_from_motion.py
"""

import tempfile

import torch
from matplotlib.figure import Figure

from intertwine.data.tracks import synthetic_tracks, with_outliers
from intertwine.tasks.sfm import pose_errors, structure_from_motion

GRAY, RED = "#5f6b7a", "#d8442c"
SIGNS = torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)  # y points down in images, up in the picture
CORNERS = torch.tensor([[-0.6, -0.45, 1], [0.6, -0.45, 1], [0.6, 0.45, 1], [-0.6, 0.45, 1]], dtype=torch.float64)


def draw_camera(axes, center, rotation, size):
    corners = list(center + size * CORNERS @ rotation)
    for start, end in [
        *((center, corner) for corner in corners),
        *zip(corners, corners[1:] + corners[:1], strict=True),
    ]:
        axes.plot(*zip(start[[0, 2, 1]] * SIGNS, end[[0, 2, 1]] * SIGNS, strict=True), c=RED, lw=0.8)


def draw(part, path):
    figure = Figure(figsize=(9, 3.6))
    left, right = figure.add_subplot(121), figure.add_subplot(122, projection="3d")
    seen = part.tracks.camera == 0
    xy, agrees = part.tracks.xy[seen], part.inliers[seen]
    left.scatter(*xy[agrees].T, s=6, c=GRAY, label="agrees")
    left.scatter(*xy[~agrees].T, s=14, marker="x", c=RED, label="rejected")
    left.set(xlim=(0, 1600), ylim=(1200, 0), aspect="equal", title="observations of one camera", xlabel="px")
    left.legend(fontsize=8, loc="lower left")
    points = part.points[part.points.isfinite().all(1)]
    right.scatter(*(points[:, [0, 2, 1]] * SIGNS).T, s=2, c=GRAY)
    for center, rotation in zip(part.centers, part.rotations, strict=True):
        draw_camera(right, center, rotation, 0.12 * (part.centers - points.mean(0)).norm(dim=1).mean())
    right.set_axis_off()
    right.set_aspect("equal")
    right.view_init(50, -80)
    right.set_title("cameras and points")
    figure.savefig(path, dpi=110)


def main(path):
    tracks, _ = synthetic_tracks(10, 400, visible=0.6)
    part = structure_from_motion(with_outliers(tracks, 0.1)).parts[0]
    print(f"reprojection error {part.reprojection_error:.2f} px")
    print(f"largest rotation error {pose_errors(part, tracks.poses).rotation.max():.3f} degrees")
    draw(part, path)


if __name__ == "__main__":
    main(f"{tempfile.mkdtemp()}/scene.png")
