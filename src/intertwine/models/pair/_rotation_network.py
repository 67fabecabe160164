"""Networks for the relative rotation of two clouds: bi-equivariant, and plain."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.nn import Blocks
from intertwine.ops.alignment import maximal_rotation, nearest_rotation
from intertwine.ops.points import gram_schmidt
from intertwine.reps import Rep, SphericalIrrep

Cloud = Sequence[Tensor | int | None]
"""The arguments of an encoder: features, positions, edges, and for several clouds their batch and number."""


class RotationNetwork(nn.Module):
    r"""Two equivariant encoders, their bi-equivariant feature, and the rotation by Procrustes.

    .. math:: F_i = \Phi(X_i), \qquad M_l = (F_2^l)^T W_l F_1^l, \qquad
        R = \arg\max_R \sum_l \operatorname{tr} \bigl( D^l(R)^T M_l \bigr)

    with one encoder for both clouds and positive semidefinite :math:`W_l = A_l^T A_l`. Of vectors alone the maximum is
    the solution of Procrustes' problem; of higher degrees it is sought over SO(3).

    Args:
        encoder: A network with ``rep_out``, a sum of irreps of SO(3) or O(3) with at least one vector, pooled over
            each cloud.

    Raises:
        UsageError: If the encoder's output has no vectors.

    Law: ``f(g_1 X_1, g_2 X_2) = g_2 f(X_1, X_2) g_1^-1`` for rotations, and ``f(X_2, X_1) = f(X_1, X_2)^-1``. Clouds
    that are turned copies of each other are aligned exactly, trained or not, where the features span the space.

    Reference: Zhu, Ghaffari, Peng, Correspondence-free point cloud registration with SO(3)-equivariant implicit shape
    representations, CoRL 2021.

    Example:
        >>> from intertwine.models import PointEncoder
        >>> network = RotationNetwork(PointEncoder("1x0e", "8x1o", layers=1, lmax=1))
        >>> cloud = torch.ones(4, 1), torch.randn(4, 3), torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
        >>> network(cloud, cloud).shape
        torch.Size([1, 3, 3])
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        rep = encoder.rep_out
        assert isinstance(rep, Rep), "an encoder declares the representation of its output"
        self.encoder, self._blocks = encoder, Blocks.of(rep)
        self._degrees = [irrep.degree if isinstance(irrep, SphericalIrrep) else -1 for _, irrep in self._blocks.terms]
        if 1 not in self._degrees or -1 in self._degrees:
            raise UsageError(f'RotationNetwork expects vectors in the output of its encoder such as "16x1o", got {rep}')
        self.weights = nn.ParameterList(nn.Parameter(torch.eye(copies)) for copies in self._blocks.copies)

    def forward(self, cloud_1: Cloud, cloud_2: Cloud) -> Tensor:
        """The rotations of the first clouds onto the second ones.

        Args:
            cloud_1: The arguments of the encoder.
            cloud_2: The same for as many clouds.

        Returns:
            ``(structures, 3, 3)``.
        """
        blocks_1, blocks_2 = (self._blocks.split(self.encoder(*cloud)) for cloud in (cloud_1, cloud_2))
        size = max(self._degrees)
        forms = [blocks_1[0].new_zeros(len(blocks_1[0]), 2 * k + 1, 2 * k + 1) for k in range(size + 1)]
        for degree, a, b, weight in zip(self._degrees, blocks_1, blocks_2, self.weights, strict=True):
            w = weight.to(a.dtype)
            forms[degree] = forms[degree] + (b @ w.T) @ (a @ w.T).mT
        return nearest_rotation(forms[1]) if size == 1 else maximal_rotation(forms)


class PlainRotationNetwork(nn.Module):
    """The relative rotation without bi-equivariance, for comparison: a perceptron on both encodings.

    Args:
        encoder: A network whose pooled output is ``(structures, rep_out.dim)``.
        width: Of the two hidden layers.

    Law: none. Its output is a rotation, in the continuous parametrization by two vectors.

    Reference: Zhou, Barnes, Lu, Yang, Li, On the continuity of rotation representations in neural networks, CVPR 2019.

    Example:
        >>> from intertwine.models import PointEncoder
        >>> network = PlainRotationNetwork(PointEncoder("1x0e", "16x0e", layer="message", layers=1))
        >>> cloud = torch.ones(4, 1), torch.randn(4, 3), torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
        >>> network(cloud, cloud).shape
        torch.Size([1, 3, 3])
    """

    def __init__(self, encoder: nn.Module, width: int = 128) -> None:
        super().__init__()
        rep = encoder.rep_out
        assert isinstance(rep, Rep), "an encoder declares the representation of its output"
        self.encoder = encoder
        self.head = nn.Sequential(
            nn.Linear(2 * rep.dim, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 6)
        )

    def forward(self, cloud_1: Cloud, cloud_2: Cloud) -> Tensor:
        """The rotations ``(structures, 3, 3)``; arguments as of `RotationNetwork`."""
        both = torch.cat([self.encoder(*cloud_1), self.encoder(*cloud_2)], dim=-1)
        return gram_schmidt(self.head(both).unflatten(-1, (2, 3)))
