"""Small molecules whose properties are functions of their positions, so that laws can be checked without a file."""

from __future__ import annotations

import pytest
import torch

from intertwine.data import molecules
from intertwine.tasks.properties._matrices import to_irreps

CHARGE = {1: 0.3, 6: 0.1, 8: -0.6, 14: 1.0}


def dipoles(numbers, positions, batch, structures):
    """sum_i q_i (x_i - centroid), a vector."""
    charges = torch.tensor([CHARGE[number] for number in numbers.tolist()], dtype=positions.dtype)[:, None]
    return per_structure(charges * centered(positions, batch, structures), batch, structures)


def quadrupoles(numbers, positions, batch, structures):
    """sum_i q_i^2 x_i x_i^T in nine numbers, a symmetric matrix."""
    charges = torch.tensor([CHARGE[number] for number in numbers.tolist()], dtype=positions.dtype)[:, None, None]
    x = centered(positions, batch, structures)
    outer = charges.square() * x[:, :, None] * x[:, None, :]
    return per_structure(outer.reshape(len(x), 9), batch, structures)


def per_structure(values, batch, structures):
    return values.new_zeros(structures, values.shape[1]).index_add_(0, batch, values)


def centered(positions, batch, structures):
    ones = positions.new_ones(len(positions), 1)
    mean = per_structure(positions, batch, structures) / per_structure(ones, batch, structures)
    return positions - mean[batch]


def make_structures(n=24, seed=0, elements=(1, 6, 8)):
    generator = torch.Generator().manual_seed(seed)
    counts = torch.randint(2, 6, (n,), generator=generator)
    atoms = int(counts.sum())
    numbers = torch.tensor(elements)[torch.randint(0, len(elements), (atoms,), generator=generator)]
    positions = 1.2 * torch.randn(atoms, 3, generator=generator, dtype=torch.float64)
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)])
    batch = torch.arange(n).repeat_interleave(counts)
    size = centered(positions, batch, n).norm(dim=1, keepdim=True)
    targets = {
        "energy": per_structure(size + numbers[:, None], batch, n),
        "dipole": dipoles(numbers, positions, batch, n),
        "quadrupole": to_irreps(quadrupoles(numbers, positions, batch, n)),
    }
    return molecules(numbers, positions, offsets, targets)


@pytest.fixture
def structures():
    return make_structures()


@pytest.fixture
def make():
    return make_structures


@pytest.fixture
def truth():
    return {"dipole": dipoles, "quadrupole": lambda *data: to_irreps(quadrupoles(*data))}


@pytest.fixture
def config():
    """The configuration of a tiny job on those structures."""

    def build(*targets, layer="steerable", augment=False, pools=None, elements=(1, 6, 8)):
        from intertwine.tasks.properties import parse_target

        parsed = [parse_target(text) for text in targets]
        pools = pools or ["sum"] * len(parsed)
        return {
            "data": {"given": "made", "source": "made", "structures": 24},
            "targets": [target.to_json() | {"pool": pool} for target, pool in zip(parsed, pools, strict=True)],
            "elements": list(elements),
            "encoder": {
                "rep_in": "4x0e",
                "layer": layer,
                "hidden": "4x0e + 2x1o + 2x2e",
                "layers": 1,
                "lmax": 2,
                "cutoff": 4.0,
                "avg_num_neighbors": 3.0,
                "width": 8,
            },
            "augment": augment,
            "seed": 0,
        }

    return build


@pytest.fixture
def split():
    from intertwine.data import make_split

    return make_split(24, 16, 4, 4, seed=0).to_json()


@pytest.fixture
def loud():
    """An untrained model says next to nothing; make its outputs as large as the targets."""

    def amplify(model):
        with torch.no_grad():
            for parameter in model.network.encoder.readout[-1].parameters():
                parameter.mul_(30)
        return model

    return amplify
