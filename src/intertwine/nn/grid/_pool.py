"""Changes of resolution that keep the symmetries of the grid."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from intertwine.actions import Action, LinearAction
from intertwine.nn.grid._layer import GridLayer, check_permutes
from intertwine.ops import gaussian_pool, linear_upsample
from intertwine.reps import Rep


class GridAvgPool(GridLayer):
    """Antialiased average pooling: a Gaussian, then every ``stride``-th pixel, symmetric about the center.

    Every size N is allowed and has ``ceil(N / stride)`` outputs: see :func:`intertwine.ops.gaussian_pool`.

    Args:
        rep_in: Representation of input and output, or its text.
        stride: The ratio of the resolutions.
        sigma: The width of the Gaussian in pixels of the input; ``0.33 stride`` by default.

    Raises:
        ValueError: If the stride is less than 1 or sigma not positive.

    Law: ``f(rho(g) x) = rho(g) f(x)``: exactly for rotations by 90 degrees and reflections of the grid, else up to
    aliasing.

    Reference: Zhang, Making convolutional networks shift-invariant again, ICML 2019.

    Example:
        >>> import torch
        >>> from intertwine.groups import Cyclic
        >>> GridAvgPool(Cyclic(8).regular)(torch.ones(1, 8, 28, 28)).shape
        torch.Size([1, 8, 14, 14])
    """

    def __init__(self, rep_in: Rep | str, stride: int = 2, *, sigma: float | None = None) -> None:
        super().__init__(rep_in, rep_in)
        self.stride, self.sigma = stride, 0.33 * stride if sigma is None else float(sigma)
        if stride < 1 or not self.sigma > 0:
            raise ValueError(f"stride is at least 1 and sigma positive, got {stride} and {sigma}")

    @property
    def circular(self) -> bool:
        """False: the borders are not periodic."""
        return False

    def transform(self, fields: Tensor) -> Tensor:
        """Smooth and select."""
        return gaussian_pool(fields, self.stride, self.sigma, self.dimension)

    def extra_repr(self) -> str:
        """The representation and the two numbers."""
        return f"{self.rep_in}, stride={self.stride}, sigma={self.sigma:.3g}"


class GridMaxPool(GridLayer):
    """Maximum over blocks of pixels, of each value alone: for fields that the group permutes.

    Args:
        rep_in: Representation of input and output: regular, quotient and trivial ones.
        stride: The size of a block, which the sizes of the input are multiples of.

    Raises:
        ValueError: If a term is another representation; in ``forward`` if a size is not a multiple of the stride, which
            would leave pixels at one side and break rotations.

    Law: ``f(rho(g) x) = rho(g) f(x)`` exactly for rotations by 90 degrees and reflections of the grid; between them it
    aliases more than :class:`GridAvgPool`.

    Example:
        >>> import torch
        >>> from intertwine.groups import Cyclic
        >>> GridMaxPool(Cyclic(4).regular)(torch.ones(1, 4, 28, 28)).shape
        torch.Size([1, 4, 14, 14])
    """

    def __init__(self, rep_in: Rep | str, stride: int = 2) -> None:
        super().__init__(rep_in, rep_in)
        check_permutes(self.rep_in, "GridMaxPool")
        if stride < 1:
            raise ValueError(f"stride is at least 1, got {stride}")
        self.stride = stride

    @property
    def circular(self) -> bool:
        """False: blocks commute with shifts by multiples of the stride alone."""
        return False

    def check(self, fields: Tensor) -> None:
        """Check the shape, and that blocks fill the image."""
        super().check(fields)
        for size in fields.shape[2:]:
            if size % self.stride:
                raise ValueError(
                    f"blocks of {self.stride} leave {size % self.stride} of {size} pixels at one side, which breaks "
                    "rotations: use GridAvgPool, which takes every size"
                )

    def transform(self, fields: Tensor) -> Tensor:
        """The maximum of each block."""
        pool = functional.max_pool2d if self.dimension == 2 else functional.max_pool3d
        return pool(fields, self.stride)

    def export(self) -> nn.Module:
        """The module of torch."""
        return (nn.MaxPool2d if self.dimension == 2 else nn.MaxPool3d)(self.stride)

    def extra_repr(self) -> str:
        """The representation and the stride."""
        return f"{self.rep_in}, stride={self.stride}"


class GridUpsample(GridLayer):
    """Linear interpolation to a finer grid, symmetric about the center.

    Args:
        rep_in: Representation of input and output, or its text.
        scale: The ratio of the resolutions.

    Law: ``f(rho(g) x) = rho(g) f(x)``: exactly for rotations by 90 degrees and reflections of the grid, else up to the
    error of the interpolation.

    Example:
        >>> import torch
        >>> from intertwine.groups import Cyclic
        >>> GridUpsample(Cyclic(4).regular)(torch.ones(1, 4, 7, 7)).shape
        torch.Size([1, 4, 14, 14])
    """

    def __init__(self, rep_in: Rep | str, scale: int = 2) -> None:
        super().__init__(rep_in, rep_in)
        if scale < 1:
            raise ValueError(f"scale is at least 1, got {scale}")
        self.scale = scale

    @property
    def circular(self) -> bool:
        """False: the borders are not periodic."""
        return False

    def transform(self, fields: Tensor) -> Tensor:
        """Interpolate."""
        return self.resize(fields, [fields.shape[2 + axis] * self.scale for axis in range(self.dimension)])

    def resize(self, fields: Tensor, sizes: Sequence[int]) -> Tensor:
        """Interpolate to the grid of a field that was pooled by ``scale``, of these sizes."""
        return linear_upsample(fields, sizes, self.scale, self.dimension)

    def extra_repr(self) -> str:
        """The representation and the scale."""
        return f"{self.rep_in}, scale={self.scale}"


class GridSpatialPool(GridLayer):
    """The mean over all pixels: from a field to a vector of its representation.

    Args:
        rep_in: Representation of the field, and of the vector ``(B, rep.dim)``.

    Law: ``f(rho(g) x) = rho(g) f(x)``.

    Example:
        >>> import torch
        >>> from intertwine.groups import Cyclic
        >>> GridSpatialPool(Cyclic(4).regular)(torch.ones(2, 4, 7, 7)).shape
        torch.Size([2, 4])
    """

    def __init__(self, rep_in: Rep | str) -> None:
        super().__init__(rep_in, rep_in)

    @property
    def action_out(self) -> Action:
        """The representation, on vectors."""
        return LinearAction(self.rep_out)

    def transform(self, fields: Tensor) -> Tensor:
        """The mean."""
        return fields.flatten(2).mean(-1)
