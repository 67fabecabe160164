"""The number of steerable kernels, beside that of escnn for all pairs of irreps; its numbers are kept for when it is absent.

For each group: for each pair of dimensions (in, out) the numbers of kernels of the pairs of irreps, summed, and their
squares, summed.
"""

from collections import defaultdict

import pytest

from intertwine.groups import (
    O2,
    O3,
    SO2,
    SO3,
    Cyclic,
    Dihedral,
    FullIcosahedral,
    FullOctahedral,
    FullTetrahedral,
    Icosahedral,
    Octahedral,
    Pyritohedral,
    Tetrahedral,
)
from intertwine.nn.grid._angular import angular_dimension

HIGHEST = 4
GROUPS = {
    "SO2": SO2(),
    "O2": O2(),
    "C5": Cyclic(5),
    "C8": Cyclic(8),
    "D4": Dihedral(4),
    "D5": Dihedral(5),
    "SO3": SO3(),
    "O3": O3(),
    "T": Tetrahedral(),
    "T_d": FullTetrahedral(),
    "T_h": Pyritohedral(),
    "O": Octahedral(),
    "O_h": FullOctahedral(),
    "I": Icosahedral(),
    "I_h": FullIcosahedral(),
}
BAND_LIMIT = {name: 2 * HIGHEST if name in ("SO2", "O2", "SO3", "O3") else HIGHEST for name in GROUPS}


def _irreps(group):
    """All of a finite group, else those of degree up to 4."""
    for irrep in group.irreps():
        if group.order is None and getattr(irrep, "degree", getattr(irrep, "frequency", 0)) > HIGHEST:
            return
        yield irrep


def _table(pairs):
    """Sums over the pairs of equal dimensions."""
    found = defaultdict(lambda: [0, 0])
    for dim_in, dim_out, count in pairs:
        found[dim_in, dim_out][0] += count
        found[dim_in, dim_out][1] += count**2
    return {key: tuple(value) for key, value in sorted(found.items())}


def _our_table(name):
    irreps = list(_irreps(GROUPS[name]))
    return _table(
        (first.dim, second.dim, angular_dimension(first, second, BAND_LIMIT[name]))
        for first in irreps
        for second in irreps
    )


def _their_table(name):
    """The same from escnn: one ring, all frequencies up to the band limit."""
    group, kernels = pytest.importorskip("escnn.group"), pytest.importorskip("escnn.kernels")
    make, build = {
        "SO2": (lambda: group.so2_group(HIGHEST), kernels.kernels_SO2_act_R2),
        "O2": (lambda: group.o2_group(HIGHEST), kernels.kernels_O2_act_R2),
        "C5": (lambda: group.cyclic_group(5), kernels.kernels_CN_act_R2),
        "C8": (lambda: group.cyclic_group(8), kernels.kernels_CN_act_R2),
        "D4": (lambda: group.dihedral_group(4), kernels.kernels_DN_act_R2),
        "D5": (lambda: group.dihedral_group(5), kernels.kernels_DN_act_R2),
        "SO3": (lambda: group.so3_group(HIGHEST), kernels.kernels_SO3_act_R3),
        "O3": (lambda: group.o3_group(HIGHEST), kernels.kernels_O3_act_R3),
        "T": (lambda: group.so3_group(1).subgroup("tetra")[0], kernels.kernels_Tetra_act_R3),
        "T_d": (lambda: group.o3_group(1).subgroup((False, "tetra"))[0], kernels.kernels_FullTetra_act_R3),
        "T_h": (lambda: group.o3_group(1).subgroup((True, "tetra"))[0], kernels.kernels_Pyrito_act_R3),
        "O": (group.octa_group, kernels.kernels_Octa_act_R3),
        "O_h": (group.full_octa_group, kernels.kernels_FullOcta_act_R3),
        "I": (group.ico_group, kernels.kernels_Ico_act_R3),
        "I_h": (group.full_ico_group, kernels.kernels_FullIco_act_R3),
    }[name]
    irreps = make().irreps()
    if name in ("SO2", "O2", "SO3", "O3"):
        irreps = [irrep for irrep in irreps if irrep.attributes.get("frequency", 0) <= HIGHEST]

    def count(first, second):
        try:
            return build(first, second, radii=[1.0], sigma=[0.6], maximum_frequency=BAND_LIMIT[name]).dim
        except Exception as error:  # what escnn raises where there is no kernel at all
            if type(error).__name__ != "EmptyBasisException":
                raise
            return 0

    return _table((first.size, second.size, count(first, second)) for first in irreps for second in irreps)


GOLDEN: dict[str, dict[tuple[int, int], tuple[int, int]]] = {}


@pytest.mark.parametrize("name", GOLDEN)
def test_numbers_of_kernels(name):
    assert _our_table(name) == GOLDEN[name]


@pytest.mark.parametrize("name", GROUPS)
def test_beside_escnn(name):
    assert _our_table(name) == _their_table(name)
