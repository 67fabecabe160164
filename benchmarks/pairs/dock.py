"""Docking Benchmark 5.5, 25 test complexes: `intertwine.tasks.dock` beside the peers' predictions, one code for all.

    python benchmarks/pairs/dock.py DB55                      # every complex that is missing, then the tables
    python benchmarks/pairs/dock.py DB55 --peers              # the peers alone
    python benchmarks/pairs/dock.py DB55 --codes 1AVX 2SNI    # these complexes
    python benchmarks/pairs/dock.py DB55 --kind u             # unbound structures
    python benchmarks/pairs/dock.py DB55 --write FOLDER       # bound structures and split as files, for `fit dock`
    python benchmarks/pairs/dock.py DB55 --peers --checkpoint RUN   # and the network of a run of `fit dock`

DB55 is a folder with db55.npz (all heavy atoms of bound and unbound structures), match.npz (residues of both),
peers.npz (ligands the peers predicted) and splits/*.txt. Both proteins are turned at random before docking. A
prediction is kept in build/dock/ and not made again. Peers had bound structures; so has the row "bound". Their side
chains fit each other, which tells the answer in part.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from db55 import DB55, random_motion

from intertwine.tasks import load
from intertwine.tasks.dock import (
    DockingOptions,
    DockingPotential,
    Structure,
    count_clashes,
    dock,
    measure_alpha_carbons,
    measure_docking,
)
from intertwine.tasks.dock.equidock import Complex

BUILD = Path(__file__).parents[2] / "build" / "dock"
HOMOLOGOUS = frozenset(["1VFB", "1MLC", "1JPS", "2AYO", "6B0S", "5HGG", "4POU", "5C7X", "1H1V"])
"""Test complexes of which a chain shares over half of its words of five residues with a training chain."""
PEERS = ("hdock", "cluspro", "attract", "equidock", "equidock_no_clashes", "patchdock")
COLUMNS = (
    "method", "complex RMSD median", "interface RMSD median", "< 2 A, %", "< 5 A, %", "interface < 4 A, %",
    "DockQ >= 0.23, %", "no clashes, %", "clashing pairs, mean", "< 2 A and no clashes, %",
    "in the first ten < 2 A, %", "seconds median", "seconds largest",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--codes", nargs="*")
    parser.add_argument("--split", default="test", choices=("train", "val", "test"))
    parser.add_argument("--kind", default="b", choices=("b", "u"))
    parser.add_argument("--potential", type=Path)
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write files for `intertwine fit dock`, and stop")
    parser.add_argument("--checkpoint", help="a run of intertwine fit dock, also measured")
    parser.add_argument("--level", type=int, default=DockingOptions.level)
    parser.add_argument("--refined", type=int, default=DockingOptions.refined)
    parser.add_argument("--name", default="", help="keep the predictions apart from others")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no complex after so many")
    options = parser.parse_args()
    data = DB55(options.folder)
    if options.write is not None:
        data.write(options.write)
        return
    codes = options.codes or data.split(options.split)
    rows = {}
    if options.split == "test":
        rows |= {name: [peer_row(data, name, code) for code in codes] for name in PEERS}
    if options.checkpoint is not None:
        rows |= network_rows(data, codes, options.checkpoint)
    if not options.peers:
        found = predictions(data, codes, options)
        rows[f"intertwine, {'bound' if options.kind == 'b' else 'unbound'}"] = found
    for title, chosen in (("All", lambda code: True), ("Without homologs in training", lambda c: c not in HOMOLOGOUS)):
        kept = {name: [row for row in found if chosen(row["code"])] for name, found in rows.items()}
        print(f"\n{title}: {max(map(len, kept.values()))} complexes\n\n{table(kept)}")
        if options.split != "test":
            break


def predictions(data: DB55, codes: list[str], options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measures of our complexes, read where they are kept and made where not."""
    begin, rows = time.perf_counter(), []
    for code in codes:
        kept = BUILD / (options.name or "default") / f"{code}_{options.kind}.json"
        if not kept.exists():
            if time.perf_counter() - begin > options.seconds:
                continue
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(predict(data, code, options)))
            row = json.loads(kept.read_text())
            print(f"{code} complex RMSD {row['complex']:6.2f} best of ten {row['best']:6.2f} "
                  f"clashes {row['clashes']} {row['seconds']:.0f} s", flush=True)  # fmt: skip
        rows.append(json.loads(kept.read_text()))
    return rows


