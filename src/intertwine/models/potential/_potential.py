"""Many-body equivariant interatomic potential: energies of atoms, and forces and stress as their derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.groups import O3
from intertwine.models.potential._network import ProductNetwork
from intertwine.nn import Blocks
from intertwine.reps import Rep, SphericalIrrep

_LARGEST_NUMBER = 118
_UNKNOWN = -1


class PotentialOutput(NamedTuple):
    """What a potential says of a batch of structures.

    Attributes:
        energy: ``(B,)`` float64, the energy of each structure in eV.
        energies: ``(N,)`` float64, that of each atom.
        forces: ``(N, 3)`` in eV/A; None where they were not asked for.
        stress: ``(B, 3, 3)`` in eV/A^3; None likewise.
    """

    energy: Tensor
    energies: Tensor
    forces: Tensor | None = None
    stress: Tensor | None = None


class Potential(nn.Module):
    """An interatomic potential: the energy is a sum over atoms, forces and stress are its derivatives.

        E = sum_i (E0_z(i) + s e_i),    F = -dE/dx,    stress = dE/d(strain) / volume

    Atomic energies e_i are read from the invariants of every layer: linearly, and of the last layer by a perceptron.
    Features are many-body: each layer is a :class:`ManyBodyInteraction`, whose equivariant polynomials of summed
    messages have body order ``body_order``.

    Args:
        elements: Atomic numbers that it knows.
        hidden: Features of an atom between the layers, equally many copies of irreps of O(3), invariants among them.
        body_order: 2, 3 or 4: how many atoms a term of one layer's energy depends on.
        lmax: Highest degree of the spherical harmonics.
        layers: Number of layers; the receptive field is this many cutoffs.
        cutoff: Distance in A from which atoms do not see each other.
        radial_basis: Number of Bessel functions.
        radial_hidden: Widths of the network on them.
        readout_hidden: Width of the perceptron on the last layer's invariants.
        average_neighbors: The average number of neighbors, by which sums over them are divided.
        reference_energies: E0 in eV for each element in their order; zero when not given.
        energy_scale: s in eV, the size of an atomic energy: the root mean square of the forces in eV/A, as a rule.

    Raises:
        UsageError: An argument is not as above; in ``forward``, an element is not known.

    Law: for Q in O(3), t a translation and s a permutation, ``E(Q x + t) = E(x)``, ``F(Q x + t) = Q F(x)``, rows permuted
    alike; the energy of separate structures together is the sum of theirs; forces are conservative and sum to zero, and
    energies have two continuous derivatives where atoms pass the cutoff.

    Cost: linear in the number of edges; forces take about twice the energy's time again.

    Reference: Batatia et al., MACE: Higher order equivariant message passing neural networks for fast and accurate force
    fields, NeurIPS 2022.

    Example:
        >>> potential = Potential((1, 8), "8x0e + 8x1o", lmax=2, radial_hidden=(16,)).eval()
        >>> positions = torch.tensor([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
        >>> edges = torch.tensor([[1, 2, 0, 2, 0, 1], [0, 0, 1, 1, 2, 2]])
        >>> out = potential(torch.tensor([8, 1, 1]), positions, edges)
        >>> out.energy.shape, out.forces.shape, bool(out.forces.sum(0).abs().max() < 1e-5)
        (torch.Size([1]), torch.Size([3, 3]), True)
    """

    reference: Tensor
    index_of_number: Tensor

    def __init__(
        self,
        elements: Sequence[int],
        hidden: Rep | str = "64x0e + 64x1o",
        *,
        body_order: int = 4,
        lmax: int = 3,
        layers: int = 2,
        cutoff: float = 5.0,
        radial_basis: int = 8,
        radial_hidden: Sequence[int] = (64, 64),
        radial_functions: int = 16,
        readout_hidden: int = 16,
        average_neighbors: float = 1.0,
        reference_energies: Sequence[float] | None = None,
        energy_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.elements = _check_elements(elements)
        rep = O3().rep(hidden) if isinstance(hidden, str) else hidden
        blocks = Blocks.of(rep)
        if len(set(blocks.copies)) != 1 or not any(blocks.trivial) or layers < 1 or not 2 <= body_order <= 4:
            raise UsageError(
                "a potential needs equally many copies of irreps with 0e among them, body_order 2, 3 or 4 and a layer, "
                f"got {rep}, {body_order} and {layers}"
            )
        references = [0.0] * len(self.elements) if reference_energies is None else list(reference_energies)
        if len(references) != len(self.elements):
            raise UsageError(f"{len(self.elements)} elements need as many reference energies, got {len(references)}")
        self.config: dict[str, Any] = {
            "elements": list(self.elements), "hidden": str(rep), "body_order": body_order, "lmax": lmax,
            "layers": layers, "cutoff": float(cutoff), "radial_basis": radial_basis,
            "radial_hidden": list(radial_hidden), "radial_functions": radial_functions, "readout_hidden": readout_hidden,
            "average_neighbors": float(average_neighbors), "reference_energies": references,
            "energy_scale": float(energy_scale),
        }  # fmt: skip
        self.cutoff, self.lmax, self.energy_scale = float(cutoff), lmax, float(energy_scale)
        self.network = ProductNetwork(
            len(self.elements),
            [(term.degree, term.parity) for _, term in blocks.terms if isinstance(term, SphericalIrrep)],
            blocks.copies[0],
            order=body_order - 1,
            lmax=lmax,
            layers=layers,
            cutoff=float(cutoff),
            radial_basis=radial_basis,
            radial_hidden=radial_hidden,
            radial_functions=radial_functions,
            readout_hidden=readout_hidden,
            average_neighbors=float(average_neighbors),
        )
        self.readout = nn.Parameter(torch.empty(self.network.width, dtype=torch.float32))
        self._register_elements(references)
        self.reset_readout()

    def _register_elements(self, references: list[float]) -> None:
        index = torch.full((_LARGEST_NUMBER + 1,), _UNKNOWN)
        index[list(self.elements)] = torch.arange(len(self.elements))
        self.register_buffer("index_of_number", index, persistent=False)
        self.register_buffer("reference", torch.tensor(references, dtype=torch.float64))

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        """Reference energies stay in float64."""
        exact = self.reference
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if not self.reference.is_meta:
            self.reference = exact.to(self.reference.device)
        return self

    def reset_readout(self) -> None:
        """Weights of the linear readout of about unit variance over all features."""
        nn.init.normal_(self.readout, std=len(self.readout) ** -0.5)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Potential:
        """The potential, with new weights, that ``config`` describes."""
        return cls(**config)

    def element_indices(self, numbers: Tensor) -> Tensor:
        """The place of each atom's element in ``elements``.

        Raises:
            UsageError: An element is not known.
        """
        index = self.index_of_number.index_select(0, numbers.clamp(0, _LARGEST_NUMBER))
        if not torch.compiler.is_compiling() and bool((index < 0).any()):
            unknown = sorted({int(number) for number in numbers[index < 0]})
            raise UsageError(f"this potential knows the elements {list(self.elements)}, not {unknown}")
        return index

    def reference_energies_of(self, numbers: Tensor) -> Tensor:
        """``(N,)`` float64, E0 of each atom in eV."""
        return self.reference.index_select(0, self.element_indices(numbers))

    def readout_features(self, numbers: Tensor, vectors: Tensor, edges: Tensor) -> Tensor:
        """Invariants ``(N, F)`` of which the interaction energy of an atom is a linear function.

        Args:
            numbers: ``(N,)`` atomic numbers.
            vectors: ``(E, 3)``, position of the source minus that of the target of each edge, in A.
            edges: ``(2, E)``, source row over target row.
        """
        features: Tensor = self.network(self.element_indices(numbers), vectors, edges)
        return features

    def node_energies(self, numbers: Tensor, vectors: Tensor, edges: Tensor) -> Tensor:
        """The energy of each atom ``(N,)`` in eV, float64; arguments as for :meth:`readout_features`."""
        features = self.readout_features(numbers, vectors, edges)
        return (features @ self.readout).to(torch.float64) * self.energy_scale + self.reference_energies_of(numbers)

    def forward(
        self,
        numbers: Tensor,
        positions: Tensor,
        edges: Tensor,
        shifts: Tensor | None = None,
        structures: Tensor | None = None,
        num_structures: int = 1,
        *,
        cells: Tensor | None = None,
        forces: bool = True,
        stress: bool = False,
    ) -> PotentialOutput:
        """Energies of a batch of structures, and their derivatives.

        Args:
            numbers: ``(N,)`` atomic numbers.
            positions: ``(N, 3)`` in A.
            edges: ``(2, E)``, source row over target row, of all pairs nearer than the cutoff, in both directions.
            shifts: ``(E, 3)`` in A, added to the position of the source of each edge: the lattice vector of its image.
            structures: ``(N,)`` the structure of each atom; None for a single one.
            num_structures: How many.
            cells: ``(B, 3, 3)`` lattice vectors in rows, for the stress.
            forces: Whether forces are computed.
            stress: Whether the stress is computed; zero for structures without a volume.

        Raises:
            UsageError: The stress is asked for without cells, or an element is not known.
        """
        if stress and cells is None:
            raise UsageError("the stress is a derivative per volume: give cells (B, 3, 3)")
        if structures is None:
            structures = torch.zeros_like(numbers)
        wanted = torch.is_grad_enabled() and (self.training or positions.requires_grad)
        with torch.set_grad_enabled(torch.is_grad_enabled() or forces or stress):
            if forces and not positions.requires_grad:
                positions = positions.detach().requires_grad_()
            source, target = edges
            vectors = positions.index_select(0, source) - positions.index_select(0, target)
            vectors = vectors if shifts is None else vectors + shifts
            strain = vectors.new_zeros(num_structures, 3, 3).requires_grad_(stress)
            if stress:
                symmetric = (strain + strain.mT) / 2
                of_edge = symmetric.index_select(0, structures.index_select(0, target))
                vectors = vectors + torch.einsum("ei,eij->ej", vectors, of_edge)
            energies = self.node_energies(numbers, vectors, edges)
            energy = energies.new_zeros(num_structures).index_add(0, structures, energies)
            variables = [variable for variable, asked in ((positions, forces), (strain, stress)) if asked]
            gradients = list(torch.autograd.grad(energy.sum(), variables, create_graph=wanted)) if variables else []
        if not wanted:
            energy, energies = energy.detach(), energies.detach()
        return PotentialOutput(
            energy,
            energies,
            -gradients.pop(0) if forces else None,
            _per_volume(gradients.pop(0), cells) if stress and cells is not None else None,
        )


def _per_volume(virial: Tensor, cells: Tensor) -> Tensor:
    """Derivatives by the strain over the volumes of the cells; zero for structures without a volume."""
    volume = torch.linalg.det(cells).abs().to(virial.dtype)[:, None, None]
    return torch.where(volume > 0, virial / torch.where(volume > 0, volume, 1.0), 0.0)


def _check_elements(elements: Sequence[int]) -> tuple[int, ...]:
    """Different atomic numbers.

    Raises:
        UsageError: They are not.
    """
    numbers = tuple(int(number) for number in elements)
    if not numbers or len(set(numbers)) < len(numbers) or min(numbers) < 1 or max(numbers) > _LARGEST_NUMBER:
        raise UsageError(f"a potential takes different atomic numbers of 1 to {_LARGEST_NUMBER}, got {numbers}")
    return numbers
