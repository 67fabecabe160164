"""Base classes of the layers on points and their neighbors."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn

from intertwine.actions import Action, PointCloud, PointFeatures
from intertwine.nn._blocks import check_features
from intertwine.nn._same_group import same_group
from intertwine.nn.conv._geometry import Geometry, resolve_geometry
from intertwine.reps import Rep


class PointLayer(nn.Module):
    """Base of the layers that sum over the neighbors of a point.

    Args:
        rep_in: Representation of the features that come in, or its text.
        rep_out: Representation of the features that go out, of the same group, or its text.
        avg_num_neighbors: n, the average number of neighbors: sums are divided by its square root, which keeps the
            variance of the features.

    Attributes:
        action_in: Positions and features move together.
        action_out: The features that go out.

    Raises:
        ValueError: If the groups differ, a text cannot be read or n is not positive.
    """

    action_in: Action
    action_out: Action

    def __init__(self, rep_in: Rep | str, rep_out: Rep | str, *, avg_num_neighbors: float = 1.0) -> None:
        super().__init__()
        if not avg_num_neighbors > 0:
            raise ValueError(f"avg_num_neighbors must be positive, got {avg_num_neighbors}")
        self.rep_in, self.rep_out = same_group(type(self).__name__, rep_in=rep_in, rep_out=rep_out)
        self.action_in, self.action_out = PointCloud(self.rep_in), PointFeatures(self.rep_out)
        self.avg_num_neighbors = float(avg_num_neighbors)
        self._dim_in, self._text_in = self.rep_in.dim, str(self.rep_in)

    def check_features(self, features: Tensor) -> None:
        """Raise ValueError unless features are of shape ``(..., rep_in.dim)``."""
        check_features(features, self._dim_in, self._text_in, type(self).__name__)

    def extra_repr(self) -> str:
        """The two representations."""
        return f"{self.rep_in} -> {self.rep_out}"


class PointConv(PointLayer):
    """Base of the convolutions on points: a subclass says in :meth:`convolve` what is summed over the neighbors.

        y_i = 1/sqrt(n) sum_j K(r_ij) x_j,   r_ij = position_j - position_i

    Arguments, attributes and errors are those of :class:`PointLayer`.

    Attributes:
        lmax: Highest degree of the spherical harmonics that ``convolve`` takes from the geometry.
        dimension: That of the space in which the positions lie.

    Law: for g in the group, t a translation and s a permutation of the points,
    ``conv(rho_in(g) x, g p + t, edges) = rho_out(g) conv(x, p, edges)``, rows permuted alike.
    """

    lmax: int = 0
    dimension: int = 3

    def forward(self, features: Tensor, positions: Tensor | Geometry, edges: Tensor | None = None) -> Tensor:
        """Convolve.

        Args:
            features: ``(N, rep_in.dim)``.
            positions: ``(N, dimension)``; or the geometry, with harmonics up to ``lmax``, that layers share and that
                brings the edges.
            edges: ``(2, E)``, source row over target row, in any order.

        Returns:
            ``(N, rep_out.dim)``.
        """
        self.check_features(features)
        return self.convolve(features, resolve_geometry(positions, edges, self.lmax, self.dimension))

    @abstractmethod
    def convolve(self, features: Tensor, geometry: Geometry) -> Tensor:
        """Map features ``(N, rep_in.dim)`` over the edges of a geometry to ``(N, rep_out.dim)``."""
