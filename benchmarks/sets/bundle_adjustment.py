"""Bundle adjustment of intertwine beside pycolmap's (Ceres), from the same start, to the same cost.

Reads a COLMAP model, moves its points and cameras at random, and minimizes the sum of squared reprojection errors over
poses and points with both; intrinsics stay. Printed are seconds of processor and the final cost.

    intertwine sfm SCENE --output out
    python benchmarks/sets/bundle_adjustment.py out/0
"""

import sys
import time

import numpy as np
import pycolmap
import torch

from intertwine.ops.cameras import bundle_adjustment

POINTS, TURNS, SHIFTS = 0.005, 0.002, 0.005
"""Standard deviations: of points and positions in units of the spread of the points, of rotations in radians."""


def moved(model, generator):
    spread = np.std([point.xyz for point in model.points3D.values()], 0).mean()
    for number in list(model.points3D):
        point = model.points3D[number]
        point.xyz = point.xyz + POINTS * spread * generator.normal(size=3)
    for frame in model.frames.values():
        pose = frame.rig_from_world
        turn = pycolmap.Rotation3d(TURNS * generator.normal(size=3))
        shift = pose.translation + SHIFTS * spread * generator.normal(size=3)
        frame.rig_from_world = pycolmap.Rigid3d(turn * pose.rotation, shift)


def arrays(model):
    images, points = sorted(model.images), sorted(model.points3D)
    camera_of, point_of = ({number: k for k, number in enumerate(each)} for each in (images, points))
    poses = np.stack([model.images[i].cam_from_world().matrix() for i in images])
    camera, point, pixels = [], [], []
    for number in points:
        for element in model.points3D[number].track.elements:
            camera.append(camera_of[element.image_id])
            point.append(point_of[number])
            pixels.append(model.images[element.image_id].points2D[element.point2D_idx].xy)
    params = np.stack([model.cameras[model.images[i].camera_id].params for i in images])[camera]
    xy = (np.array(pixels) - params[:, 2:]) / params[:, :2]
    xyz = np.stack([model.points3D[number].xyz for number in points])
    parts = (poses[:, :, :3], poses[:, :, 3], xyz, np.array(camera), np.array(point), xy, params[:, :2])
    return tuple(torch.from_numpy(np.ascontiguousarray(part)) for part in parts)


def cost(rotations, translations, points, camera, point, xy, focal):
    seen = torch.einsum("nij,nj->ni", rotations[camera], points[point]) + translations[camera]
    return float((focal * (seen[:, :2] / seen[:, 2:] - xy)).square().sum())


def main():
    torch.set_num_threads(1)
    model = pycolmap.Reconstruction(sys.argv[1])
    moved(model, np.random.default_rng(0))
    given = arrays(model)
    print(f"{len(given[0])} cameras, {len(given[2])} points, {len(given[3])} observations, cost {cost(*given):.6g}")
    begin = time.process_time()
    ours = bundle_adjustment(*given, loss_scale=None, tolerance=1e-6)
    print(f"intertwine  {time.process_time() - begin:.2f} s   cost {ours.cost:.6g}   {ours.iterations} iterations")
    options = pycolmap.BundleAdjustmentOptions()
    for name in ("refine_focal_length", "refine_principal_point", "refine_extra_params"):
        setattr(options, name, False)
    begin = time.process_time()
    pycolmap.bundle_adjustment(model, options)
    print(f"pycolmap    {time.process_time() - begin:.2f} s   cost {cost(*arrays(model)):.6g}")


if __name__ == "__main__":
    main()
