"""Logarithms of matrices: closed forms for rotations of the plane and of space, Schur's form for the others.

Constants and inputs stay in the dtype of the caller; what is not a closed form is computed in float64 and is not
differentiable.
"""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor


def planar_logarithm(g: Tensor) -> Tensor:
    """The logarithm ``(..., 2, 2)`` of rotations of the plane: the angle, from -pi to pi, times the quarter turn."""
    angle = torch.atan2(g[..., 1, 0] - g[..., 0, 1], g[..., 0, 0] + g[..., 1, 1])
    zero = torch.zeros_like(angle)
    return torch.stack([torch.stack([zero, -angle], dim=-1), torch.stack([angle, zero], dim=-1)], dim=-2)


def unit_quaternion(rotation: Tensor) -> Tensor:
    """The unit quaternion ``(..., 4)``, w x y z with w >= 0, of rotations ``(..., 3, 3)``.

    The matrix 4 q q^T is linear in the rotation; its longest row is q up to length, without cancellation anywhere.
    """
    m = rotation
    x, y, z = m.diagonal(dim1=-2, dim2=-1).unbind(-1)
    a, b, c = m[..., 2, 1], m[..., 0, 2], m[..., 1, 0]
    d, e, f = m[..., 1, 2], m[..., 2, 0], m[..., 0, 1]
    rows = [
        [1 + x + y + z, a - d, b - e, c - f],
        [a - d, 1 + x - y - z, f + c, b + e],
        [b - e, f + c, 1 - x + y - z, d + a],
        [c - f, b + e, d + a, 1 - x - y + z],
    ]
    outer = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
    longest = outer.diagonal(dim1=-2, dim2=-1).argmax(-1)
    row = torch.take_along_dim(outer, longest[..., None, None], dim=-2).squeeze(-2)
    q = row / row.norm(dim=-1, keepdim=True)
    return torch.where(q[..., :1] < 0, -q, q)


def half_angle_vector(quaternion: Tensor) -> Tensor:
    """The vector u ``(..., 3)`` with q = (cos |u|, sin |u| u / |u|): the logarithm of a unit quaternion."""
    w, v = quaternion[..., :1], quaternion[..., 1:]
    square = v.square().sum(-1, keepdim=True)
    tiny = square < 1e-30
    length = torch.where(tiny, torch.ones_like(square), square).sqrt()
    u = v * torch.where(tiny, torch.ones_like(w), torch.atan2(length, w) / length)
    # At q = -1 every axis will do.
    return torch.where(tiny & (w < 0), torch.tensor([0, 0, math.pi], dtype=w.dtype, device=w.device), u)


def orthogonal_logarithm(g: Tensor) -> Tensor:
    """The logarithm ``(..., n, n)`` of rotations of any dimension, from their real Schur form; det g = 1."""
    flat = g.detach().to("cpu", torch.float64).reshape(-1, *g.shape[-2:])
    found = torch.stack([_one_rotation(each) for each in flat]) if len(flat) else flat
    return found.reshape(g.shape).to(g)


def _one_rotation(g: Tensor) -> Tensor:
    from scipy.linalg import schur

    form, basis = schur(g.numpy(), output="real")
    n = len(g)
    X = torch.zeros(n, n, dtype=torch.float64)
    flips, k = [], 0
    while k < n:
        if k + 1 < n and abs(form[k + 1, k]) > 1e-15:
            angle = math.atan2(form[k + 1, k] - form[k, k + 1], form[k, k] + form[k + 1, k + 1])
            X[k + 1, k], X[k, k + 1] = angle, -angle
            k += 2
        else:
            flips += [k] if form[k, k] < 0 else []
            k += 1
    for a, b in zip(flips[::2], flips[1::2], strict=True):  # half turns
        X[b, a], X[a, b] = math.pi, -math.pi
    Q = torch.from_numpy(basis)
    return Q @ X @ Q.T


def principal_logarithm(g: Tensor) -> Tensor:
    """The real part of the principal logarithm ``(..., n, n)`` of invertible matrices, by scipy."""
    from scipy.linalg import logm

    flat = g.detach().to("cpu", torch.float64).reshape(-1, *g.shape[-2:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the caller checks what comes
        found = [torch.from_numpy(logm(each.numpy()).real.copy()).to(torch.float64) for each in flat]
    return (torch.stack(found) if found else flat).reshape(g.shape).to(g)
