"""Networks made of the layers."""

from intertwine.models._point_encoder import PointEncoder

__all__ = ["PointEncoder"]