def predict(data: DB55, code: str, options: argparse.Namespace) -> dict[str, Any]:
    """Docks structures turned at random and measures the models."""
    ligand, receptor = (data.structure(f"{code}_{side}_{options.kind}") for side in "lr")
    g1, g2 = random_motion(code + "l"), random_motion(code + "r")
    potential = None if options.potential is None else DockingPotential.load(options.potential)
    settings = DockingOptions(level=options.level, refined=options.refined)
    result = dock(ligand.moved(*g1), receptor.moved(*g2), settings, potential)
    measured = [
        measures(data, code, options.kind, result.ligand.moved(m.rotation, m.translation), result.receptor)
        for m in result.models
    ]
    best = min(row["complex"] for row in measured)
    return {"code": code, "seconds": result.seconds, "best": best} | measured[0]


def network_rows(data: DB55, codes: list[str], checkpoint: str) -> dict[str, list[dict[str, Any]]]:
    """Measures of a trained network on bound structures turned at random, alone and without clashes."""
    predictor = load(checkpoint)
    rows: dict[str, list[dict[str, Any]]] = {}
    for number, code in enumerate(codes, 1):
        sides = (data.structure(f"{code}_{side}_b") for side in "lr")
        found = predictor.measured(Complex(code, *sides), number, predictor.protocols)
        for kind, measured in found.items():
            row = {"code": code, "complex": measured.complex_rmsd, "interface": measured.interface_rmsd,
                   "dockq": measured.dockq, "clashes": measured.clashes, "seconds": measured.seconds}  # fmt: skip
            rows.setdefault(f"fit dock, {kind}", []).append(row)
    return rows


def measures(data: DB55, code: str, kind: str, ligand: Structure, receptor: Structure) -> dict[str, float]:
    """Measures of one model against the bound complex."""
    clashes = count_clashes(ligand.alpha_carbon_coordinates, receptor.alpha_carbon_coordinates)
    truth = data.structure(f"{code}_l_b"), data.structure(f"{code}_r_b")
    if kind == "u":
        (ligand, ligand_truth), (receptor, receptor_truth) = (
            data.shared_atoms(f"{code}_{side}", s) for side, s in (("l", ligand), ("r", receptor))
        )
        truth = ligand_truth, receptor_truth
    found = measure_docking(ligand, receptor, *truth)
    return {"complex": found.complex_rmsd, "interface": found.interface_rmsd, "dockq": found.dockq, "clashes": clashes}


def peer_row(data: DB55, name: str, code: str) -> dict[str, Any]:
    """Measures of a peer's ligand, alpha carbons only; the receptor where the bound one is."""
    ligand, receptor = (data.structure(f"{code}_{side}_b").alpha_carbon_coordinates for side in "lr")
    predicted = data.peer(name, code)
    whole, interface, _ = measure_alpha_carbons(predicted, receptor, ligand, receptor)
    clashes = count_clashes(predicted, receptor)
    return {"code": code, "complex": whole, "interface": interface, "dockq": float("nan"), "clashes": clashes}


def table(rows: dict[str, list[dict[str, Any]]]) -> str:
    """The rows as Markdown."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    for name, found in rows.items():
        if found:
            lines.append("| " + " | ".join([name, *cells(found)]) + " |")
    return "\n".join(lines)


def cells(rows: list[dict[str, Any]]) -> list[str]:
    """The figures of one method."""
    column = {key: np.array([row.get(key, np.nan) for row in rows], float) for key in
              ("complex", "interface", "dockq", "clashes", "best", "seconds")}  # fmt: skip
    near, free = column["complex"] < 2, column["clashes"] == 0

    def percent(flags: np.ndarray, values: np.ndarray) -> str:
        return "" if np.isnan(values).all() else f"{100 * np.mean(flags):.0f}"

    seconds = column["seconds"]
    return [
        f"{np.median(column['complex']):.2f}",
        f"{np.nanmedian(column['interface']):.2f}",
        percent(near, column["complex"]),
        percent(column["complex"] < 5, column["complex"]),
        percent(column["interface"] < 4, column["interface"]),
        percent(column["dockq"] >= 0.23, column["dockq"]),
        percent(free, column["clashes"]),
        f"{np.mean(column['clashes']):.1f}",
        percent(near & free, column["complex"]),
        percent(column["best"] < 2, column["best"]),
        *(["", ""] if np.isnan(seconds).all() else [f"{np.median(seconds):.0f}", f"{seconds.max():.0f}"]),
    ]


if __name__ == "__main__":
    main()
