"""Reader of Docking Benchmark 5.5 as packed arrays: structures, peers' predictions, residues of bound and unbound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from intertwine.tasks.dock import Structure


class DB55:
    """Structures by names such as 1AVX_l_b: code, l(igand) or r(eceptor), b(ound) or u(nbound)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.arrays = dict(np.load(folder / "db55.npz"))
        self.index = {str(name): k for k, name in enumerate(self.arrays["name"])}
        self.peers = dict(np.load(folder / "peers.npz"))
        match = dict(np.load(folder / "match.npz"))
        self.pairs = {
            str(key): match["pair"][match["ptr"][k] : match["ptr"][k + 1]] for k, key in enumerate(match["key"])
        }

    def split(self, name: str) -> list[str]:
        """The codes of a split: train, val or test."""
        return (self.folder / "splits" / f"{name}.txt").read_text().split()

    def atoms(self, name: str) -> int:
        """How many atoms a structure has."""
        k = self.index[name]
        return int(self.arrays["atom_ptr"][k + 1] - self.arrays["atom_ptr"][k])

    def structure(self, name: str) -> Structure:
        """One protein."""
        d, k = self.arrays, self.index[name]
        a0, a1 = d["atom_ptr"][k : k + 2]
        r0, r1 = d["res_ptr"][k : k + 2]
        return Structure(
            name,
            np.cumsum(d["dxyz"][a0:a1].astype(np.int64), 0) / 1000.0,
            d["atom_table"][d["atom"][a0:a1]].astype(str),
            np.repeat(np.arange(r1 - r0), d["res_natom"][r0:r1]),
            d["res_table"][d["resname"][r0:r1]].astype(str),
            np.char.decode(d["chain"][r0:r1]) if d["chain"].dtype.kind == "S" else d["chain"][r0:r1].astype(str),
            d["resseq"][r0:r1].astype(np.int64),
            np.char.decode(d["icode"][r0:r1]) if d["icode"].dtype.kind == "S" else d["icode"][r0:r1].astype(str),
        )

    def peer(self, method: str, code: str) -> np.ndarray:
        """The ligand's alpha carbons that a peer predicted, beside the bound receptor."""
        return self.peers[f"{method}/{code}"].astype(float)

    def write(self, folder: Path) -> None:
        """Write the bound structures as PDB files, NAME_l_b.pdb and NAME_r_b.pdb, and the lists of the split.

        Chains with names of several letters get one letter; residue numbers begin at 1, as a number may not fit.
        """
        (folder / "splits").mkdir(parents=True, exist_ok=True)
        for part in ("train", "val", "test"):
            codes = self.split(part)
            (folder / "splits" / f"{part}.txt").write_text("\n".join(codes) + "\n")
            for name in (f"{code}_{side}_b" for code in codes for side in "lr"):
                (folder / f"{name}.pdb").write_text(structure_pdb(self.structure(name)))

    def shared_atoms(self, key: str, unbound: Structure) -> tuple[Structure, Structure]:
        """A placed unbound structure and the bound one: the atoms that matched residues share, in one order."""
        bound = self.structure(f"{key}_b")
        places = [
            {(r, a): k for k, (r, a) in enumerate(zip(s.residue_of_atom.tolist(), s.atom_names.tolist(), strict=True))}
            for s in (unbound, bound)
        ]
        partner = dict(self.pairs[key].tolist())
        both = [(k, places[0][partner[r], a]) for (r, a), k in places[1].items()
                if r in partner and (partner[r], a) in places[0]]  # fmt: skip
        rows = np.array(both)
        truth = replace(
            bound,
            coordinates=bound.coordinates[rows[:, 0]],
            atom_names=bound.atom_names[rows[:, 0]],
            residue_of_atom=bound.residue_of_atom[rows[:, 0]],
        )
        return replace(truth, coordinates=unbound.coordinates[rows[:, 1]]), truth


def structure_pdb(structure: Structure) -> str:
    """One protein as a PDB file."""
    lines = []
    for k, (x, y, z) in enumerate(structure.coordinates.tolist()):
        r, name = int(structure.residue_of_atom[k]), str(structure.atom_names[k])
        atom = name if len(name) >= 4 else f" {name}"
        lines.append(f"ATOM  {(k + 1) % 100000:5d} {atom:<4} {structure.residue_names[r]:>3} "
                     f"{str(structure.chains[r])[:1] or 'A'}{r % 9999 + 1:4d}    {x:8.3f}{y:8.3f}{z:8.3f}"
                     f"  1.00  0.00          {name[0]:>2}")  # fmt: skip
    return "\n".join([*lines, "END", ""])


def random_motion(key: str) -> tuple[np.ndarray, np.ndarray]:
    """A rotation of the Haar measure and a translation, drawn from a text as seed."""
    rng = np.random.default_rng(list(key.encode()))
    return Rotation.from_quat(rng.normal(size=4)).as_matrix(), 50 * rng.normal(size=3)
