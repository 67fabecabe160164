"""Fitting of pair potentials: contacts of native complexes against those of decoys, and weights by a softmax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from intertwine.ops import RigidMotion
from intertwine.tasks.dock._atom_types import ATOM_TYPES, atom_types
from intertwine.tasks.dock._pose_weights import PoseTable, check_poses, pose_weights
from intertwine.tasks.dock._potential import PairPotential
from intertwine.tasks.dock._structure import Structure

_TYPES = len(ATOM_TYPES)
_ROWS, _COLUMNS = np.triu_indices(_TYPES)
REACH = 4.0
"""Sums reach this many of the widest width."""
CONTACT_WIDTH = 1.5
"""Gaussians narrower than this, in angstrom, have no energies of contact: atoms do not come so near."""


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


def contact_energies(native: Tensor, decoys: Tensor, *, shrinkage: float = 0.1) -> Tensor:
    r"""The log ratios of how often types meet in native complexes and in decoys.

    .. math:: e_{ab} = \ln \frac{p_{ab} + \epsilon}{q_{ab} + \epsilon}

    with the mean shares p of pairs of types in native interfaces, q in decoys, and the shrinkage
    :math:`\epsilon` in units of an even share. Decoys of the right shape are the reference: what all interfaces have in
    common drops out.

    Args:
        native: ``(complexes, type pairs)``, sums of one Gaussian over native complexes.
        decoys: ``(decoys, type pairs)``; those without contacts do not count.
        shrinkage: Towards 0 for rare pairs.

    Returns:
        ``(types, types)``, symmetric; positive where types meet more often in native complexes.

    References:
        Chuang, Kozakov, Brenke, Comeau, Vajda, DARS (decoys as the reference state) potentials for protein-protein
        docking, 2008.
    """
    p, q = _mean_share(native.double()), _mean_share(decoys.double())
    even = shrinkage / native.shape[1]
    energies = torch.zeros(_TYPES, _TYPES, dtype=torch.float64)
    energies[_ROWS, _COLUMNS] = energies[_COLUMNS, _ROWS] = torch.log((p + even) / (q + even))
    return energies


def _mean_share(sums: Tensor) -> Tensor:
    total = sums.sum(1, keepdim=True)
    touching = total[:, 0] > 0
    return (sums[touching] / total[touching]).mean(0)


def fit_pair_potential(
    complexes: Sequence[PoseSums],
    widths: Tensor,
    energies: Tensor,
    *,
    rank: int = 6,
    penalty: float = 0.003,
) -> PairPotential:
    r"""The weights of shape and of contact energies under which poses near the true one score above decoys.

    .. math:: s = \sum_g \Bigl( \kappa_g \sum_{ab} N_{abg} + \beta_g \sum_{ab} e_{ab} N_{abg} \Bigr)

    with the :math:`\kappa` and, for Gaussians from 1.5 angstrom, :math:`\beta` that minimize

    .. math:: \operatorname{mean}_{\text{complexes}} \Bigl( \ln \sum_{\text{near, far}} e^{s} -
        \ln \sum_{\text{near}} e^{s} \Bigr) + \lambda |w|^2,

    a convex problem; w are the weights in units of the spread of their sums over near poses. The matrix e is then
    replaced by its eigenvectors of largest eigenvalues: each is one scalar field (`PairPotential.of_energies`).

    Args:
        complexes: At least one, each with near and far poses.
        widths: Of the sums, ``(gaussians,)``.
        energies: ``(types, types)``, of `contact_energies`.
        rank: How many eigenvectors.
        penalty: :math:`\lambda`.

    Returns:
        The potential.

    Raises:
        UsageError: If there is no complex, or one without near or far poses.
    """
    check_poses("fit_pair_potential", [(c.near, c.far) for c in complexes])
    flat = energies.double()[_ROWS, _COLUMNS]
    wide = widths >= CONTACT_WIDTH
    sums = [
        torch.cat([c.sums.double().sum(1), torch.einsum("npg,p->ng", c.sums[..., wide].double(), flat)], dim=1)
        for c in complexes
    ]
    scale = torch.cat([s[c.near] for s, c in zip(sums, complexes, strict=True)]).std(0).clamp(min=1e-6)
    weights = pose_weights([PoseTable(x / scale, c.near, c.far) for x, c in zip(sums, complexes, strict=True)], penalty)
    shape, contact = (weights / scale).split([len(widths), int(wide.sum())])
    contact = torch.zeros(len(widths), dtype=torch.float64).masked_scatter(wide, contact)
    return PairPotential.of_energies(widths, shape, energies, contact, rank=rank)
