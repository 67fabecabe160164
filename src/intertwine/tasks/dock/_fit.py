"""Fitting of pair potentials: poses near the true one against decoys, by a softmax over the poses of each complex."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.ops import RigidMotion
from intertwine.tasks.dock._atom_types import ATOM_TYPES, atom_types
from intertwine.tasks.dock._potential import PairPotential
from intertwine.tasks.dock._structure import Structure

_TYPES = len(ATOM_TYPES)
_ROWS, _COLUMNS = np.triu_indices(_TYPES)
REACH = 4.0
"""Sums reach this many of the widest width."""


class PoseSums(NamedTuple):
    """Poses of one complex.

    Attributes:
        sums: ``(poses, type pairs, gaussians)`` of `pair_sums`.
        near: ``(poses,)`` bool: near the true one.
        far: ``(poses,)`` bool: decoys; poses that are neither are left out.
    """

    sums: Tensor
    near: Tensor
    far: Tensor


def pair_sums(ligand: Structure, receptor: Structure, motions: RigidMotion, widths: Tensor) -> Tensor:
    r"""The statistics of poses in which every pair potential is linear.

    .. math:: N_{abg} = \sum_{\{i, j\}: \{a(i), a(j)\} = \{a, b\}} e^{-|R x_i + t - y_j|^2 / 2 s_g^2}

    Args:
        ligand: The protein that is moved.
        receptor: The other.
        motions: Rotations ``(poses, 3, 3)`` and translations ``(poses, 3)``.
        widths: ``(gaussians,)`` in angstrom.

    Returns:
        ``(poses, type pairs, gaussians)``, float32; pairs of types in the order of an upper triangle.
    """
    types_1, types_2 = atom_types(ligand), atom_types(receptor)
    tree, exponents = cKDTree(receptor.coordinates), 0.5 / widths.double().numpy() ** 2
    reach, rows = REACH * float(widths.max()), []
    for R, t in zip(motions.rotation.numpy(), motions.translation.numpy(), strict=True):
        moved = cKDTree(ligand.coordinates @ R.T + t)
        near = moved.sparse_distance_matrix(tree, reach, output_type="ndarray")
        key = types_1[near["i"]] * _TYPES + types_2[near["j"]]
        table = np.stack(
            [np.bincount(key, np.exp(-e * near["v"] ** 2), _TYPES**2).reshape(_TYPES, _TYPES) for e in exponents],
            axis=2,
        ).astype(np.float64)
        table = table + table.transpose(1, 0, 2)
        table[np.arange(_TYPES), np.arange(_TYPES)] /= 2
        rows.append(table[_ROWS, _COLUMNS].astype(np.float32))
    return torch.from_numpy(np.array(rows).reshape(len(rows), len(_ROWS), len(exponents)))


def fit_pair_potential(
    complexes: Sequence[PoseSums],
    widths: Tensor,
    shape: Tensor,
    *,
    channels: int = 5,
    penalty: float = 0.003,
    steps: int = 300,
    seed: int = 0,
) -> PairPotential:
    r"""The pair potential in low rank under which poses near the true one score above decoys.

    With the score s of each pose, it minimizes

    .. math:: \operatorname{mean}_{\text{complexes}} \Bigl( \ln \sum_{\text{near, far}} e^{s} -
        \ln \sum_{\text{near}} e^{s} \Bigr) + \lambda (|u|^2 + |\kappa|^2)

    over features u and amplitudes :math:`\kappa` of `PairPotential`, in units of the spread of each Gaussian's sums
    over near poses. The first channel is the same for all types: a multiple of a given shape, fitted too, plus
    amplitudes that are penalized as the others are. So what the data do not tell stays near the shape.

    Args:
        complexes: At least one, each with near and far poses.
        widths: Of the sums, ``(gaussians,)``.
        shape: ``(gaussians,)``, amplitudes of a radial function: repulsion of near atoms, attraction of farther ones.
        channels: The rank.
        penalty: :math:`\lambda`.
        steps: Of Adam, all complexes at once.
        seed: Of the first features.

    Returns:
        The potential; deterministic.

    Raises:
        UsageError: If there is no complex, or one without near or far poses.
    """
    if not complexes or not all(bool(c.near.any()) and bool(c.far.any()) for c in complexes):
        raise UsageError("fit_pair_potential expects complexes that each have poses near the true one and decoys")
    scale = torch.cat([c.sums[c.near].sum(1) for c in complexes]).std(0).clamp(min=1e-6)
    sums, near, far = _padded(complexes, scale)
    generator = torch.Generator().manual_seed(seed)
    features = (0.3 * torch.randn(channels - 1, _TYPES, generator=generator)).requires_grad_()
    amplitudes = torch.cat(
        [torch.zeros(1, len(widths)), 0.3 * torch.randn(channels - 1, len(widths), generator=generator)]
    ).requires_grad_()
    prior = shape.float() * scale
    gain = (_SPREAD / (_GAIN * _first_spread(sums, near, prior))).requires_grad_()
    optimizer = torch.optim.Adam([features, amplitudes, gain], lr=0.03)
    for step in range(steps):
        scores = sums @ _weights(features, _with_shape(amplitudes, gain * prior)).flatten()
        every = scores.masked_fill(~(near | far), -torch.inf).logsumexp(1)
        loss = (every - scores.masked_fill(~near, -torch.inf).logsumexp(1)).mean()
        loss = loss + penalty * (features.square().sum() + amplitudes.square().sum())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step == 3 * steps // 4:
            optimizer.param_groups[0]["lr"] = 0.01
    ones = torch.ones(1, _TYPES)
    total = _with_shape(amplitudes, gain * prior).detach()
    return PairPotential(torch.cat([ones, features.detach()]), widths, _GAIN * total / scale)


_GAIN = 20.0
"""Scores in units of spread are multiplied by this, so that the penalty weighs little where it should."""


_SPREAD = 5.0
"""The multiple of the shape starts where near poses differ by so much."""


def _with_shape(amplitudes: Tensor, shape: Tensor) -> Tensor:
    return torch.cat([amplitudes[:1] + shape, amplitudes[1:]])


def _first_spread(sums: Tensor, near: Tensor, prior: Tensor) -> Tensor:
    """The standard deviation of the shape's scores over near poses."""
    scores: Tensor = (sums.unflatten(2, (-1, len(prior))).sum(2) @ prior)[near]
    return scores.std().clamp(min=1e-6)


def _weights(features: Tensor, amplitudes: Tensor) -> Tensor:
    """The potential's coefficient of each sum, ``(type pairs, gaussians)``."""
    u = torch.cat([torch.ones(1, _TYPES), features])
    products = u[:, torch.from_numpy(_ROWS)] * u[:, torch.from_numpy(_COLUMNS)]
    return _GAIN * products.mT @ amplitudes


def _padded(complexes: Sequence[PoseSums], scale: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """All complexes as one array, ``(complexes, poses, type pairs * gaussians)``, and which poses are near and far."""
    poses, size = max(len(c.sums) for c in complexes), complexes[0].sums[0].numel()
    sums = torch.zeros(len(complexes), poses, size)
    near, far = (torch.zeros(len(complexes), poses, dtype=torch.bool) for _ in range(2))
    for k, one in enumerate(complexes):
        sums[k, : len(one.sums)] = (one.sums / scale).flatten(1)
        near[k, : len(one.near)], far[k, : len(one.far)] = one.near, one.far
    return sums, near, far
