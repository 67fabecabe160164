"""Ranking score of docked poses: contacts and surface normals at several distances, beside a pair potential."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.ops import RigidMotion
from intertwine.tasks.dock._pose_weights import PoseTable, check_poses, pose_weights
from intertwine.tasks.dock._structure import Array, Structure
from intertwine.tasks.dock._tables import numbers_of, tensors_of

NORMAL_RADIUS = 8.0
"""A surface normal is taken from the atoms within this distance, in angstrom."""


class NormalField(NamedTuple):
    """Atoms ``(n, 3)`` in angstrom and unit vectors ``(n, 3)`` that point out of the protein."""

    coordinates: Array
    normals: Array


def surface_normals(structure: Structure) -> NormalField:
    r"""The directions out of a protein at its atoms.

    .. math:: v_i = \frac{x_i - \bar x_i}{|x_i - \bar x_i|}

    with the mean :math:`\bar x_i` of the atoms within 8 angstrom of atom i; zero where the two coincide.

    Args:
        structure: A protein.

    Returns:
        Atoms and normals, float64.

    Law:
        A vector field: of a moved structure the normals are turned.
    """
    x = structure.coordinates
    first, second = cKDTree(x).query_pairs(NORMAL_RADIUS, output_type="ndarray").T
    ends, others = np.concatenate([first, second]), np.concatenate([second, first])
    count = np.bincount(ends, minlength=len(x)) + 1
    shift = np.stack([np.bincount(ends, x[others, a] - x[ends, a], len(x)) for a in range(3)], axis=1)
    outward = -shift / count[:, None]
    length = np.linalg.norm(outward, axis=1, keepdims=True)
    return NormalField(x, np.divide(outward, length, out=np.zeros_like(outward), where=length > 1e-9))


def interface_sums(field_1: NormalField, field_2: NormalField, motions: RigidMotion, knots: Tensor) -> Tensor:
    r"""The statistics of poses in which a `RankingScore` is linear.

    .. math:: C_k = \sum_{ij} h_k(|R x_i + t - y_j|), \qquad
        A_k = -\sum_{ij} (R v_i \cdot w_j) \, h_k(|R x_i + t - y_j|)

    with the normals v and w and the piecewise linear :math:`h_k` that is 1 at knot k and 0 at the others; the first is
    1 below its knot, and all are 0 from the last knot, which has none.

    Args:
        field_1: The protein that is moved.
        field_2: The other.
        motions: Rotations ``(poses, 3, 3)`` and translations ``(poses, 3)``.
        knots: ``(k + 1,)``, ascending, in angstrom.

    Returns:
        ``(poses, 2, k)``, float64: contacts, then normals that face each other.

    Law:
        Invariant under motions of each protein together with its pose, and under exchange with the inverse motion.

    Cost:
        That of the list of pairs of atoms nearer than the last knot.
    """
    marks, tree, rows = knots.double().numpy(), cKDTree(field_2.coordinates), []
    for R, t in zip(motions.rotation.double().numpy(), motions.translation.double().numpy(), strict=True):
        moved, turned = cKDTree(field_1.coordinates @ R.T + t), field_1.normals @ R.T
        near = moved.sparse_distance_matrix(tree, float(marks[-1]), output_type="ndarray")
        facing = -np.einsum("na,na->n", turned[near["i"]], field_2.normals[near["j"]])
        rows.append(np.stack([_hat_sums(near["v"], marks, w) for w in (np.ones(len(near)), facing)]))
    return torch.from_numpy(np.array(rows).reshape(len(rows), 2, len(marks) - 1))


def _hat_sums(distances: Array, knots: Array, weights: Array) -> Array:
    """The weighted sums ``(k,)`` of the piecewise linear functions of knots."""
    place = np.clip(np.searchsorted(knots, distances, side="right") - 1, 0, len(knots) - 2)
    fraction = np.clip((distances - knots[place]) / (knots[place + 1] - knots[place]), 0, 1)
    below = np.bincount(place, weights * (1 - fraction), len(knots)).astype(np.float64)
    above = np.bincount(place + 1, weights * fraction, len(knots)).astype(np.float64)
    sums: Array = (below + above)[:-1]
    return sums


@dataclass(frozen=True)
class RankingScore:
    r"""A score by which refined poses are ranked.

    .. math:: \sigma = \alpha s + \sum_k (\beta_k C_k + \gamma_k A_k)

    with the score s of a pair potential and the :math:`C_k, A_k` of `interface_sums`. To search a grid with all of it
    would cost more.

    Attributes:
        pair: The :math:`\alpha`.
        knots: ``(k + 1,)``, ascending, in angstrom.
        contacts: ``(k,)``, the :math:`\beta`.
        normals: ``(k,)``, the :math:`\gamma`.

    Raises:
        UsageError: If the shapes do not fit or the knots do not ascend.

    References:
        Pierce and Weng, ZRANK: reranking protein docking predictions with an optimized energy function, 2007.
    """

    pair: float
    knots: Tensor
    contacts: Tensor
    normals: Tensor

    def __post_init__(self) -> None:
        pieces = len(self.knots) - 1
        if pieces < 1 or not bool((self.knots[1:] > self.knots[:-1]).all()):
            raise UsageError(f"a ranking score expects at least two ascending knots, got {self.knots.tolist()}")
        if self.contacts.shape != (pieces,) or self.normals.shape != (pieces,):
            got = tuple(self.contacts.shape), tuple(self.normals.shape)
            raise UsageError(
                f"a ranking score of {pieces + 1} knots expects ({pieces},) contacts and normals, got {got}"
            )

    def __call__(self, field_1: NormalField, field_2: NormalField, motions: RigidMotion, scores: Tensor) -> Tensor:
        """The ranking scores of poses.

        Args:
            field_1: The protein that is moved.
            field_2: The other.
            motions: Rotations ``(poses, 3, 3)`` and translations ``(poses, 3)``.
            scores: ``(poses,)``, of the pair potential.

        Returns:
            ``(poses,)``, float64; higher is better.

        Law:
            That of `interface_sums`.
        """
        weights = torch.stack([self.contacts, self.normals]).double()
        sums = interface_sums(field_1, field_2, motions, self.knots)
        return self.pair * scores.double() + (sums * weights).sum((1, 2))

    def to_dict(self) -> dict[str, Any]:
        """The numbers as lists, rounded to six digits."""
        return numbers_of(self)

    @classmethod
    def from_dict(cls, numbers: Mapping[str, Any]) -> RankingScore:
        """The ranking score of such lists.

        Args:
            numbers: What `to_dict` returned.

        Raises:
            UsageError: If a key is missing or a shape does not fit.
        """
        pair, *tables = tensors_of(numbers, ("pair", "knots", "contacts", "normals"), "a ranking score")
        if pair.ndim:
            raise UsageError(f"a ranking score expects one number as pair, got a table of {tuple(pair.shape)}")
        return cls(float(pair), *tables)


class InterfacePoses(NamedTuple):
    """Refined poses of one complex.

    Attributes:
        scores: ``(poses,)``, of the pair potential.
        sums: ``(poses, 2, k)`` of `interface_sums`.
        near: ``(poses,)`` bool: near the true one.
        far: ``(poses,)`` bool: decoys; poses that are neither are left out.
    """

    scores: Tensor
    sums: Tensor
    near: Tensor
    far: Tensor


def fit_ranking(complexes: Sequence[InterfacePoses], knots: Tensor, *, penalty: float = 0.01) -> RankingScore:
    r"""The ranking score under which poses near the true one are above decoys.

    Of the weights :math:`w = (\alpha, \beta, \gamma)` it minimizes

    .. math:: \operatorname{mean}_{\text{complexes}} \Bigl( \ln \sum_{\text{near, far}} e^{\sigma} -
        \ln \sum_{\text{near}} e^{\sigma} \Bigr) + \lambda |w|^2,

    a convex problem up to the sum over near poses; w in units of the spread of each sum over the decoys of a complex.

    Args:
        complexes: At least one, each with near and far poses.
        knots: ``(k + 1,)``, those of the sums, in angstrom.
        penalty: :math:`\lambda`.

    Returns:
        The ranking score; deterministic.

    Raises:
        UsageError: If there is no complex, or one without near or far poses.
    """
    check_poses("fit_ranking", [(c.near, c.far) for c in complexes])
    tables = [torch.cat([c.scores[:, None], c.sums.flatten(1)], dim=1).double() for c in complexes]
    decoys = [table[c.far] for table, c in zip(tables, complexes, strict=True)]
    spread = torch.stack([d.var(0, correction=0) for d in decoys]).mean(0).sqrt() + 1e-6
    scaled = [
        PoseTable((table - d.mean(0)) / spread, c.near, c.far)
        for table, d, c in zip(tables, decoys, complexes, strict=True)
    ]
    weights = pose_weights(scaled, penalty)
    pair, contacts, normals = (weights / spread).split([1, len(knots) - 1, len(knots) - 1])
    return RankingScore(float(pair), knots, contacts, normals)
