"""Reading of protein structures from PDB and mmCIF files, with gemmi."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from intertwine._errors import UsageError
from intertwine.tasks.dock._structure import Array, Structure

if TYPE_CHECKING:
    import gemmi

STANDARD_RESIDUES = frozenset(
    [
        "ALA",
        "ARG",
        "ASN",
        "ASP",
        "CYS",
        "GLN",
        "GLU",
        "GLY",
        "HIS",
        "ILE",
        "LEU",
        "LYS",
        "MET",
        "PHE",
        "PRO",
        "SER",
        "THR",
        "TRP",
        "TYR",
        "VAL",
    ]
)
RENAMED = {"MSE": "MET", "SEC": "CYS", "HSD": "HIS", "HSE": "HIS", "HSP": "HIS", "HID": "HIS", "HIE": "HIS"}
RENAMED |= {"HIP": "HIS", "CYX": "CYS", "CYM": "CYS", "ASH": "ASP", "GLH": "GLU", "LYN": "LYS"}
RENAMED_ATOMS = {("MSE", "SE"): "SD", ("SEC", "SE"): "SG"}
SUFFIXES = (".pdb", ".ent", ".cif", ".mmcif", ".pdb.gz", ".ent.gz", ".cif.gz")
BOND = 1.46
"""Length of the bond from N to CA, in angstrom."""
TRACE = 3.8
"""Distance of consecutive CA, in angstrom."""


WIDEST = 2000
"""Largest extent along an axis, in angstrom: no protein complex is wider."""


class ReadStructure(NamedTuple):
    """A structure, and what was done to the file's contents, a line each."""

    structure: Structure
    remarks: tuple[str, ...]


