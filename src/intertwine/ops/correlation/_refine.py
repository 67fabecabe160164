"""Exact correlation of two moved fields, without a grid, and its gradient ascent over rigid motions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.ops.alignment import RigidMotion
from intertwine.ops.correlation._fields import GaussianKernel, PointField, check_fields

Array = NDArray[np.float64]

SKIN = 1.5
"""Lists of neighbors reach this many of the narrowest widths beyond the cutoff, and are made anew after such a move."""


def correlation(field_1: PointField, field_2: PointField, kernel: GaussianKernel, motions: RigidMotion) -> Tensor:
    r"""The correlations of a moved field with a field at rest.

    .. math:: s(R, t) = \sum_{ij} \sum_c (\rho(R) f_{1,i})_c \, f_{2,j,c} \, k_c(|R x_{1,i} + t - x_{2,j}|)

    It is exact up to the kernel's cutoff: no grid is involved.

    Args:
        field_1: The field that is moved.
        field_2: The field at rest.
        kernel: A radial function for each channel.
        motions: Rotations ``(poses, 3, 3)`` and translations ``(poses, 3)``.

    Returns:
        ``(poses,)``, float64.

    Raises:
        UsageError: If the channels of the three do not agree.

    Law:
        With the fields moved by ``g1`` and ``g2``, the motion ``g2 (R, t) g1^-1`` has the correlation that (R, t) had.
        With the fields exchanged, the inverse motion has it.

    Cost:
        One exponential for each Gaussian and pair of points within the cutoff.

    Example:
        >>> point = PointField(torch.zeros(1, 3), torch.ones(1, 1))
        >>> kernel = GaussianKernel(torch.tensor([1.0]), torch.tensor([[2.0]]))
        >>> correlation(point, point, kernel, RigidMotion(torch.eye(3)[None], torch.zeros(1, 3))).tolist()
        [2.0]
    """
    check_fields(field_1, field_2, kernel, "correlation")
    score = _Score(field_1, field_2, kernel)
    values = [score.start(R, t).value(np.zeros(6))[0] for R, t in _poses(motions)]
    return torch.tensor(values, dtype=torch.float64)


def refine_correlation(
    field_1: PointField, field_2: PointField, kernel: GaussianKernel, motions: RigidMotion, *, steps: int = 50
) -> tuple[RigidMotion, Tensor]:
    """The local maxima of the exact correlation that gradient ascent reaches from given motions.

    Args:
        field_1: The field that is moved.
        field_2: The field at rest.
        kernel: A radial function for each channel.
        motions: Rotations ``(poses, 3, 3)`` and translations ``(poses, 3)`` to start from.
        steps: The most steps of quasi-Newton ascent (BFGS with limited memory) for each motion.

    Returns:
        The motions, in the order given, and their correlations ``(poses,)``; float64.

    Raises:
        UsageError: If the channels do not agree or ``steps`` is negative.

    Law:
        That of :func:`correlation`.

    Cost:
        That of :func:`correlation` for each step, the lists of neighbors aside. Motions are refined in as many threads
        as torch has, each by itself, so the number of threads changes nothing.
    """
    from scipy.optimize import minimize

    check_fields(field_1, field_2, kernel, "refine_correlation")
    if steps < 0:
        raise UsageError(f"refine_correlation expects steps of at least 0, got {steps}")
    score = _Score(field_1, field_2, kernel)

    def ascend(motion: tuple[Array, Array]) -> tuple[Array, Array, float]:
        pose = score.start(*motion)
        settings = {"maxiter": steps, "ftol": 1e-15, "gtol": 1e-9}
        best = minimize(pose.descent, np.zeros(6), jac=True, method="L-BFGS-B", options=settings)
        return *pose.motion(best.x), -float(best.fun)

    with ThreadPoolExecutor(max_workers=torch.get_num_threads()) as workers:
        found = list(workers.map(ascend, _poses(motions)))
    rotations = np.array([rotation for rotation, _, _ in found]).reshape(-1, 3, 3)
    translations = np.array([translation for _, translation, _ in found]).reshape(-1, 3)
    refined = RigidMotion(torch.from_numpy(rotations), torch.from_numpy(translations))
    return refined, torch.tensor([value for _, _, value in found], dtype=torch.float64)


class _Score:
    """Two fields and a kernel as arrays, in units that make rotations and translations comparable."""

    def __init__(self, field_1: PointField, field_2: PointField, kernel: GaussianKernel) -> None:
        from scipy.spatial import cKDTree

        self.center = _array(field_1.center)
        self.points_1 = _array(field_1.points) - self.center
        self.points_2 = _array(field_2.points)
        self.features_1, self.features_2 = _array(field_1.features), _array(field_2.features)
        self.rep = field_1.rep
        self.amplitudes, self.exponents = _array(kernel.amplitudes), 0.5 / _array(kernel.widths) ** 2
        self.cutoff, self.unit = kernel.cutoff, float(kernel.widths.min())
        self.reach = float(np.sqrt((self.points_1**2).sum(1).max()))
        self.gyration = max(float(np.sqrt((self.points_1**2).sum(1).mean())), self.unit)
        self.tree_2 = cKDTree(self.points_2)

    def start(self, rotation: Array, translation: Array) -> _Pose:
        return _Pose(self, rotation, translation + rotation @ self.center)


class _Pose:
    r"""The neighborhood of one motion: :math:`R = \exp([u_{1:3}]_\times / \gamma) R_0`, :math:`c = c_0 + u_{4:6}`."""

    def __init__(self, score: _Score, rotation: Array, position: Array) -> None:
        self.score, self.rotation, self.position = score, rotation, position
        self.listed: tuple[Array, Array] | None = None

    def motion(self, u: Array) -> tuple[Array, Array]:
        """The rotation and the translation at ``u``."""
        rotation, position = self._place(u)
        return rotation, position - rotation @ self.score.center

    def value(self, u: Array) -> tuple[float, Array]:
        """The correlation at ``u`` and its gradient ``(6,)``."""
        score = self.score
        rotation, position = self._place(u)
        self._list_neighbors(rotation, position)
        arms = self.arms @ rotation.T
        difference = arms + position - self.targets
        gaussians = np.exp(-(difference**2).sum(1)[:, None] * score.exponents)
        turned, weights = self._weights(rotation)
        terms = weights * gaussians
        force = -2 * (terms @ score.exponents)[:, None] * difference
        moments = arms.T @ force
        torque = np.array([moments[1, 2] - moments[2, 1], moments[2, 0] - moments[0, 2], moments[0, 1] - moments[1, 0]])
        if turned is not None:
            torque += self._feature_torque(turned, gaussians)
        gradient = np.concatenate([_left_jacobian(u[:3] / score.gyration).T @ torque / score.gyration, force.sum(0)])
        return float(terms.sum()), gradient

    def descent(self, u: Array) -> tuple[float, Array]:
        """The negative of `value`."""
        value, gradient = self.value(u)
        return -value, -gradient

    def _place(self, u: Array) -> tuple[Array, Array]:
        from scipy.spatial.transform import Rotation

        turn = Rotation.from_rotvec(u[:3] / self.score.gyration).as_matrix()
        return turn @ self.rotation, self.position + u[3:]

    def _list_neighbors(self, rotation: Array, position: Array) -> None:
        from scipy.spatial import cKDTree

        score, skin = self.score, SKIN * self.score.unit
        if self.listed is not None:
            turned = float(np.linalg.norm(rotation - self.listed[0], ord=2)) * score.reach
            if turned + float(np.linalg.norm(position - self.listed[1])) <= skin:
                return
        moved = cKDTree(score.points_1 @ rotation.T + position)
        pairs = moved.sparse_distance_matrix(score.tree_2, score.cutoff + skin, output_type="ndarray")
        first, second = pairs["i"], pairs["j"]
        self.listed = (rotation, position)
        self.arms, self.targets = score.points_1[first], score.points_2[second]
        self.pair_features = score.features_1[first], score.features_2[second]
        self.scalar_weights = None if score.rep is not None else self._products(self.pair_features[0])

    def _products(self, features: Array) -> Array:
        """The sums over channels of products of features and amplitudes, ``(pairs, gaussians)``."""
        products: Array = (features * self.pair_features[1]) @ self.score.amplitudes
        return products

    def _weights(self, rotation: Array) -> tuple[Array | None, Array]:
        if self.scalar_weights is not None:
            return None, self.scalar_weights
        assert self.score.rep is not None, "features without a representation have fixed weights"
        turned = self.pair_features[0] @ _array(self.score.rep.matrix(torch.tensor(rotation))).T
        return turned, self._products(turned)

    def _feature_torque(self, turned: Array, gaussians: Array) -> Array:
        """The derivative by infinitesimal rotations of the features, ``(3,)``."""
        assert self.score.rep is not None, "scalar features do not turn"
        slope = ((gaussians @ self.score.amplitudes.T) * self.pair_features[1]).T @ turned
        return np.array([(slope * _array(self.score.rep.algebra(axis))).sum() for axis in _AXES])


def _cross_matrix(v: Array) -> Array:
    return np.array([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])


_AXES = [torch.tensor(_cross_matrix(axis)) for axis in np.eye(3)]


def _left_jacobian(omega: Array) -> Array:
    r"""The matrix with :math:`d \exp[\omega]_\times = [J d\omega]_\times \exp[\omega]_\times`."""
    angle, skew = float(np.linalg.norm(omega)), _cross_matrix(omega)
    if angle < 1e-4:
        return np.eye(3) + skew / 2 + skew @ skew / 6
    return np.asarray(
        np.eye(3) + (1 - np.cos(angle)) / angle**2 * skew + (angle - np.sin(angle)) / angle**3 * skew @ skew
    )


def _poses(motions: RigidMotion) -> list[tuple[Array, Array]]:
    return list(zip(_array(motions.rotation), _array(motions.translation), strict=True))


def _array(tensor: Tensor) -> Array:
    return tensor.detach().to(torch.float64).numpy()
