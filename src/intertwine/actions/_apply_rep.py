"""Application of a representation to the last axis of a tensor."""

from __future__ import annotations

from torch import Tensor

from intertwine.actions._transform import Transform
from intertwine.reps import Rep


def apply_rep(rep: Rep, transform: Transform, features: Tensor) -> Tensor:
    """rho(g) x on the last axis, the matrix computed in float64 and cast last.

    Args:
        rep: The representation rho.
        transform: Holds the group element g.
        features: x, ``(..., rep.dim)``.

    Returns:
        ``(..., rep.dim)`` in the dtype of ``features``.

    Raises:
        TypeError: If ``features`` is not a tensor.
        ValueError: If its last axis is not ``rep.dim`` long.
    """
    if not isinstance(features, Tensor):
        raise TypeError(f"expected a tensor (..., {rep.dim}) of type {rep}, got {type(features).__name__}")
    if features.ndim == 0 or features.shape[-1] != rep.dim:
        raise ValueError(
            f"expected a tensor (..., {rep.dim}) of type {rep}, got shape {tuple(features.shape)}: "
            "the last axis carries the representation"
        )
    if transform.fixes(rep):
        return features.clone()
    return features @ rep_matrix(rep, transform).to(features).mT


def rep_matrix(rep: Rep, transform: Transform) -> Tensor:
    """rho(g), ``(rep.dim, rep.dim)`` float64."""
    return transform.matrix(rep)
