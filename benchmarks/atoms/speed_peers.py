"""Process of its own: energy and forces of structures by MACE or NequIP with new weights, timed on request.

    python speed_peers.py mace|nequip eager|compiled evaluate|train FRAMES.xyz THREADS

Prints a line of JSON with the number of parameters and the seconds until the first result, and then, for every line
that comes in, computes once and prints the seconds and the peak memory of the process in megabytes. It needs the
environment of the peer and nothing of this library. `evaluate` gives energy and forces; `train` also the gradient of
the squared forces and energies in the weights.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from ase.io import read

CUTOFF, CHANNELS, LMAX, LAYERS = 5.0, 64, 3, 2
Result = Callable[[], tuple[torch.Tensor, torch.Tensor]]


def mace(frames: list[Any], compiled: bool, train: bool) -> tuple[torch.nn.Module, Result]:
    """MACE with 64x0e+64x1o, harmonics to degree 3, correlation 3, two layers."""
    from mace import data, modules, tools  # isort: skip  it lets torch read what e3nn has stored
    from e3nn import o3
    from mace.tools.compile import prepare
    from mace.tools.torch_geometric.dataloader import DataLoader

    numbers = sorted({int(number) for frame in frames for number in frame.numbers})
    table = tools.AtomicNumberTable(numbers)
    batch = next(
        iter(
            DataLoader(
                [
                    data.AtomicData.from_config(data.config_from_atoms(frame), z_table=table, cutoff=CUTOFF)
                    for frame in frames
                ],
                batch_size=len(frames),
                shuffle=False,
            )
        )
    ).to_dict()
    average = float(batch["edge_index"].shape[1] / batch["positions"].shape[0])

    def make() -> torch.nn.Module:
        return modules.ScaleShiftMACE(
            r_max=CUTOFF,
            num_bessel=8,
            num_polynomial_cutoff=5,
            max_ell=LMAX,
            interaction_cls=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
            interaction_cls_first=modules.interaction_classes["RealAgnosticInteractionBlock"],
            num_interactions=LAYERS,
            num_elements=len(numbers),
            hidden_irreps=o3.Irreps(f"{CHANNELS}x0e + {CHANNELS}x1o"),
            MLP_irreps=o3.Irreps("16x0e"),
            atomic_energies=np.zeros(len(numbers)),
            avg_num_neighbors=average,
            atomic_numbers=numbers,
            correlation=3,
            gate=torch.nn.functional.silu,
            atomic_inter_scale=1.0,
            atomic_inter_shift=0.0,
        )

    model = prepare(make)() if compiled else make()
    run: Any = torch.compile(model, fullgraph=False) if compiled else model
    for name in ("positions", "node_attrs") if compiled else ():  # as its calculator does before a compiled model
        batch[name].requires_grad_()

    def result() -> tuple[torch.Tensor, torch.Tensor]:
        out = run(dict(batch), training=train or compiled, compute_force=True)
        return out["energy"], out["forces"]

    return model, result


def nequip(frames: list[Any], compiled: bool, train: bool) -> tuple[torch.nn.Module, Result]:
    """NequIP with 64 channels to degree 2 of both parities, two layers."""
    from nequip.data import AtomicDataDict, from_ase
    from nequip.data.transforms import ChemicalSpeciesToAtomTypeMapper, NeighborListTransform
    from nequip.model import NequIPGNNModel
    from nequip.utils.global_state import set_global_state

    set_global_state()
    symbols = sorted({symbol for frame in frames for symbol in frame.symbols})
    mapper, neighbors = ChemicalSpeciesToAtomTypeMapper(symbols), NeighborListTransform(r_max=CUTOFF)
    batch = AtomicDataDict.batched_from_list([neighbors(mapper(from_ase(frame))) for frame in frames])
    batch = {k: v.float() if torch.is_tensor(v) and v.dtype == torch.float64 else v for k, v in batch.items()}
    average = float(batch["edge_index"].shape[1] / batch["pos"].shape[0])
    model = NequIPGNNModel(
        seed=0,
        model_dtype="float32",
        type_names=symbols,
        r_max=CUTOFF,
        num_layers=LAYERS,
        l_max=2,
        parity=True,
        num_features=CHANNELS,
        radial_mlp_depth=2,
        radial_mlp_width=64,
        avg_num_neighbors=average,
        per_type_energy_scales=1.0,
        per_type_energy_shifts=dict.fromkeys(symbols, 0.0),
        do_derivatives=True,
        compile_mode="compile" if compiled else "eager",
    )
    model.train(train)

    def result() -> tuple[torch.Tensor, torch.Tensor]:
        out = model(dict(batch))
        return out["total_energy"], out["forces"]

    return model, result


def main() -> None:
    """Serve one model and one set of frames."""
    name, mode, task, path, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    frames: Any = read(path, ":")
    begun = time.perf_counter()
    model, result = {"mace": mace, "nequip": nequip}[name](frames, mode == "compiled", task == "train")

    def step() -> None:
        energy, forces = result()
        if task == "train":
            model.zero_grad()
            (energy.square().sum() + forces.square().sum()).backward()

    step()
    step()
    weights = sum(weight.numel() for weight in model.parameters())
    print("READY" + json.dumps({"parameters": weights, "seconds": time.perf_counter() - begun}), flush=True)
    for _ in sys.stdin:
        begun = time.perf_counter()
        step()
        seconds = time.perf_counter() - begun
        with open("/proc/self/status") as status:
            peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
        print("STEP" + json.dumps({"seconds": seconds, "peak": peak}), flush=True)


if __name__ == "__main__":
    main()
