"""How long it takes to make a network, beside e3nn, which writes and compiles code for each product."""

from __future__ import annotations

import torch
from e3nn import nn as e3nn
from e3nn import o3
from measure import paired, table

from intertwine.models import PointEncoder

HIDDEN = "32x0e + 16x1o + 8x2e"


def ours() -> torch.nn.Module:
    return PointEncoder("16x0e", "1x0e", hidden=HIDDEN, layers=4, lmax=2, radial_basis=8, radial_hidden=(64,))


def theirs() -> torch.nn.Module:
    """The tensor products, linear maps and gates of the same network."""
    harmonics, inner = o3.Irreps.spherical_harmonics(2), o3.Irreps(HIDDEN)
    scalars, rest = inner[:1], inner[1:]
    gates = o3.Irreps([(rest.num_irreps, "0e")])
    layers = []
    for _ in range(4):
        gate = e3nn.Gate(scalars, [torch.nn.functional.silu], gates, [torch.sigmoid], rest)
        product = o3.FullyConnectedTensorProduct(inner, harmonics, gate.irreps_in, shared_weights=False)
        layers += [product, o3.Linear(inner, gate.irreps_in), gate, o3.Linear(inner, inner)]
    return torch.nn.ModuleList([o3.Linear("16x0e", inner), *layers, o3.Linear(inner, "1x0e")])


def building() -> str:
    time = paired(ours, theirs, repeats=5)
    line = f"| {HIDDEN}, four layers | {1e3 * time.ours:.0f} ms | {1e3 * time.peer:.0f} ms | {time.ratio:.0f}x |"
    print(line, flush=True)
    return f"""## Building an encoder

{table("network|ours|e3nn|time", [line])}"""
