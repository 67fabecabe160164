"""Orbit of a point: its stabilizer, and elements that move the point to another one.

Three kinds, one interface: the sphere in closed form, a finite orbit by listing it, any other homogeneous space by
Newton's method on the group.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from intertwine.groups import Group
from intertwine.reps import Generators, Rep

_LONGEST_ORBIT = 100_000
_ON_ORBIT = 1e-5
_TRIES = 24
_NEWTON_STEPS = 60
_CONVERGED = 1e-13


@dataclass(frozen=True, eq=False)
class Orbit(ABC):
    """The orbit G x0 of a point of a representation, and by scaling all orbits of c x0, c > 0, where it is orthogonal.

    Args:
        space: How the group acts on points.
        point: x0, ``(space.dim,)``, float64.
    """

    space: Rep
    point: Tensor

    @property
    def group(self) -> Group:
        """The group that moves the point."""
        return self.space.group

    @property
    @abstractmethod
    def stabilizer(self) -> Generators:
        """Generators of the elements with rho(h) x0 = x0."""

    @abstractmethod
    def transport(self, points: Tensor) -> Tensor:
        """Elements g ``(..., n, n)`` with rho(g) x0 parallel to each point ``(..., space.dim)``, none of them zero.

        Raises:
            ValueError: If a point is not on the orbit.
        """


@dataclass(frozen=True, eq=False)
class Sphere(Orbit):
    """All directions, under SO(n) or O(n), n >= 2: by rotations in the plane of x0 and x, differentiable to all orders.

    R = 1 - (a + b)(a + b)^T / (1 + a.b) + 2 b a^T takes a to b. Where a.b < 0, a half turn takes a to -a first: the
    charts differ by an element of the stabilizer, which no kernel depends on.
    """

    @property
    def stabilizer(self) -> Generators:
        """SO(n - 1), with a reflection for O(n)."""
        group = self.group
        algebra = stabilizer_algebra(self.space, self.point, Generators.of(group).algebra)
        improper = [h for h in group.discrete_generators if float(torch.linalg.det(h)) < 0]
        if not improper:
            return Generators(algebra, group.discrete_generators[:0])
        normal = self._across
        return Generators(algebra, (group.identity - 2 * torch.outer(normal, normal)).unsqueeze(0))

    @property
    def _direction(self) -> Tensor:
        direction: Tensor = self.point / self.point.norm()
        return direction

    @property
    def _across(self) -> Tensor:
        """A unit vector normal to the point: of the axis that it is furthest from."""
        a = self._direction
        axis = torch.zeros_like(a)
        axis[int(a.abs().argmin())] = 1
        rest = axis - a * (a @ axis)
        across: Tensor = rest / rest.norm()
        return across

    def transport(self, points: Tensor) -> Tensor:
        """Rotations, ``(..., n, n)``."""
        a, u = self._direction, self._across
        one = torch.eye(len(a), dtype=torch.float64)
        half_turn = (one - 2 * torch.outer(a, a) - 2 * torch.outer(u, u)).to(points)
        a, one = a.to(points), one.to(points)
        b = points / torch.linalg.vector_norm(points, dim=-1, keepdim=True)
        opposite = (b @ a < 0)[..., None]
        start = torch.where(opposite, -a, a)
        middle = start + b
        rotation = (
            one
            - middle[..., :, None] * middle[..., None, :] / (1 + (start * b).sum(-1))[..., None, None]
            + 2 * b[..., :, None] * start[..., None, :]
        )
        return torch.where(opposite[..., None], rotation @ half_turn, rotation)


@dataclass(frozen=True, eq=False)
class FiniteOrbit(Orbit):
    """Finitely many points, listed with an element for each; the kernel is constant around each of them."""

    @cached_property
    def listing(self) -> tuple[Tensor, Tensor]:
        """The points ``(m, dim)``, x0 first, and the elements that take x0 there ``(m, n, n)``."""
        steps = Generators.of(self.group).discrete
        images, points = self.space.matrix(steps), [self.point]
        transporters, here = [self.group.identity], 0
        while here < len(points):
            for step, image in zip(steps, images, strict=True):
                moved = image @ points[here]
                if not _is_listed(moved, torch.stack(points)):
                    points.append(moved)
                    transporters.append(step @ transporters[here])
                if len(points) > _LONGEST_ORBIT:
                    raise ValueError(
                        f"the orbit of this point under {self.group} has more than {_LONGEST_ORBIT} points"
                    )
            here += 1
        return torch.stack(points), torch.stack(transporters)

    @property
    def stabilizer(self) -> Generators:
        """Schreier's generators: t(g x)^-1 g t(x) for each point x and generator g, t(x) being what takes x0 to x."""
        points, transporters = self.listing
        generators = Generators.of(self.group)
        found: list[Tensor] = []
        for step, image in zip(generators.discrete, self.space.matrix(generators.discrete), strict=True):
            back = self.group.inverse(transporters[_nearest(points @ image.T, points)[1]])
            for h in back @ step @ transporters:
                if not _is_listed(h.flatten(), torch.stack([e.flatten() for e in [self.group.identity, *found]])):
                    found.append(h)
        return Generators(generators.algebra, torch.stack(found) if found else transporters[:0])

    def transport(self, points: Tensor) -> Tensor:
        """The listed elements, ``(..., n, n)``."""
        listed, transporters = self.listing
        scale = self.point.norm() / points.detach().to("cpu", torch.float64).norm(dim=-1, keepdim=True)
        if not self.space.orthogonal or not bool(self.point.any()):
            scale = torch.ones_like(scale)
        distance, place = _nearest(points.detach().to("cpu", torch.float64) * scale, listed)
        _check_on_orbit(distance, self)
        return transporters[place].to(points)


