"""The last bundle adjustment by solvers of other libraries: Ceres through pycolmap, and scipy's least squares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.ops.cameras import matrix_from_rotation_vector, reprojection_residuals
from intertwine.tasks._suggestions import unknown
from intertwine.tasks.sfm._reconstruction import Reconstruction
from intertwine.tasks.sfm.writing import write_colmap_model

OWN = "intertwine"
_ITERATIONS = 50


def check_solver(solver: str) -> None:
    """Raise a `UsageError` when a solver is not known or not installed."""
    if solver != OWN and solver not in _SOLVERS:
        raise unknown("solver", solver, (OWN, *_SOLVERS))
    if solver != OWN and find_spec(solver) is None:
        raise UsageError(f"{solver} is not installed: pip install {solver}, or leave out --solver")


def adjusted_by(solver: str, part: Reconstruction) -> Reconstruction:
    r"""The reconstruction of least robust reprojection error over its inliers, found by a solver from where it stands.

    .. math:: \min_{R, t, X} \sum_{(i, j)} 2 (\sqrt{1 + s_{ij}} - 1), \qquad
        s_{ij} = \lVert f_i (\pi(R_i X_j + t_i) - x_{ij}) \rVert^2

    the cost that `intertwine.ops.cameras.bundle_adjustment` minimizes, in square pixels. Intrinsics stay.

    Args:
        solver: "pycolmap" (Ceres), "scipy" (`scipy.optimize.least_squares` with a sparse Jacobian by differences), or
            "intertwine", which leaves the reconstruction as it is.
        part: The reconstruction.

    Raises:
        UsageError: The solver is not known or not installed.
    """
    check_solver(solver)
    return part if solver == OWN else _SOLVERS[solver](part)


def _by_pycolmap(part: Reconstruction) -> Reconstruction:
    import pycolmap

    with TemporaryDirectory() as folder:
        write_colmap_model(Path(folder), part)
        model = pycolmap.Reconstruction(folder)
    options = pycolmap.BundleAdjustmentOptions()
    options.print_summary = False
    options.refine_focal_length = options.refine_principal_point = options.refine_extra_params = False
    options.ceres.loss_function_type = pycolmap.LossFunctionType.SOFT_L1
    options.ceres.loss_function_scale = 1.0
    options.ceres.solver_options.max_num_iterations = _ITERATIONS
    pycolmap.bundle_adjustment(model, options)
    rotations, translations, points = part.rotations.clone(), part.translations.clone(), part.points.clone()
    for number, image in model.images.items():
        pose = torch.from_numpy(np.array(image.cam_from_world().matrix()))
        rotations[number - 1], translations[number - 1] = pose[:, :3], pose[:, 3]
    for number, point in model.points3D.items():
        points[number - 1] = torch.from_numpy(np.array(point.xyz))
    return replace(part, rotations=rotations, translations=translations, points=points)


def _by_scipy(part: Reconstruction) -> Reconstruction:
    from scipy.optimize import least_squares
    from scipy.sparse import coo_array

    tracks, rows = part.tracks, part.inliers.nonzero()[:, 0]
    cameras, camera = tracks.camera[rows].unique(return_inverse=True)
    points, point = tracks.point[rows].unique(return_inverse=True)
    xy, focal = tracks.normalized()[rows], tracks.focal()[rows]
    m, n = len(cameras), len(points)
    start = (part.rotations[cameras], part.translations[cameras], part.points[points])

    def state(values: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        turns, shifts, moved = torch.from_numpy(values).split([3 * m, 3 * m, 3 * n])
        rotations = matrix_from_rotation_vector(turns.view(m, 3)) @ start[0]
        return rotations, start[1] + shifts.view(m, 3), start[2] + moved.view(n, 3)

    def residuals(values: np.ndarray) -> np.ndarray:
        # scipy's robust losses are of single residuals, this one is of distances: residuals whose squares sum to it.
        errors, _ = reprojection_residuals(*state(values), camera, point, xy, focal)
        squares = errors.square().sum(1, keepdim=True)
        soft: np.ndarray = (errors * (2 / (1 + (1 + squares).sqrt())).sqrt()).flatten().numpy()
        return soft

    columns = [3 * camera, 3 * m + 3 * camera, 6 * m + 3 * point]
    column = torch.cat([first[:, None] + torch.arange(3) for first in columns], 1).repeat_interleave(2, 0)
    row = torch.arange(2 * len(rows))[:, None].expand_as(column)
    shape = (2 * len(rows), 6 * m + 3 * n)
    pattern = coo_array((np.ones(column.numel()), (row.flatten().numpy(), column.flatten().numpy())), shape=shape)
    found = least_squares(
        residuals, np.zeros(shape[1]), jac_sparsity=pattern.tocsr(), x_scale="jac", ftol=1e-8, max_nfev=_ITERATIONS
    )
    rotations, translations, positions = part.rotations.clone(), part.translations.clone(), part.points.clone()
    rotations[cameras], translations[cameras], positions[points] = state(found.x)
    return replace(part, rotations=rotations, translations=translations, points=positions)


_SOLVERS: dict[str, Callable[[Reconstruction], Reconstruction]] = {"pycolmap": _by_pycolmap, "scipy": _by_scipy}
