"""Reader of Docking Benchmark 5.5 as packed arrays: structures, peers' predictions, residues of bound and unbound."""

from __future__ import annotations

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

    def matched(self, key: str, unbound: Structure) -> tuple[np.ndarray, np.ndarray]:
        """The alpha carbons of matched residues, of a placed unbound structure and of the bound one."""
        bound = self.structure(f"{key}_b")
        places = [dict(zip(s.residue_of_atom[s.alpha_carbons].tolist(), s.alpha_carbon_coordinates, strict=True))
                  for s in (unbound, bound)]  # fmt: skip
        pairs = [(i, j) for i, j in self.pairs[key].tolist() if i in places[1] and j in places[0]]
        return np.array([places[0][j] for _, j in pairs]), np.array([places[1][i] for i, _ in pairs])


def random_motion(key: str) -> tuple[np.ndarray, np.ndarray]:
    """A rotation of the Haar measure and a translation, drawn from a text as seed."""
    rng = np.random.default_rng(list(key.encode()))
    return Rotation.from_quat(rng.normal(size=4)).as_matrix(), 50 * rng.normal(size=3)
