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
        if not _preserves_grid(_planar(self.rep)):
            raise ValueError(
                f"{self.rep.group.name} does not map the pixel grid to itself: use RotatedImages, which interpolates, "
                "or a group of rotations by 90 degrees such as Cyclic(4)"
            )
        if self.step < 0 or self.stride < 1 or self.margin < 0 or (self.reach or 0) < 0:
            raise ValueError(f"step, reach and margin are at least 0 pixels and stride 1, got {self}")

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
        _check_image(self.rep, data)
        linear = self.group.sample(generator=generator)
        if not self.step:
            return Transform(linear)
        shift = []
        for size in (data.shape[-1], data.shape[-2]):
            steps = (size // 2 if self.reach is None else self.reach) // self.step
            shift.append(self.step * int(torch.randint(-steps, steps + 1, (), generator=generator)))
        return Transform(linear, torch.tensor(shift, dtype=torch.float64))

    def factor(self, transform: Transform, law: str) -> Transform:
        """Rotations or shifts alone."""
        return transform.only(law)

    def __call__(self, transform: Transform, data: Tensor) -> Tensor:
        """Rotate the grid, apply the representation to the channels, shift."""
        _check_image(self.rep, data)
        if transform.linear is not None:
            data = _mix_channels(self.rep, transform, _rotate_grid(transform.linear, data))
        if transform.translation is None or not bool(transform.translation.any()):
            return data
        right, up = (transform.translation / self.stride).tolist()
        if not (right.is_integer() and up.is_integer()):
            shift = tuple(int(x) for x in transform.translation.tolist())
            raise ValueError(
                f"a shift by {shift} pixels is not a whole-pixel shift of an image of stride {self.stride}: "
                f"use Images(rep, step={self.stride}) on the input"
            )
        return data.roll((int(right), -int(up)), (-1, -2))

    def example(self, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float64) -> Tensor:
        """Two images of standard normal noise, ``(2, rep.dim, 16, 16)``."""
        return torch.randn(2, self.rep.dim, _SIZE, _SIZE, generator=generator, dtype=torch.float64).to(dtype)

    def feature_action(self, rep: Rep, features: Tensor, data: Tensor) -> Action | None:
        """Images of features, with the ratio of the sizes as stride; linear where the spatial axes were pooled."""
        if features.ndim == data.ndim and features.shape[-3] == rep.dim and features.shape[-1] > 1:
            return Images(rep, stride=max(1, round(data.shape[-1] / features.shape[-1])), margin=self.margin)
        return LinearAction(rep) if features.ndim == 2 and features.shape[-1] == rep.dim else None

    def compared_region(self, data: Tensor) -> Tensor:
        """All pixels but the margin."""
        return data if self.margin == 0 else _inner(data, self.margin)

    def components(self, data: Tensor) -> Iterator[Component]:
        """The irreps of the channels."""
        return irrep_components(self.rep, data.movedim(-3, -1))


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
        _planar(self.rep)
        if self.margin < 0:
            raise ValueError(f"margin is at least 0 pixels, got {self.margin}")

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
        _check_image(self.rep, data)
        return Transform(self.group.sample(generator=generator))

    def __call__(self, transform: Transform, data: Tensor) -> Tensor:
        """Resample the rotated image and apply the representation to the channels."""
        _check_image(self.rep, data)
        return (
            data if transform.linear is None else _mix_channels(self.rep, transform, _resample(transform.linear, data))
        )

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
        if features.ndim == data.ndim and features.shape[-3] == rep.dim and features.shape[-1] > 1:
            return RotatedImages(rep, self.margin)
        return LinearAction(rep) if features.ndim == 2 and features.shape[-1] == rep.dim else None

    def lossless_part(self, data: Tensor) -> Tensor:
        """The low-pass filtered image; the strength of what it removes estimates what the grid cannot represent."""
        height, width = data.shape[-2:]
        y = torch.fft.fftfreq(height, 0.5, dtype=torch.float64, device=data.device)
        x = torch.fft.fftfreq(width, 0.5, dtype=torch.float64, device=data.device)
        low = y[:, None].square() + x.square() <= _PASS_BAND**2
        smooth: Tensor = torch.fft.ifft2(torch.fft.fft2(data.to(torch.float64)) * low).real
        return smooth.to(data.dtype)

    def compared_region(self, data: Tensor) -> Tensor:
        """The largest disk inside the image, less the margin."""
        height, width = data.shape[-2:]
        radius = (min(height, width) - 1) / 2 - self.margin
        if radius < 0:
            raise ValueError(f"a margin of {self.margin} pixels leaves nothing of an image {height} x {width}")
        y = torch.arange(height, dtype=torch.float64, device=data.device) - (height - 1) / 2
        x = torch.arange(width, dtype=torch.float64, device=data.device) - (width - 1) / 2
        return data * (y[:, None].square() + x.square() <= radius**2)

    def components(self, data: Tensor) -> Iterator[Component]:
        """The irreps of the channels."""
        return irrep_components(self.rep, data.movedim(-3, -1))


def _planar(rep: Rep) -> Group:
    if rep.group.dimension != 2:
        raise ValueError(
            f"images need a group of the plane such as Cyclic(4), got {rep.group.name}, "
            f"which acts in {rep.group.dimension} dimensions"
        )
    return rep.group


def _preserves_grid(group: Group) -> bool:
    return group.order is not None and bool(torch.equal(group.elements, group.elements.round()))


def _check_image(rep: Rep, data: Tensor) -> None:
    if not isinstance(data, Tensor) or data.ndim < 3 or data.shape[-3] != rep.dim:
        got = tuple(data.shape) if isinstance(data, Tensor) else type(data).__name__
        raise ValueError(f"expected images (..., {rep.dim}, height, width), channels of type {rep}, got {got}")


def _mix_channels(rep: Rep, transform: Transform, data: Tensor) -> Tensor:
    """rho(g) on the channels."""
    return torch.einsum("ij,...jhw->...ihw", rep_matrix(rep, transform).to(data), data)


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


def _inner(data: Tensor, margin: int) -> Tensor:
    height, width = data.shape[-2:]
    if 2 * margin >= min(height, width):
        raise ValueError(f"a margin of {margin} pixels leaves nothing of an image {height} x {width}")
    return data[..., margin : height - margin, margin : width - margin]
