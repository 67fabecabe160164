"""Pair potentials of proteins in low rank: a few scalar fields of each protein, correlated through radial functions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from intertwine._errors import UsageError
from intertwine.ops import GaussianKernel, PointField
from intertwine.tasks.dock._atom_types import ATOM_TYPES, atom_types
from intertwine.tasks.dock._ranking import RankingScore
from intertwine.tasks.dock._structure import Structure
from intertwine.tasks.dock._tables import numbers_of, tensors_of

FORMAT = 1


@dataclass(frozen=True)
class PairPotential:
    r"""A score of two proteins as a sum over pairs of their atoms.

    .. math:: s = \sum_{ij} \sum_c u_{c, a(i)} \, u_{c, a(j)} \, k_c(|x_i - x_j|), \qquad
        k_c(r) = \sum_g \kappa_{cg} e^{-r^2 / 2 s_g^2}

    with the types :math:`a(i)` of atoms. Channel c is the field that has the value :math:`u_{c, a(i)}` at atom i: a
    scalar field that moves with the protein, so the score is a correlation of fields, invariant under motions of each
    protein together with its pose, and the same with the proteins exchanged.

    Attributes:
        features: ``(channels, types)``, the :math:`u`.
        widths: ``(gaussians,)`` in angstrom, the :math:`s_g`.
        amplitudes: ``(channels, gaussians)``, the :math:`\kappa`.

    Raises:
        UsageError: If the shapes do not fit.

    References:
        Kozakov et al., PIPER: an FFT-based protein docking program with pairwise potentials, 2006; Jing et al.,
        Equivariant scalar fields for molecular docking with fast Fourier transforms, ICLR 2024.
    """

    features: Tensor
    widths: Tensor
    amplitudes: Tensor

    def __post_init__(self) -> None:
        channels, types = len(self.amplitudes), len(ATOM_TYPES)
        if self.features.shape != (channels, types):
            raise UsageError(
                f"a pair potential expects features ({channels}, {types}), got {tuple(self.features.shape)}"
            )

    @classmethod
    def of_energies(
        cls, widths: Tensor, shape: Tensor, energies: Tensor, contact: Tensor, *, rank: int
    ) -> PairPotential:
        r"""The potential of a shape that is the same for all types and of energies of pairs of types.

        .. math:: k_{ab}(r) = \sum_g (\kappa_g + \beta_g e_{ab}) \, e^{-r^2 / 2 s_g^2}, \qquad
            e_{ab} \approx \sum_{c \le \text{rank}} \lambda_c v_{ca} v_{cb}

        with the eigenvalues of largest size: each eigenvector is one scalar field.

        Args:
            widths: ``(gaussians,)`` in angstrom.
            shape: ``(gaussians,)``, the :math:`\kappa`.
            energies: ``(types, types)``, symmetric.
            contact: ``(gaussians,)``, the :math:`\beta`.
            rank: How many eigenvectors are kept.
        """
        values, vectors = torch.linalg.eigh(energies.double())
        order = torch.sort(values.abs(), descending=True, stable=True).indices[:rank]
        vectors = vectors[:, order].mT
        vectors = vectors * torch.where(vectors.sum(1, keepdim=True) < 0, -1.0, 1.0)
        features = torch.cat([torch.ones(1, len(ATOM_TYPES), dtype=torch.float64), vectors])
        amplitudes = torch.cat([shape.double()[None], values[order, None] * contact.double()])
        return cls(features, widths.double(), amplitudes)

    @property
    def kernel(self) -> GaussianKernel:
        """The radial functions."""
        return GaussianKernel(self.widths, self.amplitudes)

    def field(self, structure: Structure) -> PointField:
        """The scalar fields of a protein.

        Args:
            structure: A protein.

        Returns:
            Points and features ``(atoms, channels)``, float64.

        Law:
            The field of a moved structure is the moved field.
        """
        types = torch.from_numpy(atom_types(structure))
        return PointField(torch.from_numpy(structure.coordinates), self.features.double().mT[types])

    def to_dict(self) -> dict[str, Any]:
        """The numbers as lists, rounded to six digits."""
        return numbers_of(self)

    @classmethod
    def from_dict(cls, numbers: Mapping[str, Any]) -> PairPotential:
        """The potential of such lists.

        Args:
            numbers: What `to_dict` returned.

        Raises:
            UsageError: If a key is missing or a shape does not fit.
        """
        return cls(*tensors_of(numbers, ("features", "widths", "amplitudes"), "a pair potential"))


@dataclass(frozen=True)
class DockingPotential:
    """A soft pair potential for the grid, which forgives its steps, one to refine poses, and the score that ranks them.

    Attributes:
        search: For the exhaustive search.
        score: For the refinement.
        ranking: For refined poses.
    """

    search: PairPotential
    score: PairPotential
    ranking: RankingScore

    def save(self, path: Path) -> None:
        """Write a JSON file of a few kilobytes.

        Args:
            path: The file.
        """
        content = {"format": FORMAT, "atom_types": list(ATOM_TYPES)}
        content |= {"search": self.search.to_dict(), "score": self.score.to_dict()}
        content["ranking"] = self.ranking.to_dict()
        path.write_text(json.dumps(content, indent=None, separators=(",", ":")) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path | None = None) -> DockingPotential:
        """Read a JSON file.

        Args:
            path: A file that `save` wrote; if None that of this package, fitted to training complexes of Docking
                Benchmark 5.5.

        Raises:
            UsageError: It is missing or no such file.
        """
        try:
            if path is None:
                text = files("intertwine.tasks.dock").joinpath("potential.json").read_text(encoding="utf-8")
            else:
                text = path.read_text(encoding="utf-8")
            content = json.loads(text)
        except (OSError, ValueError) as error:
            raise UsageError(f"{path}: no potential for docking: {error}") from error
        if not isinstance(content, dict) or content.get("atom_types") != list(ATOM_TYPES):
            raise UsageError(
                f"{path}: no potential for docking of this version: expected the atom types of the library"
            )
        missing = {"search", "score", "ranking"} - content.keys()
        if missing:
            raise UsageError(
                f"{path}: no potential for docking of this version: it has no {', '.join(sorted(missing))}"
            )
        return cls(
            PairPotential.from_dict(content["search"]),
            PairPotential.from_dict(content["score"]),
            RankingScore.from_dict(content["ranking"]),
        )
