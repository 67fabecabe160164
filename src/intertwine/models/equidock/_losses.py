"""Losses of EquiDock: transport of keypoints to the pocket, intersection of proteins, attention to the interface."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from intertwine._errors import UsageError


def keypoint_loss(keypoints: tuple[Tensor, Tensor], pockets: tuple[Tensor, Tensor]) -> Tensor:
    r"""The cost of the optimal transport from pocket points to keypoints, of both proteins with one plan.

    .. math:: \min_T \sum_{sk} T_{sk} \bigl( |p_{1s} - y_{1k}|^2 + |p_{2s} - y_{2k}|^2 \bigr), \quad
        \sum_k T_{sk} = 1/S, \; \sum_s T_{sk} = 1/K

    The plan has no derivative, as at an optimum it needs none.

    Args:
        keypoints: ``(K, 3)`` of ligand and receptor, each in its own frame.
        pockets: ``(S, 3)`` of both: the midpoints of alpha carbons nearer than 8 angstrom in the complex, as they lie
            on the ligand and on the receptor.

    Returns:
        A scalar, in squares of the unit.

    Raises:
        UsageError: If the counts do not agree.

    Law:
        Invariant under motions of each protein with its keypoints and pocket, and under the exchange of proteins.

    References:
        Ganea et al., ICLR 2022, Eq. 14.
    """
    if len(keypoints[0]) != len(keypoints[1]) or len(pockets[0]) != len(pockets[1]) or not len(pockets[0]):
        raise UsageError("keypoint_loss expects as many keypoints, and as many pocket points, of both proteins")
    cost = torch.cdist(pockets[0], keypoints[0]).square() + torch.cdist(pockets[1], keypoints[1]).square()
    plan = transport_plan(cost.detach().double().numpy())
    return (torch.as_tensor(plan).to(cost) * cost).sum()


def transport_plan(cost: np.ndarray) -> np.ndarray:
    """The plan of least cost between uniform distributions, ``(S, K)``, by linear programming.

    Args:
        cost: ``(S, K)``.
    """
    from scipy import sparse
    from scipy.optimize import linprog

    rows, columns = cost.shape
    sums = sparse.vstack(
        [
            sparse.kron(sparse.eye_array(rows), np.ones((1, columns))),
            sparse.kron(np.ones((1, rows)), sparse.eye_array(columns)),
        ],
        format="csr",
    )
    totals = np.concatenate([np.full(rows, 1 / rows), np.full(columns, 1 / columns)])
    found = linprog(cost.ravel(), A_eq=sums[:-1], b_eq=totals[:-1], method="highs")
    assert found.x is not None, "a transport problem between two distributions has a solution"
    return np.asarray(found.x).reshape(rows, columns)


def site_loss(attention: Tensor, site: Tensor) -> Tensor:
    r"""How far the residues that the keypoints of a protein are read from are those of its interface.

    .. math:: -\frac{1}{|S|} \sum_{i \in S} \ln \frac{n}{K} \sum_k a_{ik}

    with the attention :math:`a_{ik}` of keypoint k to residue i and the interface S; it is 0 for even attention and
    least, :math:`\ln |S| / n`, for attention that is even on S. It tells of every residue whether it is one of the
    interface, where the distances of a pose are six numbers. Not of the published network.

    Args:
        attention: ``(n,)``: the logarithm of its mean over keypoints.
        site: ``(n,)``, bool: residues of the interface.

    Returns:
        A scalar; 0 without an interface.

    Raises:
        UsageError: If the shapes do not fit.
    """
    if attention.ndim != 1 or site.shape != attention.shape:
        raise UsageError(
            f"site_loss expects attention and site (n,), got {tuple(attention.shape)}, {tuple(site.shape)}"
        )
    on_site = attention[site]
    return -(on_site + math.log(len(attention))).sum() / max(len(on_site), 1)


def intersection_loss(ligand: Tensor, receptor: Tensor, *, sigma: float = 25.0, gamma: float = 10.0) -> Tensor:
    r"""How far two sets of points lie inside one another.

    .. math:: \operatorname{mean}_j \max(0, \gamma - G_1(b_j)) + \operatorname{mean}_i \max(0, \gamma - G_2(a_i)), \\
        G(x) = -\sigma \ln \sum_i e^{-|x - a_i|^2 / \sigma}

    Args:
        ligand: ``(n, 3)``, placed.
        receptor: ``(m, 3)``.
        sigma: In squares of the unit.
        gamma: The surface is where G has this value.

    Returns:
        A scalar: 0 where the points are far apart.

    Law:
        Invariant under motions of both together and under their exchange.

    References:
        Ganea et al., ICLR 2022, Eq. 16.
    """
    squared = torch.cdist(ligand, receptor).square() / sigma
    outside_ligand = -sigma * torch.logsumexp(-squared, dim=0)
    outside_receptor = -sigma * torch.logsumexp(-squared, dim=1)
    return (gamma - outside_ligand).relu().mean() + (gamma - outside_receptor).relu().mean()