@dataclass(frozen=True, eq=False)
class HomogeneousSpace(Orbit):
    """Any orbit of a Lie group: Newton's method finds the element; one more step, differentiable, carries the gradient.

    The components of the stabilizer are found by moving x0 at random and back again, on 24 ways.
    """

    @cached_property
    def stabilizer(self) -> Generators:
        """The elements of the algebra that do not move x0, and random elements of the stabilizer's components."""
        generators = Generators.of(self.group)
        algebra = stabilizer_algebra(self.space, self.point, generators.algebra)
        generator = torch.Generator().manual_seed(0)
        away = _random_elements(generators, generator, self.group)
        back, distance = self._newton(self.space.matrix(away) @ self.point, self.point.expand(len(away), -1))
        h = (back @ away)[distance <= _CONVERGED * 10 * (1 + self.point.norm())]
        still = (self.space.matrix(h) @ self.point - self.point).abs().amax(-1) <= 1e-11 * (1 + self.point.norm())
        return Generators(algebra, h[still])

    def transport(self, points: Tensor) -> Tensor:
        """Elements that Newton's method has found, ``(..., n, n)``; differentiable once along the orbit."""
        flat = points.reshape(-1, points.shape[-1])
        if self.space.orthogonal and bool(self.point.any()):
            flat = flat * (self.point.norm().to(flat) / flat.norm(dim=-1, keepdim=True))
        target = flat.detach().to("cpu", torch.float64)
        g, distance = self._from_best_start(target)
        _check_on_orbit(distance, self)
        reached = self.space.matrix(g) @ self.point
        tangent = torch.linalg.pinv(self._moved(reached), rtol=1e-9)
        algebra = Generators.of(self.group).algebra
        correction = torch.einsum("bdj,bj->bd", tangent.to(flat), flat - reached.to(flat))
        step = torch.linalg.matrix_exp(torch.einsum("bd,dij->bij", correction, algebra.to(flat)))
        moved: Tensor = (step @ g.to(flat)).reshape(*points.shape[:-1], *g.shape[-2:])
        return moved

    def _from_best_start(self, target: Tensor) -> tuple[Tensor, Tensor]:
        """The best of several starts: from x0, from its images under the components, and from random ones."""
        generators = Generators.of(self.group)
        random = _random_elements(generators, torch.Generator().manual_seed(1), self.group)
        starts = torch.cat([self.group.identity.unsqueeze(0), generators.discrete, random])
        best = starts[:1].repeat(len(target), 1, 1)
        distance = torch.full((len(target),), torch.inf, dtype=torch.float64)
        for start in starts:
            (open_,) = (distance > _CONVERGED * 10 * (1 + self.point.norm())).nonzero(as_tuple=True)
            if len(open_) == 0:
                break
            from_ = (self.space.matrix(start) @ self.point).expand(len(open_), -1)
            g, found = self._newton(from_, target[open_])
            better = found < distance[open_]
            best[open_[better]] = g[better] @ start
            distance[open_[better]] = found[better]
        return best, distance

    def _moved(self, points: Tensor) -> Tensor:
        """The tangents d rho(A) x of each point ``(b, dim)`` as columns, ``(b, dim, d)``."""
        return torch.einsum("dij,bj->bid", self.space.algebra(Generators.of(self.group).algebra), points)

    def _newton(self, points: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Elements ``(b, n, n)`` of the identity component that take points to targets, and how far they miss."""
        algebra = Generators.of(self.group).algebra
        g = self.group.identity.repeat(len(points), 1, 1)
        here = points
        for _ in range(_NEWTON_STEPS):
            miss = targets - here
            if float(miss.abs().max()) <= _CONVERGED * float(self.point.abs().max()):
                break
            tangent = torch.linalg.pinv(self._moved(here), rtol=1e-9)
            step = torch.einsum("bdj,bj->bd", tangent, miss)
            step = step / (step.norm(dim=-1, keepdim=True) / 0.7).clamp_min(1)
            g = torch.linalg.matrix_exp(torch.einsum("bd,dij->bij", step, algebra)) @ g
            here = torch.einsum("bij,bj->bi", self.space.matrix(g), points)
        return g, (targets - here).norm(dim=-1)


def orbit_of(group: Group, point: Tensor, space: Rep) -> Orbit:
    """The orbit of a point, in the most exact way there is.

    Args:
        group: The group.
        point: ``(space.dim,)``.
        space: The representation that the point is a vector of.
    """
    n, d = group.dimension, len(group.lie_algebra)
    if d == 0:
        return FiniteOrbit(space, point)
    every_rotation = group.orthogonal and n >= 2 and d == n * (n - 1) // 2
    if every_rotation and space == group.vector and bool(point.any()):
        return Sphere(space, point)
    return HomogeneousSpace(space, point)


def stabilizer_algebra(space: Rep, point: Tensor, algebra: Tensor) -> Tensor:
    """The elements of the span of the algebra that do not move the point, ``(d', n, n)``."""
    tangents = space.algebra(algebra) @ point
    _, values, rows = torch.linalg.svd(tangents.T, full_matrices=True)
    rank = int((values > 1e-9 * float(1e-300 + point.abs().max())).sum())
    return torch.einsum("kd,dij->kij", rows[rank:], algebra)


def _random_elements(generators: Generators, generator: torch.Generator, group: Group) -> Tensor:
    """Elements ``(24, n, n)`` all over the group: a word of discrete generators times an exponential."""
    words = group.identity.repeat(_TRIES, 1, 1)
    for _ in range(3 if len(generators.discrete) else 0):
        choice = torch.randint(len(generators.discrete) + 1, (_TRIES,), generator=generator)
        words = words @ torch.cat([group.identity.unsqueeze(0), generators.discrete])[choice]
    scale = 2.0 if group.orthogonal else 0.7
    coordinates = scale * torch.randn(_TRIES, len(generators.algebra), generator=generator, dtype=torch.float64)
    elements: Tensor = torch.linalg.matrix_exp(torch.einsum("bd,dij->bij", coordinates, generators.algebra)) @ words
    return elements


def _nearest(points: Tensor, listed: Tensor) -> tuple[Tensor, Tensor]:
    distance, place = torch.cdist(points, listed, compute_mode="donot_use_mm_for_euclid_dist").min(-1)
    return distance, place


def _is_listed(point: Tensor, others: Tensor) -> bool:
    return bool(((others - point).abs().amax(-1) <= 1e-9 * (1 + point.abs().max())).any())


def _check_on_orbit(distance: Tensor, orbit: Orbit) -> None:
    far = ~(distance <= _ON_ORBIT * (1 + orbit.point.norm()))
    if bool(far.any()):
        shown = ", ".join(f"{x:.3g}" for x in orbit.point.tolist())
        raise ValueError(
            f"{int(far.sum())} of {far.numel()} points are not on the orbit of ({shown}) under {orbit.group}:"
            " a kernel has one basis for each orbit"
        )