def read_structure(path: str | os.PathLike[str]) -> ReadStructure:
    """The protein of the first model of a file.

    Hydrogens, waters, ligands, nucleic acids and atoms that are no part of a standard residue are left out; of
    alternate locations the one of highest occupancy stays. Coordinates in nanometers (or off by 1,000) are scaled to
    angstrom.

    Args:
        path: A PDB or mmCIF file, also compressed by gzip.

    Raises:
        UsageError: The file is missing, cannot be read, or has no protein.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"{path} is not a file; expected a PDB or mmCIF file")
    if not path.name.lower().endswith(SUFFIXES):
        raise UsageError(f"{path}: expected a file ending with one of {', '.join(SUFFIXES)}")
    model, remarks = _first_model(path)
    try:
        rows, dropped = _atoms(model)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} cannot be read: a name in it is no text ({error.reason})") from error
    if not rows.coordinates:
        raise UsageError(f"{path} has no atom of a protein: expected residues with the standard three-letter names")
    coordinates = np.array(rows.coordinates, dtype=np.float64)
    finite = np.isfinite(coordinates).all(1)
    if not finite.all():
        count = int((~finite).sum())
        atoms = "1 atom has" if count == 1 else f"{count:,} atoms have"
        raise UsageError(f"{path}: {atoms} coordinates that are not finite numbers")
    remarks += [f"{count:,} {what} left out" for what, count in dropped.items() if count]
    structure = _structure(path, rows, coordinates)
    scaled, remark = _in_angstrom(structure)
    if (extent := float(np.ptp(scaled.coordinates, axis=0).max())) > WIDEST:
        raise UsageError(f"{path} is {extent:,.0f} angstrom wide; expected a protein of at most {WIDEST:,} angstrom")
    remarks += [remark] if remark else []
    remarks += _incomplete(scaled)
    return ReadStructure(scaled, tuple(remarks))


class _Rows:
    """Columns of atoms and of residues while a file is read."""

    def __init__(self) -> None:
        self.coordinates: list[tuple[float, float, float]] = []
        self.names: list[str] = []
        self.residue: list[int] = []
        self.residues: list[tuple[str, str, int, str]] = []
        """Name, chain, number, insertion code."""


def _first_model(path: Path) -> tuple[gemmi.Model, list[str]]:
    try:
        import gemmi
    except ImportError as error:
        raise UsageError('reading structures needs gemmi: pip install "intertwine[proteins]"') from error
    try:
        document = gemmi.read_structure(str(path))
    except (RuntimeError, ValueError, OSError, UnicodeDecodeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "unknown format"
        raise UsageError(f"{path} cannot be read: {reason}") from error
    if not len(document):
        raise UsageError(f"{path} has no model: expected ATOM records")
    remarks = [] if len(document) == 1 else [f"first of {len(document):,} models"]
    return document[0], remarks


def _atoms(model: gemmi.Model) -> tuple[_Rows, dict[str, int]]:
    rows, dropped = _Rows(), {"alternate locations": 0, "residues that are no amino acids": 0}
    for chain in model:
        for residue in chain:
            name = RENAMED.get(residue.name, residue.name)
            if name not in STANDARD_RESIDUES:
                dropped["residues that are no amino acids"] += not residue.is_water()
                continue
            place = (chain.name, residue.seqid.num or 0, residue.seqid.icode.strip())
            if rows.residues and rows.residues[-1][1:] == place:
                dropped["alternate locations"] += 1
                continue
            best: dict[str, gemmi.Atom] = {}
            for atom in residue:
                if atom.is_hydrogen():
                    continue
                key = RENAMED_ATOMS.get((residue.name, atom.name), atom.name)
                dropped["alternate locations"] += key in best
                if key not in best or atom.occ > best[key].occ:
                    best[key] = atom
            if not best:
                continue
            for key, atom in best.items():
                rows.coordinates.append((atom.pos.x, atom.pos.y, atom.pos.z))
                rows.names.append(key)
                rows.residue.append(len(rows.residues))
            rows.residues.append((name, *place))
    return rows, dropped


def _structure(path: Path, rows: _Rows, coordinates: Array) -> Structure:
    names, chains, numbers, codes = zip(*rows.residues, strict=True)
    return Structure(
        str(path),
        coordinates,
        np.array(rows.names),
        np.array(rows.residue, dtype=np.int64),
        np.array(names),
        np.array(chains),
        np.array(numbers, dtype=np.int64),
        np.array(codes),
    )


def _in_angstrom(structure: Structure) -> tuple[Structure, str]:
    """The structure with bonds of a plausible length, and a remark if it was scaled."""
    found, expected = _bond_length(structure)
    if found is None or 0.7 < found / expected < 1.4:
        return structure, ""
    for factor, unit in ((10.0, "nanometers"), (1e-3, "units of 0.001 angstrom"), (0.1, "tenths of an angstrom")):
        if 0.7 < found * factor / expected < 1.4:
            remark = f"coordinates look like {unit}: multiplied by {factor:g}"
            return structure.moved(factor * np.eye(3), np.zeros(3)), remark
    if 0.7 < found * 1e3 / expected < 1.4:
        return structure.moved(
            1e3 * np.eye(3), np.zeros(3)
        ), "coordinates are 1,000 times too small: multiplied by 1000"
    what = "consecutive CA are" if expected == TRACE else "N and CA of a residue are"
    raise UsageError(
        f"{structure.name}: {what} {found:.3g} apart (median), expected {expected} angstrom: check the unit of the file"
    )


def _bond_length(structure: Structure) -> tuple[float | None, float]:
    """The median length of bonds from N to CA and what it should be; without N atoms that of steps from CA to CA."""
    nitrogens = np.flatnonzero(structure.atom_names == "N")
    carbons = structure.alpha_carbons
    residues = structure.residue_of_atom
    shared, first, second = np.intersect1d(residues[nitrogens], residues[carbons], return_indices=True)
    xyz = structure.coordinates
    if len(shared):
        return float(np.median(np.linalg.norm(xyz[nitrogens[first]] - xyz[carbons[second]], axis=1))), BOND
    if len(carbons) < 2:
        return None, TRACE
    return float(np.median(np.linalg.norm(np.diff(xyz[carbons], axis=0), axis=1))), TRACE


def _incomplete(structure: Structure) -> list[str]:
    remarks = []
    missing = structure.residues - len(structure.alpha_carbons)
    if missing:
        remarks.append(f"{missing:,} residue{'s have' if missing > 1 else ' has'} no CA atom")
    if len(structure.atom_names) < 3 * structure.residues:
        remarks.append("most side chains are missing: scores rest on the atoms that are there")
    breaks = _chain_breaks(structure)
    if breaks:
        remarks.append(f"{breaks:,} gap{'s' * (breaks > 1)} in chains (residues missing)")
    return remarks


def _chain_breaks(structure: Structure) -> int:
    carbons = structure.alpha_carbons
    chains = structure.chains[structure.residue_of_atom[carbons]]
    steps = np.linalg.norm(np.diff(structure.coordinates[carbons], axis=0), axis=1)
    return int(((steps > 4.5) & (chains[1:] == chains[:-1])).sum())
