"""A network of products, evaluated with constants and tables that are kept from call to call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from intertwine._transforms import is_transformed
from intertwine.models.potential._interaction import ProductInteraction
from intertwine.models.potential.passes._constants import LayerPlan, layer_constants, layer_plan, radial_matrix
from intertwine.models.potential.passes._energies import Program, Readout, energies_and_slopes
from intertwine.models.potential.passes._function import Reference, differentiable_energies_and_slopes
from intertwine.models.potential.passes._tables import Tables, make_tables

if TYPE_CHECKING:
    from intertwine.models.potential._network import ProductNetwork

_MOST_EDGES = 4096
"""Beyond that the operations of autograd are long enough, and its chunks are larger."""


def has_passes(network: nn.Module) -> bool:
    """Whether there are passes for a network: one of products whose radial functions are linear in Bessel functions."""
    radial = getattr(network, "radial", None)
    return radial is not None and len(radial.layers) == 1


class Evaluator:
    """Energies of atoms and their derivatives in the vectors of edges, where no gradient in the weights is asked for.

    What depends on the weights alone is kept until they change, and tables of neighbors until the edges change, as they
    seldom do in molecular dynamics. The values are those of the network in another order of summation.

    Reference: Griewank, Walther, Evaluating derivatives, 2nd edition, SIAM 2008, chapter 3, for the pass backward.
    """

    def __init__(self) -> None:
        self._program: tuple[Tensor, Program] | None = None
        self._tables: tuple[Tensor, Tensor, Tables] | None = None
        self._plans: tuple[torch.dtype, torch.device, tuple[LayerPlan, ...]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"_program": None, "_tables": None, "_plans": None}

    @staticmethod
    def is_usable(network: nn.Module, numbers: Tensor, edges: Tensor) -> bool:
        """Whether it can stand in for a network: for few edges on a CPU, and not while functions are transformed."""
        if torch.compiler.is_compiling() or is_transformed() or numbers.device.type != "cpu":
            return False
        return len(numbers) > 0 and edges.shape[1] <= _MOST_EDGES and has_passes(network)

    @torch.no_grad()
    def __call__(
        self, network: ProductNetwork, readout: Tensor, reach: Tensor, elements: Tensor, vectors: Tensor, edges: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Energies ``(N,)`` without scale and references, and the derivatives ``(E, 3)`` of their sum.

        Args:
            network: The network.
            readout: ``(F,)`` weights of its invariants and of the features of bound atoms.
            reach: ``(elements,)`` within which an atom is bound.
            elements: ``(N,)``.
            vectors: ``(E, 3)``.
            edges: ``(2, E)``.
        """
        with torch.autocast("cpu", enabled=False):
            program = self._program_of(network, readout, reach)
            return energies_and_slopes(program, self._tables_of(elements, edges), vectors.detach())[:2]

    def differentiable(
        self,
        network: ProductNetwork,
        readout: Tensor,
        reach: Tensor,
        elements: Tensor,
        vectors: Tensor,
        edges: Tensor,
        reference: Reference,
        weights: Sequence[Tensor],
    ) -> tuple[Tensor, Tensor]:
        """The same, differentiable in the weights; further arguments as for the operation."""

        def make() -> Program:
            return _program(network, self._plans_of(network, readout), readout, reach)

        tables = self._tables_of(elements, edges)
        return differentiable_energies_and_slopes(make, tables, vectors.detach(), reference, weights)

    def _program_of(self, network: ProductNetwork, readout: Tensor, reach: Tensor) -> Program:
        weights = torch.cat([weight.detach().flatten() for weight in (*_weights(network), readout, reach)])
        known = self._program
        if known is None or known[0].dtype != weights.dtype or known[0].device != weights.device:
            known = None
        if known is None or not torch.equal(known[0], weights):
            known = self._program = (
                weights,
                _program(network, self._plans_of(network, readout), readout.detach().clone(), reach),
            )
        return known[1]

    def _plans_of(self, network: ProductNetwork, readout: Tensor) -> tuple[LayerPlan, ...]:
        dtype, device = readout.dtype, readout.device
        if self._plans is None or self._plans[:2] != (dtype, device):
            layers = [cast("ProductInteraction", layer) for layer in network.interactions]
            self._plans = dtype, device, tuple(layer_plan(layer, dtype, device) for layer in layers)
        return self._plans[2]

    def _tables_of(self, elements: Tensor, edges: Tensor) -> Tables:
        known = self._tables
        same_device = known is not None and known[1].device == edges.device
        if known is not None and same_device and torch.equal(known[1], edges) and torch.equal(known[0], elements):
            return known[2]
        tables = make_tables(elements, edges)
        self._tables = elements.clone(), edges.clone(), tables
        return tables


def _weights(network: ProductNetwork) -> list[Tensor]:
    """All weights of a network."""
    radial = cast("nn.Linear", network.radial.layers[0])
    found = [radial.weight, radial.bias, network.radial.scale, network.hidden.weight, network.hidden.bias]
    for module in network.interactions:
        layer = cast("ProductInteraction", module)
        sums: Any = layer.sums
        found += [sums.weights, layer.mixing, *layer.contraction.weights]
        found += [sums.embedding] if hasattr(sums, "embedding") else [*sums.mixing]
        if layer.skip is not None:
            found.append(layer.skip.weights)
    return found


def _program(network: ProductNetwork, plans: tuple[LayerPlan, ...], readout: Tensor, reach: Tensor) -> Program:
    layers = [cast("ProductInteraction", layer) for layer in network.interactions]
    radial = radial_matrix(network).split(network.radial_functions, 1)
    constants = tuple(map(layer_constants, layers, plans, radial))
    channels, hidden = network.hidden.in_features, network.hidden.out_features
    linear, outer, bound = readout.split([len(plans) * channels, hidden, len(reach)])
    weight, bias = network.hidden.weight.clone(), network.hidden.bias.clone()
    embedding = cast("Any", layers[0].sums).embedding.clone()
    weights = Readout(linear.view(-1, channels), weight, bias, outer, bound, reach)
    return Program(plans, constants, embedding, weights, network.basis)
