"""External tensor products of representations of two groups, and the representation on maps between their spaces."""

from __future__ import annotations

from intertwine.groups import Rep, direct_product, left_projection, right_projection
from intertwine.reps._restrict import restrict


def external_product(left: Rep, right: Rep) -> Rep:
    """The external tensor product, (rho (x) sigma)(g, h) = kron(rho(g), sigma(h)), of G x H.

    Bilinear functions of two inputs, each with its own group, live here: ``M = x y^T``, flattened row-major, becomes
    ``rho(g) M sigma(h)^T``.

    Args:
        left: rho, of G.
        right: sigma, of H.

    Returns:
        A representation of ``G * H`` of dimension ``left.dim * right.dim``.

    Example:
        >>> from intertwine.groups import SO3
        >>> V = SO3().vector
        >>> external_product(V, V).decompose().irreps
        DirectProduct(SO3(), SO3()).irrep("(1,1)")
    """
    group = direct_product(left.group, right.group)
    return restrict(left, left_projection(group)) * restrict(right, right_projection(group))


def maps_rep(source: Rep, target: Rep) -> Rep:
    """The representation of G x H on linear maps: T becomes sigma(h) T rho(g)^-1, flattened row-major.

    It is sigma(h) (x) rho(g)*: what a bi-equivariant network T(x, y) with T(g x, h y) = sigma(h) T(x, y) rho(g)^-1
    returns. On motions between two objects it is the law T(g_1 X_1, g_2 X_2) = g_2 T(X_1, X_2) g_1^-1.

    Args:
        source: rho, of G, on the space that the maps start from.
        target: sigma, of H, on the space that they end in.

    Returns:
        A representation of ``G * H`` of dimension ``target.dim * source.dim``.

    Example:
        >>> from intertwine.groups import SO3
        >>> V = SO3().vector
        >>> import torch
        >>> rep, g, h = maps_rep(V, V), SO3().sample(), SO3().sample()
        >>> T = torch.randn(3, 3, dtype=torch.float64)
        >>> moved = rep.matrix(rep.group.element(g, h)) @ T.flatten()
        >>> torch.allclose(moved, (h @ T @ g.mT).flatten())
        True
    """
    group = direct_product(source.group, target.group)
    return restrict(target, right_projection(group)) * restrict(source, left_projection(group)).dual
