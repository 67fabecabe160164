"""Actions of rotations, reflections and shifts on images, exact or by interpolation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from intertwine.actions._action import Action, LinearAction
from intertwine.actions._apply_rep import rep_matrix
from intertwine.actions._component import Component
from intertwine.actions._irreps import irrep_components
from intertwine.actions._transform import Transform
from intertwine.groups import Group
from intertwine.reps import Rep

_SIZE, _SMOOTH_SIZE = 16, 41
_PASS_BAND = 0.85
"""Cut-off frequency of the lossless part, relative to the Nyquist frequency of an axis."""


@dataclass(frozen=True)
class Images(Action):
    """Rotations by 90 degrees, flips and whole-pixel shifts of images ``(..., rep.dim, height, width)``, exact.

        (g, t): f(x) -> rho(g) f(g^-1 (x - t))

    x points to the right, along the last axis, y up, against the rows; the origin is the center of the image, so that a
    rotation by 90 degrees is ``torch.rot90``; shifts are circular. A network that pads with zeros is compared away from
    the border: shifts of at most ``reach``, and a ``margin`` of reach plus the radius of the receptive field.

    Attributes:
        rep: The representation rho of the channels, of a group of rotations by 90 degrees and flips: ``Cyclic(4)``,
            ``Dihedral(4)`` and their subgroups, ``Cyclic(1)`` for shifts alone.
        step: Shifts are multiples of this number of pixels; 0 for no shifts.
        reach: The largest shift along an axis, in pixels; unlimited if None.
        stride: Pixels of the network's input per pixel here: 2 for the output of a network of stride 2.
        margin: Pixels at the border that are not compared.

    Example:
        >>> import torch
        >>> from intertwine.groups import Cyclic
        >>> image = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
        >>> rotation = Transform(Cyclic(4).elements[1])
        >>> Images(Cyclic(4).trivial)(rotation, image).tolist()
        [[[2.0, 4.0], [1.0, 3.0]]]
    """

    rep: Rep
    step: int = 1
    reach: int | None = None
    stride: int = 1
    margin: int = 0

    def __post_init__(self) -> None:
        self._check_group()
        if self.step < 0 or self.stride < 1 or self.margin < 0 or (self.reach or 0) < 0:
            raise ValueError(f"step, reach and margin are at least 0 pixels and stride 1, got {self}")

    def _check_group(self) -> None:
        if not _preserves_grid(_planar(self.rep)):
            raise ValueError(
                f"{self.rep.group.name} does not map the pixel grid to itself: use RotatedImages, which interpolates, "
                "or a group of rotations by 90 degrees such as Cyclic(4)"
            )

    @property
    def group(self) -> Group:
        """The group of the channels, which acts on the plane as well."""
        return self.rep.group

    @property
    def laws(self) -> Mapping[str, str]:
        """The group, unless trivial, and the shifts."""
        laws = {} if self.group.order == 1 and self.step else {"rotation": self.group.name}
        return laws | ({"translation": "T"} if self.step else {})

    def sample(self, data: Tensor, generator: torch.Generator | None = None) -> Transform:
        """A uniform element; uniform shifts."""
        check_grid(self.rep, data)
        linear = self.group.sample(generator=generator)
        if not self.step:
            return Transform(linear)
        shift = []
        for size in data.shape[: -1 - self.group.dimension : -1]:
            steps = (size // 2 if self.reach is None else self.reach) // self.step
            shift.append(self.step * int(torch.randint(-steps, steps + 1, (), generator=generator)))
        return Transform(linear, torch.tensor(shift, dtype=torch.float64))

    def factor(self, transform: Transform, law: str) -> Transform:
        """Rotations or shifts alone."""
        return transform.only(law)

    def __call__(self, transform: Transform, data: Tensor) -> Tensor:
        """Rotate the grid, apply the representation to the channels, shift."""
        check_grid(self.rep, data)
        if transform.linear is not None:
            data = mix_channels(self.rep, transform, self._rotate(transform.linear, data))
        if transform.translation is None or not bool(transform.translation.any()):
            return data
        pixels = (transform.translation / self.stride).tolist()
        if not all(shift.is_integer() for shift in pixels):
            shift = tuple(int(x) for x in transform.translation.tolist())
            raise ValueError(
                f"a shift by {shift} pixels is not a whole-pixel shift of an image of stride {self.stride}: "
                f"use Images(rep, step={self.stride}) on the input"
            )
        return self._shift([int(shift) for shift in pixels], data)

    def _rotate(self, g: Tensor, data: Tensor) -> Tensor:
        return _rotate_grid(g, data)

    def _shift(self, pixels: list[int], data: Tensor) -> Tensor:
        right, up = pixels
        return data.roll((right, -up), (-1, -2))

    def example(self, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float64) -> Tensor:
        """Two images of standard normal noise, ``(2, rep.dim, 16, 16)``."""
        return torch.randn(2, self.rep.dim, _SIZE, _SIZE, generator=generator, dtype=torch.float64).to(dtype)

    def feature_action(self, rep: Rep, features: Tensor, data: Tensor) -> Action | None:
        """Images of features, with the ratio of the sizes as stride; linear where the spatial axes were pooled."""
        if is_grid(rep, features, data):
            return type(self)(rep, stride=max(1, round(data.shape[-1] / features.shape[-1])), margin=self.margin)
        return LinearAction(rep) if features.ndim == 2 and features.shape[-1] == rep.dim else None

    def compared_region(self, data: Tensor) -> Tensor:
        """All pixels but the margin."""
        return data if self.margin == 0 else _inner(data, self.margin, self.group.dimension)

    def components(self, data: Tensor) -> Iterator[Component]:
        """The irreps of the channels."""
        return irrep_components(self.rep, data.movedim(-1 - self.group.dimension, -1))


@dataclass(frozen=True)
class RotatedImages(Action):
    """Rotations by any angle, and flips, of images ``(..., rep.dim, height, width)``, by interpolation.

        g: f(x) -> rho(g) f(g^-1 x)

    Axes are those of :class:`Images`. Between the pixels the image is its trigonometric interpolant, which is exact for
    smooth periodic images; outside it is zero. The audit estimates the interpolation error and subtracts it: it applies
    the rotation and its inverse, which should change nothing, and adds the change of f(x) and twice the norm of the
    highest frequencies of f(x). Smaller errors cannot be resolved: use smooth images, and test exact rotations by 90
    degrees with :class:`Images` as well. Cost: quadratic in the number of pixels, for each channel.

    Attributes:
        rep: The representation rho of the channels, of a group of the plane such as SO(2), O(2) or ``Cyclic(8)``.
        margin: Pixels between the edge of the image and the disk in which outputs are compared.

    Example:
        >>> import torch
        >>> from intertwine.groups import SO2
        >>> action = RotatedImages(SO2().trivial)
        >>> image = action.example(torch.Generator().manual_seed(0))
        >>> g = action.sample(image, torch.Generator().manual_seed(1))
        >>> bool((action(g.inverse, action(g, image)) - image).norm() < 1e-4 * image.norm())
        True
    """

    rep: Rep
    margin: int = 2

    def __post_init__(self) -> None:
        self._check_group()
        if self.margin < 0:
            raise ValueError(f"margin is at least 0 pixels, got {self.margin}")

    def _check_group(self) -> None:
        _planar(self.rep)

    @property
    def group(self) -> Group:
        """The group of the channels, which acts on the plane as well."""
        return self.rep.group

    @property
    def exact(self) -> bool:
        """False: pixels are interpolated."""
        return False

    def sample(self, data: Tensor, generator: torch.Generator | None = None) -> Transform:
        """A Haar element."""
        check_grid(self.rep, data)
        return Transform(self.group.sample(generator=generator))

    def __call__(self, transform: Transform, data: Tensor) -> Tensor:
        """Resample the rotated image and apply the representation to the channels."""
        check_grid(self.rep, data)
        if transform.linear is None:
            return data
        return mix_channels(self.rep, transform, self._resample(transform.linear, data))

    def _resample(self, g: Tensor, data: Tensor) -> Tensor:
        return _resample(g, data)

    def example(self, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float64) -> Tensor:
        """A sum of Gaussians, ``(1, rep.dim, 41, 41)``, close to zero at the border."""
        axis = torch.linspace(-1, 1, _SMOOTH_SIZE, dtype=torch.float64)
        y, x = torch.meshgrid(-axis, axis, indexing="ij")
        draw = torch.randn(self.rep.dim, 8, 3, generator=generator, dtype=torch.float64)
        centers = 0.2 * draw[..., :2].clamp(-1.5, 1.5)
        squares = (x - centers[..., 0, None, None]).square() + (y - centers[..., 1, None, None]).square()
        blobs = draw[..., 2, None, None] * torch.exp(-squares / (2 * 0.14**2))
        return blobs.sum(1).unsqueeze(0).to(dtype)

    def feature_action(self, rep: Rep, features: Tensor, data: Tensor) -> Action | None:
        """Images of features; linear where the spatial axes were pooled."""
        if is_grid(rep, features, data):
            return type(self)(rep, self.margin)
        return LinearAction(rep) if features.ndim == 2 and features.shape[-1] == rep.dim else None

    def lossless_part(self, data: Tensor) -> Tensor:
        """The low-pass filtered image; the strength of what it removes estimates what the grid cannot represent."""
        axes = tuple(range(-self.group.dimension, 0))
        frequencies = [
            torch.fft.fftfreq(data.shape[axis], 0.5, dtype=torch.float64, device=data.device) for axis in axes
        ]
        low = sum(f.square() for f in torch.meshgrid(*frequencies, indexing="ij")) <= _PASS_BAND**2
        smooth: Tensor = torch.fft.ifftn(torch.fft.fftn(data.to(torch.float64), dim=axes) * low, dim=axes).real
        return smooth.to(data.dtype)

    def compared_region(self, data: Tensor) -> Tensor:
        """The largest disk or ball inside the image, less the margin."""
        sizes = data.shape[-self.group.dimension :]
        radius = (min(sizes) - 1) / 2 - self.margin
        if radius < 0:
            shape = " x ".join(map(str, sizes))
            raise ValueError(f"a margin of {self.margin} pixels leaves nothing of an image {shape}")
        axes = [torch.arange(size, dtype=torch.float64, device=data.device) - (size - 1) / 2 for size in sizes]
        distance = sum(x.square() for x in torch.meshgrid(*axes, indexing="ij"))
        return data * (distance <= radius**2)

    def components(self, data: Tensor) -> Iterator[Component]:
        """The irreps of the channels."""
        return irrep_components(self.rep, data.movedim(-1 - self.group.dimension, -1))


def _planar(rep: Rep) -> Group:
    if rep.group.dimension != 2:
        raise ValueError(
            f"images need a group of the plane such as Cyclic(4), got {rep.group.name}, "
            f"which acts in {rep.group.dimension} dimensions"
        )
    return rep.group


def _preserves_grid(group: Group) -> bool:
    return group.order is not None and bool(torch.equal(group.elements, group.elements.round()))


def check_grid(rep: Rep, data: Tensor) -> None:
    """Check that data are fields of a representation on the grid of the plane or space that its group moves.

    Raises:
        ValueError: If they are not.
    """
    d = rep.group.dimension
    if not isinstance(data, Tensor) or data.ndim < d + 1 or data.shape[-1 - d] != rep.dim:
        got = tuple(data.shape) if isinstance(data, Tensor) else type(data).__name__
        kind, axes = ("images", "height, width") if d == 2 else ("volumes", "depth, height, width")
        raise ValueError(f"expected {kind} (..., {rep.dim}, {axes}), channels of type {rep}, got {got}")


def is_grid(rep: Rep, features: Tensor, data: Tensor) -> bool:
    """Whether features of a network on the grid ``data`` are on a grid of more than one pixel as well."""
    channel = -1 - rep.group.dimension
    return features.ndim == data.ndim and features.shape[channel] == rep.dim and features.shape[-1] > 1


def mix_channels(rep: Rep, transform: Transform, data: Tensor) -> Tensor:
    """rho(g) on the channels."""
    channel = -1 - rep.group.dimension
    mixed = torch.tensordot(rep_matrix(rep, transform).to(data), data.movedim(channel, 0), 1)
    result: Tensor = mixed.movedim(0, channel)
    return result


def _rotate_grid(g: Tensor, data: Tensor) -> Tensor:
    """f(g^-1 x) for g = r^k or r^k s, s the flip of y."""
    if not bool(torch.allclose(g.abs().sum(0), torch.ones_like(g[0]))) or not torch.allclose(g, g.round()):
        raise ValueError(
            f"expected a rotation by 90, 180 or 270 degrees or a flip, got {g.tolist()}: interpolate with RotatedImages"
        )
    if float(torch.linalg.det(g)) < 0:
        data = data.flip(-2)
    quarters = round(math.atan2(float(g[1, 0]), float(g[0, 0])) / (math.pi / 2))
    return torch.rot90(data, quarters % 4, (-2, -1))


def _resample(g: Tensor, data: Tensor) -> Tensor:
    """f(g^-1 x), f the trigonometric interpolant of the pixels; computed in float64, row by row."""
    height, width = data.shape[-2:]
    device = data.device
    frequencies_x = torch.fft.fftfreq(width, dtype=torch.float64, device=device)
    frequencies_y = torch.fft.fftfreq(height, dtype=torch.float64, device=device)
    spectrum = torch.fft.fft2(data.to(torch.float64).reshape(-1, height, width), norm="forward")
    right = torch.arange(width, dtype=torch.float64, device=device) - (width - 1) / 2
    back = torch.linalg.inv(g).to(right)
    rows = []
    for row in range(height):
        up = torch.full_like(right, (height - 1) / 2 - row)
        x, y = back @ torch.stack([right, up])
        columns, lines = x + (width - 1) / 2, (height - 1) / 2 - y
        waves_x = torch.exp(2j * math.pi * frequencies_x[:, None] * columns)
        waves_y = torch.exp(2j * math.pi * frequencies_y[:, None] * lines)
        values = ((spectrum @ waves_x) * waves_y).sum(-2).real
        rows.append(values * ((x.abs() <= width / 2) & (y.abs() <= height / 2)))
    return torch.stack(rows, -2).reshape(data.shape).to(data.dtype)


def _inner(data: Tensor, margin: int, dimension: int) -> Tensor:
    sizes = data.shape[-dimension:]
    if 2 * margin >= min(sizes):
        shape = " x ".join(map(str, sizes))
        raise ValueError(f"a margin of {margin} pixels leaves nothing of an image {shape}")
    for axis in range(-dimension, 0):
        data = data.narrow(axis, margin, data.shape[axis] - 2 * margin)
    return data
