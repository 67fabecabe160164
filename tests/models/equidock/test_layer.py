"""A layer of EquiDock beside its formula, written out edge by edge."""

import torch

from intertwine.models.equidock import IEGMNLayer, ResidueGraph
from intertwine.models.equidock._residue_graph import DISTANCE_SCALES, EDGE_FEATURES

DOUBLE = {"dtype": torch.float64}


def protein(residues: int, edges: list[tuple[int, int]], g: torch.Generator) -> ResidueGraph:
    positions = 3 * torch.randn(residues, 3, generator=g, **DOUBLE)
    features = torch.rand(len(edges), EDGE_FEATURES, generator=g, **DOUBLE)
    types, surface = torch.zeros(residues, dtype=torch.long), torch.zeros(residues, 5, **DOUBLE)
    return ResidueGraph(positions, types, surface, torch.tensor(edges).T.reshape(2, -1), features)


def by_hand(layer: IEGMNLayer, graph: ResidueGraph, h, other, x, initial):
    """Features and positions; residues without neighbors have no message."""
    messages, shifts = torch.zeros(len(h), layer.hidden, **DOUBLE), torch.zeros(len(h), 3, **DOUBLE)
    for i in range(len(h)):
        found = []
        for e, (source, target) in enumerate(graph.edges.T.tolist()):
            if target == i:
                offset = x[i] - x[source]
                radial = torch.exp(-offset.square().sum() / torch.tensor(DISTANCE_SCALES, **DOUBLE))
                message = layer.edge(torch.cat([h[i], h[source], radial, graph.edge_features[e]]))
                found.append((message, offset * layer.position(message)))
        if found:
            messages[i] = torch.stack([message for message, _ in found]).mean(0)
            shifts[i] = torch.stack([shift for _, shift in found]).mean(0)
    attention = torch.softmax(layer.query(h) @ layer.key(other).mT, dim=1) @ layer.value(other)
    updated = layer.node(torch.cat([h, messages, attention, initial], dim=1))
    if layer.hidden_in == layer.hidden:
        updated = (1 - layer.skip) * h + layer.skip * updated
    return updated, layer.anchor * graph.positions + (1 - layer.anchor) * x + shifts


def test_layer_is_its_formula_with_residues_that_have_no_neighbor():
    g = torch.Generator().manual_seed(0)
    torch.manual_seed(1)
    graphs = protein(4, [(1, 0), (2, 0), (0, 1), (1, 2)], g), protein(3, [(0, 2)], g)
    for size_in in (6, 8):
        layer = IEGMNLayer(size_in, 8, 5, anchor=0.2).double()
        features = tuple(torch.randn(n, size_in, generator=g, **DOUBLE) for n in (4, 3))
        initial = tuple(torch.randn(n, 5, generator=g, **DOUBLE) for n in (4, 3))
        positions = tuple(graph.positions + 1 for graph in graphs)
        h, x = layer(graphs, features, positions, initial)
        for k in range(2):
            expected = by_hand(layer, graphs[k], features[k], features[1 - k], positions[k], initial[k])
            assert torch.allclose(h[k], expected[0], atol=1e-12, rtol=0)
            assert torch.allclose(x[k], expected[1], atol=1e-12, rtol=0)
