"""What is said of targets of structures and of their atoms that are not what was asked for."""

import re

import numpy as np
import pytest

from ase import Atoms
from intertwine.data.readers._structure_targets import TargetLayout, atom_target_of, layout_of
from intertwine.groups import O3


def water(**columns):
    atoms = Atoms("OH2", [[0, 0, 0], [0, 0, 1], [0, 1, 0]])
    for name, values in columns.items():
        atoms.info[name[1:]] = values if name.startswith("_") else None
        if not name.startswith("_"):
            del atoms.info[name[1:]]
            atoms.arrays[name] = np.asarray(values)
    return atoms


SCALAR, VECTOR = O3().rep("1x0e"), O3().rep("1x1o")
MATRIX = np.arange(27.0).reshape(3, 9)


def test_columns_of_atoms():
    assert atom_target_of(water(q=[-0.8, 0.4, 0.4]), "q", SCALAR, "f").tolist() == [[-0.8], [0.4], [0.4]]
    assert atom_target_of(water(q=[1, 2, 3]), "q", SCALAR, "f").dtype == np.float64
    assert atom_target_of(water(v=MATRIX[:, :3]), "v", VECTOR, "f").tolist() == MATRIX[:, :3].tolist()


@pytest.mark.parametrize(
    ("columns", "rep", "line"),
    [
        ({"_q": 3.0}, SCALAR, 'f: "q" is one value of the structure here, and given per atom elsewhere'),
        ({}, SCALAR, 'f: no column "q" of atoms; '),
        ({"q": ["a", "b", "c"]}, SCALAR, 'f: column "q" is not numeric: a'),
        ({"q": [1.0, np.nan, 3.0]}, SCALAR, 'f: column "q" is not finite at atom 2: nan'),
        ({"q": [1.0, 2.0, -1e200]}, SCALAR, 'f: column "q" is too large at atom 3: -1e+200'),
        ({"q": [1.0, 2.0, 3.0]}, VECTOR, 'f: column "q" as 1o has 3 numbers an atom, the file has 1'),
        ({"q": MATRIX[:, :3]}, SCALAR, 'f: column "q" as 0e has 1 number an atom, the file has 3'),
        ({"q": MATRIX}, O3().rep("3x1o"), 'f: column "q" is a 3 x 3 matrix of each atom, no components of 3x1o; it is'),
    ],
)
def test_columns_that_will_not_do(columns, rep, line):
    with pytest.raises(ValueError, match=re.escape(line)):
        atom_target_of(water(**columns), "q", rep, "f")


def test_layouts():
    assert layout_of(water(q=[1.0, 2, 3]), "q") == TargetLayout(True, 1, False)
    assert layout_of(water(q=MATRIX), "q") == TargetLayout(True, 9, False)
    assert layout_of(water(q=np.tile(np.eye(3).reshape(9), (3, 1))), "q") == TargetLayout(True, 9, True)
    assert layout_of(water(_q=2.0), "q") == TargetLayout(False, 1, False)
    assert layout_of(water(_q=[1.0, 2.0]), "q") == TargetLayout(False, 2, False)
    assert layout_of(water(), "q") is None
