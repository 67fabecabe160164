"""Actions of rotations, reflections and shifts on volumes, exact or by interpolation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from intertwine.actions._images import Images, RotatedImages
from intertwine.groups import FiniteGroup, Group
from intertwine.reps import Rep

_SIZE, _SMOOTH_SIZE = 6, 15


@dataclass(frozen=True)
class Volumes(Images):
    """Rotations by 90 degrees, reflections and whole-voxel shifts of volumes ``(..., rep.dim, depth, height, width)``.

        (g, t): f(x) -> rho(g) f(g^-1 (x - t))

    x, y and z run along the last, the second last and the third last axis; the origin is the center of the volume.
    Attributes are those of :class:`Images`; the group is one of signed permutations of the axes: ``Octahedral()``,
    ``FullOctahedral()``, ``Tetrahedral()`` and their subgroups.

    Example:
        >>> from intertwine.groups import Octahedral
        >>> action = Volumes(Octahedral().trivial)
        >>> volume = action.example(torch.Generator().manual_seed(0))
        >>> g = action.sample(volume, torch.Generator().manual_seed(1))
        >>> torch.equal(action(g.inverse, action(g, volume)), volume)
        True
    """

    def _check_group(self) -> None:
        group = _spatial(self.rep)
        if not isinstance(group, FiniteGroup) or not torch.equal(group.elements, group.elements.round()):
            raise ValueError(
                f"{group.name} does not map the grid of voxels to itself: use RotatedVolumes, which interpolates, or a "
                "group of rotations by 90 degrees such as Octahedral()"
            )

    def _rotate(self, g: Tensor, data: Tensor) -> Tensor:
        """f(g^-1 x): output axis i is input axis j where g[i, j] = 1 or -1, in the order x, y, z."""
        if not torch.allclose(g.abs().sum(0), torch.ones_like(g[0])) or not torch.allclose(g, g.round()):
            raise ValueError(
                f"expected a rotation by 90 degrees or a reflection, got {g.tolist()}: interpolate with RotatedVolumes"
            )
        source = g.abs().argmax(1).tolist()
        first = data.ndim - 3
        order = [first + 2 - source[2 - place] for place in range(3)]
        flipped = [-1 - axis for axis in range(3) if float(g[axis, source[axis]]) < 0]
        return data.permute(*range(first), *order).flip(flipped)

    def _shift(self, pixels: list[int], data: Tensor) -> Tensor:
        return data.roll(pixels, (-1, -2, -3))

    def example(self, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float64) -> Tensor:
        """Two volumes of standard normal noise, ``(2, rep.dim, 6, 6, 6)``."""
        shape = (2, self.rep.dim, _SIZE, _SIZE, _SIZE)
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


@dataclass(frozen=True)
class RotatedVolumes(RotatedImages):
    """Rotations by any angle, and reflections, of volumes ``(..., rep.dim, depth, height, width)``, by interpolation.

        g: f(x) -> rho(g) f(g^-1 x)

    Axes are those of :class:`Volumes`; interpolation and attributes those of :class:`RotatedImages`. Cost: the square
    of the number of voxels, for each channel.

    Example:
        >>> from intertwine.groups import SO3
        >>> action = RotatedVolumes(SO3().trivial)
        >>> volume = action.example(torch.Generator().manual_seed(0))
        >>> g = action.sample(volume, torch.Generator().manual_seed(1))
        >>> bool((action(g.inverse, action(g, volume)) - volume).norm() < 1e-2 * volume.norm())
        True
    """

    def _check_group(self) -> None:
        _spatial(self.rep)

    def _resample(self, g: Tensor, data: Tensor) -> Tensor:
        return _interpolate(g, data)

    def example(self, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float64) -> Tensor:
        """A sum of Gaussians, ``(1, rep.dim, 15, 15, 15)``, close to zero at the border."""
        axis = torch.linspace(-1, 1, _SMOOTH_SIZE, dtype=torch.float64)
        grid = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).flip(-1)
        draw = torch.randn(self.rep.dim, 8, 4, generator=generator, dtype=torch.float64)
        centers = 0.15 * draw[..., :3].clamp(-1.5, 1.5)
        squares = (grid - centers[:, :, None, None, None]).square().sum(-1)
        blobs = draw[..., 3, None, None, None] * torch.exp(-squares / (2 * 0.22**2))
        return blobs.sum(1).unsqueeze(0).to(dtype)


def _spatial(rep: Rep) -> Group:
    if rep.group.dimension != 3:
        raise ValueError(
            f"volumes need a group of space such as Octahedral(), got {rep.group.name}, which acts in "
            f"{rep.group.dimension} dimensions"
        )
    return rep.group


def _interpolate(g: Tensor, data: Tensor) -> Tensor:
    """f(g^-1 x), f the trigonometric interpolant of the voxels; computed in float64, plane by plane."""
    sizes = data.shape[-3:]
    axes = [torch.arange(size, dtype=torch.float64, device=data.device) - (size - 1) / 2 for size in sizes]
    spectrum = torch.fft.fftn(data.to(torch.float64).reshape(-1, *sizes), dim=(-3, -2, -1), norm="forward")
    back = torch.linalg.inv(g).to(axes[0])
    y, x = torch.meshgrid(axes[1], axes[2], indexing="ij")
    planes = []
    for depth in axes[0]:
        places = back @ torch.stack([x.flatten(), y.flatten(), depth.expand(x.numel())])
        inside = torch.ones_like(places[0], dtype=torch.bool)
        values = spectrum
        for axis, place in enumerate(places):
            size = sizes[2 - axis]
            inside &= place.abs() <= size / 2
            frequencies = torch.fft.fftfreq(size, dtype=torch.float64, device=data.device)
            waves = torch.exp(2j * math.pi * frequencies[:, None] * (place + (size - 1) / 2))
            values = values @ waves if axis == 0 else (values * waves).sum(-2)
        planes.append((values.real * inside).unflatten(-1, tuple(x.shape)))
    return torch.stack(planes, -3).reshape(data.shape).to(data.dtype)
