"""Rigid docking of two proteins: exhaustive search of a soft score, refinement and ranking by a sharper one."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.ops import (
    RigidMotion,
    refine_correlation,
    rotation_grid,
    search_correlation,
    suppress_motions,
)
from intertwine.tasks.dock._measures import count_clashes, residue_contacts
from intertwine.tasks.dock._potential import DockingPotential
from intertwine.tasks.dock._ranking import surface_normals
from intertwine.tasks.dock._structure import Array, Structure

SEPARATION = 3.0
"""The least root mean square distance of two answers, in angstrom."""


@dataclass(frozen=True)
class DockingOptions:
    """How thoroughly to search.

    Attributes:
        models: The most complexes returned.
        level: Of the grid of rotations, see `intertwine.ops.rotation_grid`.
        spacing: Of the lattice of translations, in angstrom.
        refined: How many poses of the grid are refined.
        steps: The most steps of a first refinement; the best poses are then refined until they stand still.

    Raises:
        UsageError: If one is out of range.
    """

    models: int = 10
    level: int = 4
    spacing: float = 2.0
    refined: int = 200
    steps: int = 15

    def __post_init__(self) -> None:
        if not 1 <= self.models <= 1000:
            raise UsageError(f"docking expects 1 to 1,000 models, got {self.models}")
        if not 0.5 <= self.spacing <= 5:
            raise UsageError(f"docking expects a spacing of 0.5 to 5 angstrom, got {self.spacing}")
        if not 1 <= self.refined <= 10_000:
            raise UsageError(f"docking expects 1 to 10,000 refined poses, got {self.refined}")
        if not 0 <= self.level <= 6:
            raise UsageError(f"docking expects a level of 0 to 6, got {self.level}")


@dataclass(frozen=True)
class DockedModel:
    """One predicted complex.

    Attributes:
        rotation: ``(3, 3)``, of the ligand.
        translation: ``(3,)``: the ligand's atom x is at ``R x + t``, the receptor where it was.
        score: Of the potential's ranking, None of a network's; higher is better, for one pair of proteins only.
        clashes: Pairs of alpha carbons nearer than 3 angstrom.
        contacts: Pairs of residues, of ligand and receptor, with heavy atoms nearer than 5 angstrom.
    """

    rotation: Array
    translation: Array
    score: float | None
    clashes: int
    contacts: frozenset[tuple[int, int]]


@dataclass(frozen=True)
class DockingResult:
    """Predicted complexes, best first.

    Attributes:
        ligand: As given.
        receptor: As given.
        models: Without clashes where there are such, and others only if there are none.
        seconds: That docking took.
    """

    ligand: Structure
    receptor: Structure
    models: tuple[DockedModel, ...]
    seconds: float


def dock(
    ligand: Structure,
    receptor: Structure,
    options: DockingOptions | None = None,
    potential: DockingPotential | None = None,
) -> DockingResult:
    """The complexes of two rigid proteins that score best.

    1. Both proteins become a few scalar fields (`PairPotential.field`); the smaller one is moved.
    2. All rotations of a grid and all translations of a lattice, by the Fourier transform, with the soft potential.
    3. The best separated poses are refined on the exact score of the sharper potential.
    4. They are ranked by a score that knows surface normals too (`RankingScore`); the best are refined until they stand
       still, and ranked again.
    5. Complexes with clashing alpha carbons are removed.

    Before the search both proteins are turned to their principal axes, so the answer does not depend on how the files
    are turned.

    Args:
        ligand: The protein that the answer moves.
        receptor: The protein that stays.
        options: The defaults if None.
        potential: That of the package if None.

    Returns:
        The models; deterministic.

    Law:
        With the proteins moved by ``g1`` and ``g2``, the motion g of a model becomes ``g2 g g1^-1``; with the proteins
        exchanged, its inverse. Up to rounding where the principal axes are distinct, and to the maxima found elsewhere.
    """
    begin = time.perf_counter()
    options = DockingOptions() if options is None else options
    potential = DockingPotential.load() if potential is None else potential
    exchanged = _size(ligand) > _size(receptor)
    moving, fixed = (receptor, ligand) if exchanged else (ligand, receptor)
    frames = canonical_frame(moving), canonical_frame(fixed)
    motions, scores = _search(moving.moved(*frames[0]), fixed.moved(*frames[1]), options, potential)
    models = []
    for R, t, score in zip(motions.rotation.numpy(), motions.translation.numpy(), scores.tolist(), strict=True):
        rotation, translation = _between(R, t, *frames)
        if exchanged:
            rotation, translation = rotation.T, -rotation.T @ translation
        models.append(docked_model(ligand, receptor, rotation, translation, score))
    free = [model for model in models if not model.clashes]
    chosen = tuple((free or models)[: options.models])
    return DockingResult(ligand, receptor, chosen, time.perf_counter() - begin)


def canonical_frame(structure: Structure) -> tuple[Array, Array]:
    """The motion that brings a structure's center to the origin and its principal axes to x, y, z.

    The signs make the third moments along the first two axes positive.

    Args:
        structure: A protein.

    Returns:
        A rotation ``(3, 3)`` and a translation ``(3,)``.

    Law:
        The structure moved by its frame does not depend on motions made before, where the axes are distinct.
    """
    center = structure.coordinates.mean(0)
    centered = structure.coordinates - center
    _, axes = np.linalg.eigh(centered.T @ centered)
    rotation = axes.T[::-1].copy()
    skewness = ((centered @ rotation.T) ** 3).sum(0)
    rotation[:2] *= np.where(skewness[:2] < 0, -1.0, 1.0)[:, None]
    rotation[2] = np.cross(rotation[0], rotation[1])
    return rotation, -rotation @ center


def _size(structure: Structure) -> tuple[int, float]:
    centered = structure.coordinates - structure.coordinates.mean(0)
    return len(centered), round(float((centered**2).sum()), 3)


def _search(
    moving: Structure, fixed: Structure, options: DockingOptions, potential: DockingPotential
) -> tuple[RigidMotion, Tensor]:
    """Refined motions of canonical structures and their scores, best first."""
    soft, sharp = potential.search, potential.score
    field, points = soft.field(moving), torch.from_numpy(moving.coordinates)
    motions, scores = search_correlation(
        field,
        soft.field(fixed),
        soft.kernel,
        rotation_grid(options.level).rotations,
        spacing=options.spacing,
        candidates=max(2000, 20 * options.refined),
    )
    kept = suppress_motions(motions, scores, points, distance=SEPARATION, limit=options.refined)
    motions = _chosen(motions, kept)
    field_1, field_2 = sharp.field(moving), sharp.field(fixed)
    normals_1, normals_2 = surface_normals(moving), surface_normals(fixed)
    for steps in (options.steps, 100):
        motions, scores = refine_correlation(field_1, field_2, sharp.kernel, motions, steps=steps)
        scores = potential.ranking(normals_1, normals_2, motions, scores)
        kept = suppress_motions(motions, scores, points, distance=SEPARATION, limit=max(20, 2 * options.models))
        motions, scores = _chosen(motions, kept), scores[kept]
    return motions, scores


def _chosen(motions: RigidMotion, rows: Tensor) -> RigidMotion:
    return RigidMotion(motions.rotation[rows], motions.translation[rows])


def _between(R: Array, t: Array, frame_1: tuple[Array, Array], frame_2: tuple[Array, Array]) -> tuple[Array, Array]:
    """The motion between structures as given, from one between their canonical frames."""
    rotation = frame_2[0].T @ R @ frame_1[0]
    return rotation, frame_2[0].T @ (R @ frame_1[1] + t - frame_2[1])


def docked_model(
    ligand: Structure, receptor: Structure, rotation: Array, translation: Array, score: float | None = None
) -> DockedModel:
    """A ligand in a place, with its clashes and contacts."""
    moved = ligand.moved(rotation, translation)
    clashes = count_clashes(moved.alpha_carbon_coordinates, receptor.alpha_carbon_coordinates)
    return DockedModel(rotation, translation, score, clashes, frozenset(residue_contacts(moved, receptor)))
