"""Many-body equivariant interatomic potential: energies of atoms, and forces and stress as their derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor, nn

from intertwine._errors import UsageError
from intertwine.groups import O3
from intertwine.models.potential._bound import BoundFeatures
from intertwine.models.potential._encoder_network import EncoderNetwork
from intertwine.models.potential._energies_and_slopes import both, energies_and_slopes, slopes_of
from intertwine.models.potential._network import ProductNetwork
from intertwine.models.potential.passes import Evaluator
from intertwine.reps import Rep

_LARGEST_NUMBER = 118
_UNKNOWN = -1
PRODUCTS = "products"


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

        E = sum_i (E0_z(i) + s w . f_i),    F = -dE/dx,    stress = dE/d(strain) / volume

    with the invariants f_i of the surroundings of atom i, the last linear readout w, the scale s and the reference
    energies E0. Among the invariants is one for each element that tells its bound atoms from free ones. The family
    "products" makes the others of many-body features, as MACE has them: each layer sums over the neighbors and takes
    symmetric products of the sums, up to ``body_order`` - 1 factors. Other families are those of
    :class:`~intertwine.models.PointEncoder`.

    Args:
        elements: Atomic numbers that it knows.
        hidden: Features of an atom between the layers: irreps of O(3), invariants among them; for "products", equally
            many copies of each.
        body_order: 2, 3 or 4: how many atoms a term of one layer's energy depends on ("products" only).
        lmax: Highest degree of the spherical harmonics.
        layers: Number of layers; the receptive field is this many cutoffs.
        cutoff: Distance in A from which atoms do not see each other.
        radial_basis: Number of Bessel functions.
        radial_hidden: Widths of the network on them; none by default, for functions that are linear in the Bessel
            functions stay smooth below the shortest distances of training, where a network continues as it happens to.
        radial_functions: Number of learned radial functions of a layer ("products" only).
        radial_smoothness: Power s of the scale n^-s of Bessel function n: the larger it is, the later the radial
            functions learn to vary fast, and the smoother they stay between distances of training ("products" only).
        readout_hidden: Width of the perceptron on the last layer's invariants.
        average_neighbors: The average number of neighbors, by which sums over them are divided.
        reference_energies: E0 in eV for each element in their order; zero when not given.
        binding_energies: What an atom of each element loses in eV when it is bound, the initial weights of those
            features; zero when not given, as it should be where E0 is that of an atom in a molecule.
        bond_lengths: Of each element in A, 1.25 when not given; an atom without a neighbor within twice that is free.
        energy_scale: s in eV, the size of an atomic energy: the root mean square of the forces in eV/A, as a rule.
        family: "products", or the ``layer`` of an encoder: "attention", "depthwise", "egnn", "steerable".
        committee: Number of further readouts, whose deviation is an uncertainty, see :func:`refit_readout`.

    Raises:
        UsageError: An argument is not as above; in ``forward``, an element is not known.

    Law: for Q in O(3), t a translation and s a permutation, ``E(Q x + t) = E(x)``, ``F(Q x + t) = Q F(x)``, rows
    permuted alike; the energy of separate structures together is the sum of theirs, and that of an atom without
    neighbors its E0 ("products"); forces are conservative and sum to zero, and energies have two continuous derivatives
    where atoms pass the cutoff.

    Cost: linear in the number of edges; forces take less than twice the energy's time again.

    Reference: Batatia et al., MACE: Higher order equivariant message passing neural networks for fast and accurate
    force fields, NeurIPS 2022.

    Example:
        >>> potential = Potential((1, 8), "8x0e + 8x1o", lmax=2, radial_hidden=(16,)).double().eval()
        >>> positions = torch.tensor([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], dtype=torch.float64)
        >>> edges = torch.tensor([[1, 2, 0, 2, 0, 1], [0, 0, 1, 1, 2, 2]])
        >>> out = potential(torch.tensor([8, 1, 1]), positions, edges)
        >>> out.energy.shape, out.forces.shape, bool(out.forces.sum(0).abs().max() < 1e-5)
        (torch.Size([1]), torch.Size([3, 3]), True)
    """

    default_bond_length: ClassVar[float] = 1.25
    reference: Tensor
    index_of_number: Tensor
    committee: Tensor

    def __init__(
        self,
        elements: Sequence[int],
        hidden: Rep | str = "64x0e + 64x1o",
        *,
        body_order: int = 4,
        lmax: int = 3,
        layers: int = 2,
        cutoff: float = 5.0,
        radial_basis: int = 10,
        radial_hidden: Sequence[int] = (),
        radial_functions: int = 16,
        radial_smoothness: float = 1.5,
        readout_hidden: int = 16,
        average_neighbors: float = 1.0,
        reference_energies: Sequence[float] | None = None,
        binding_energies: Sequence[float] | None = None,
        bond_lengths: Sequence[float] | None = None,
        energy_scale: float = 1.0,
        family: str = PRODUCTS,
        committee: int = 0,
    ) -> None:
        super().__init__()
        self.elements = _check_elements(elements)
        references = self._of_elements("reference energies", reference_energies, 0.0)
        binding = self._of_elements("binding energies", binding_energies, 0.0)
        lengths = self._of_elements("bond lengths", bond_lengths, self.default_bond_length)
        if not (cutoff > 0 and average_neighbors > 0 and layers > 0 and committee >= 0):
            raise UsageError(
                "a potential needs a positive cutoff, average_neighbors and layers, and a committee of 0 or more, "
                f"got {cutoff}, {average_neighbors}, {layers} and {committee}"
            )
        rep = O3().rep(hidden) if isinstance(hidden, str) else hidden
        self.config: dict[str, Any] = {
            "elements": list(self.elements),
            "hidden": str(rep),
            "body_order": body_order,
            "lmax": lmax,
            "layers": layers,
            "cutoff": float(cutoff),
            "radial_basis": radial_basis,
            "radial_hidden": list(radial_hidden),
            "radial_functions": radial_functions,
            "radial_smoothness": float(radial_smoothness),
            "readout_hidden": readout_hidden,
            "average_neighbors": float(average_neighbors),
            "reference_energies": references,
            "binding_energies": binding,
            "bond_lengths": lengths,
            "energy_scale": float(energy_scale),
            "family": family,
            "committee": committee,
        }
        self.cutoff, self.energy_scale = float(cutoff), float(energy_scale)
        self.network = self._make_network(rep)
        self.bound = BoundFeatures(lengths, self.cutoff)
        self._evaluator = Evaluator()
        self._register_readout(committee)
        self._register_elements(references)

    def _of_elements(self, what: str, values: Sequence[float] | None, default: float) -> list[float]:
        found = [default] * len(self.elements) if values is None else [*map(float, values)]
        if len(found) != len(self.elements):
            raise UsageError(f"{len(self.elements)} elements need as many {what}, got {len(found)}")
        return found

    def _make_network(self, rep: Rep) -> ProductNetwork | EncoderNetwork:
        config = self.config
        shared = {name: config[name] for name in ("lmax", "layers", "cutoff", "radial_basis", "radial_hidden")}
        shared |= {"readout_hidden": config["readout_hidden"], "average_neighbors": config["average_neighbors"]}
        if config["family"] != PRODUCTS:
            return EncoderNetwork(len(self.elements), rep, family=config["family"], **shared)
        own = {name: config[name] for name in ("body_order", "radial_functions", "radial_smoothness")}
        return ProductNetwork(len(self.elements), rep, **own, **shared)

    def _register_readout(self, committee: int) -> None:
        width = self.network.width + len(self.elements)
        self.readout = nn.Parameter(torch.empty(width, dtype=torch.float32))
        self.register_buffer("committee", torch.zeros(committee, width))
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
        """Weights of about unit variance over the network's features, and binding energies; the committee agrees."""
        nn.init.normal_(self.readout, std=self.network.width**-0.5)
        with torch.no_grad():
            self.readout[self.network.width :] = torch.tensor(self.config["binding_energies"]) / self.energy_scale
        self.committee.copy_(self.readout.detach().expand_as(self.committee))

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

    def readout_features(self, numbers: Tensor, vectors: Tensor, edges: Tensor, *, frozen: bool = False) -> Tensor:
        """Invariants ``(N, F)`` of which the interaction energy of an atom is a linear function.

        Args:
            numbers: ``(N,)`` atomic numbers.
            vectors: ``(E, 3)``, position of the source minus that of the target of each edge, in A.
            edges: ``(2, E)``, source row over target row.
            frozen: Whether no gradient in the weights is asked for: what depends on them alone is then kept from call
                to call.
        """
        elements = self.element_indices(numbers)
        features, distances = self.network(elements, vectors, edges, frozen=frozen)
        return torch.cat([features, self.bound(elements, distances, edges)], 1)

    def node_energies(self, numbers: Tensor, vectors: Tensor, edges: Tensor, *, frozen: bool = False) -> Tensor:
        """The energy of each atom ``(N,)`` in eV, float64; arguments as for :meth:`readout_features`."""
        features = self.readout_features(numbers, vectors, edges, frozen=frozen)
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

        Returns:
            In training mode, or where ``positions`` require a gradient, all of it differentiable.

        Raises:
            UsageError: The stress is asked for without cells, or an element is not known.
        """
        if stress and cells is None:
            raise UsageError("the stress is a derivative per volume: give cells (B, 3, 3)")
        structures = torch.zeros_like(numbers) if structures is None else structures
        wanted = torch.is_grad_enabled() and (self.training or positions.requires_grad)
        with torch.set_grad_enabled(wanted or forces or stress):
            vectors = edge_vectors(positions if wanted else positions.detach(), edges, shifts)
            energies, slopes = self._energies_and_slopes(numbers, vectors, edges, wanted, forces or stress)
            energy = energies.new_zeros(num_structures).index_add(0, structures, energies)
        with torch.set_grad_enabled(wanted):
            if not wanted:
                energy, energies, vectors = energy.detach(), energies.detach(), vectors.detach()
            of_positions = None if slopes is None or not forces else forces_of(slopes, edges, positions)
            virial = None
            if slopes is not None and stress and cells is not None:
                products = slopes[:, :, None] * vectors[:, None, :]
                virial = slopes.new_zeros(num_structures, 3, 3)
                virial = virial.index_add(0, structures.index_select(0, edges[1]), (products + products.mT) / 2)
                virial = _per_volume(virial, cells)
        return PotentialOutput(energy, energies, of_positions, virial)

    def _energies_and_slopes(
        self, numbers: Tensor, vectors: Tensor, edges: Tensor, wanted: bool, slopes: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Energies of atoms, and the derivatives of their sum in the vectors where they are asked for."""

        def energies_of(vectors: Tensor) -> Tensor:
            return self.node_energies(numbers, vectors, edges, frozen=not wanted)

        def reference(vectors: Tensor) -> tuple[Tensor, Tensor]:
            return both(lambda x: self.readout_features(numbers, x, edges) @ self.readout, vectors)

        if not slopes:
            return energies_of(vectors), None
        network = self.network
        if (
            isinstance(network, ProductNetwork)
            and not vectors.requires_grad
            and Evaluator.is_usable(network, numbers, edges)
        ):
            elements = self.element_indices(numbers)
            given = network, self.readout, self.bound.reach, elements, vectors, edges
            weights = self._differentiable_weights() if wanted else []
            passes = self._evaluator
            found = passes.differentiable(*given, reference, weights) if weights else passes(*given)
            references = self.reference.index_select(0, elements)
            return found[0].to(torch.float64) * self.energy_scale + references, found[1] * self.energy_scale
        if wanted and not vectors.requires_grad:
            return energies_and_slopes(energies_of, vectors, self._differentiable_weights())
        vectors = vectors if vectors.requires_grad else vectors.requires_grad_()
        energies = energies_of(vectors)
        return energies, slopes_of(energies.sum(), vectors, wanted)

    def _differentiable_weights(self) -> list[Tensor]:
        return [x for x in (*self.parameters(), *self.buffers()) if x.requires_grad]


def edge_vectors(positions: Tensor, edges: Tensor, shifts: Tensor | None) -> Tensor:
    """``(E, 3)``, the position of the source, with its shift, minus that of the target."""
    vectors = positions.index_select(0, edges[0]) - positions.index_select(0, edges[1])
    return vectors if shifts is None else vectors + shifts


def forces_of(slopes: Tensor, edges: Tensor, positions: Tensor) -> Tensor:
    """Forces ``(N, 3)`` from the derivatives ``(E, 3)`` of an energy in the vectors of the edges."""
    forces = torch.zeros_like(positions, dtype=slopes.dtype)
    return forces.index_add(0, edges[1], slopes).index_add(0, edges[0], -slopes)


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
