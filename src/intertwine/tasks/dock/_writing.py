"""Files of docking: complexes as PDB, tables of scores as CSV and JSON."""

from __future__ import annotations

import csv
import json
import string
from pathlib import Path
from typing import Any

import numpy as np

from intertwine._errors import UsageError
from intertwine.tasks.dock._dock import DockingResult
from intertwine.tasks.dock._structure import Structure

CHAIN_NAMES = string.ascii_uppercase + string.ascii_lowercase + string.digits
_COLUMNS = ("model", "score", "clashes", "contacts")


def complex_pdb(ligand: Structure, receptor: Structure) -> str:
    """Receptor and ligand as one PDB text; chains are renamed where names repeat or are longer than a letter.

    Args:
        ligand: In its place beside the receptor.
        receptor: The other protein.

    Raises:
        UsageError: If a coordinate or a residue number does not fit the format.
    """
    names = chain_names(ligand, receptor)
    lines = []
    for side, structure in (("receptor", receptor), ("ligand", ligand)):
        if np.abs(structure.coordinates).max() >= 9999:
            raise UsageError(
                f"{structure.name}: coordinates beyond 9,999 angstrom do not fit a PDB file: move it nearer"
            )
        lines.append(f"REMARK   1 {side.upper()} CHAINS {' '.join(dict.fromkeys(names[side].values()))}")
    serial = 0
    for side, structure in (("receptor", receptor), ("ligand", ligand)):
        chain = ""
        for atom, (x, y, z) in enumerate(structure.coordinates.tolist()):
            residue = int(structure.residue_of_atom[atom])
            if chain not in ("", structure.chains[residue]):
                lines.append("TER")
            chain = str(structure.chains[residue])
            serial += 1
            lines.append(_record(structure, atom, residue, names[side][chain], serial, x, y, z))
        lines.append("TER")
    return "\n".join([*lines, "END", ""])


def chain_names(ligand: Structure, receptor: Structure) -> dict[str, dict[str, str]]:
    """New names of the chains of both proteins, of one letter each and all different while letters last.

    Args:
        ligand: A protein.
        receptor: Another, whose names are kept where they can be.
    """
    taken: set[str] = set()
    names: dict[str, dict[str, str]] = {}
    for side, structure in (("receptor", receptor), ("ligand", ligand)):
        names[side] = {}
        for chain in dict.fromkeys(structure.chains.tolist()):
            free = [name for name in CHAIN_NAMES if name not in taken]
            kept = len(chain) == 1 and chain.strip() and chain not in taken
            names[side][chain] = chain if kept else (free or list(CHAIN_NAMES))[0]
            taken.add(names[side][chain])
    return names


def write_scores_csv(path: Path, result: DockingResult) -> None:
    """Write a table: model, score, clashes, contacts.

    Args:
        path: The file.
        result: Of docking.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(_COLUMNS)
        for rank, model in enumerate(result.models, 1):
            score = None if model.score is None else f"{model.score:.4f}"
            rows.writerow([rank, score, model.clashes, len(model.contacts)])


def write_scores_json(path: Path, result: DockingResult) -> None:
    """Write the scores with the motions of the ligand.

    Args:
        path: The file.
        result: Of docking.
    """
    models: list[dict[str, Any]] = [
        {
            "model": rank,
            "score": None if model.score is None else round(model.score, 6),
            "clashes": model.clashes,
            "contacts": len(model.contacts),
            "rotation": model.rotation.tolist(),
            "translation": model.translation.tolist(),
        }
        for rank, model in enumerate(result.models, 1)
    ]
    content = {"ligand": result.ligand.name, "receptor": result.receptor.name, "models": models}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _record(
    structure: Structure, atom: int, residue: int, chain: str, serial: int, x: float, y: float, z: float
) -> str:
    name, number = str(structure.atom_names[atom]), int(structure.numbers[residue])
    if not -999 <= number <= 9999:
        raise UsageError(f"{structure.name}: residue number {number} does not fit a PDB file")
    padded = name if len(name) >= 4 else " " + name
    code = str(structure.insertion_codes[residue]) or " "
    place = f"{structure.residue_names[residue]:>3.3s} {chain}{number:4d}{code:.1s}"
    return (
        f"ATOM  {serial % 100000:5d} {padded:<4.4s} {place}   "
        f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {name[0]:>2s}"
    )
