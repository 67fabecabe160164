"""The number of steerable kernels and the equivariance error against the angle, beside those of escnn.

The numbers of kernels of all pairs of irreps are kept here.

For each group: for each pair of dimensions (in, out) the numbers of kernels of the pairs of irreps, summed, and their
squares, summed.
"""

import itertools
from collections import defaultdict

import pytest
import torch

from intertwine.data import rotate_images
from intertwine.groups import (
    O2,
    O3,
    SO2,
    SO3,
    Cyclic,
    Dihedral,
    Icosahedral,
    Octahedral,
)
from intertwine.nn import GridConv, GridGroupPool, GridPointwiseNonlinearity, GridSpatialPool
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
    "O": Octahedral(),
    "I": Icosahedral(),
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
        "O": (group.octa_group, kernels.kernels_Octa_act_R3),
        "I": (group.ico_group, kernels.kernels_Ico_act_R3),
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


GOLDEN = {
    "SO2": {
        (1, 1): (1, 1),
        (1, 2): (8, 16),
        (2, 1): (8, 16),
        (2, 2): (64, 256),
    },
    "O2": {
        (1, 1): (2, 2),
        (1, 2): (8, 8),
        (2, 1): (8, 8),
        (2, 2): (32, 64),
    },
    "C5": {
        (1, 1): (1, 1),
        (1, 2): (8, 32),
        (2, 1): (8, 32),
        (2, 2): (28, 200),
    },
    "C8": {
        (1, 1): (6, 10),
        (1, 2): (12, 24),
        (2, 1): (12, 24),
        (2, 2): (42, 204),
    },
    "D4": {
        (1, 1): (20, 28),
        (1, 2): (8, 16),
        (2, 1): (8, 16),
        (2, 2): (5, 25),
    },
    "D5": {
        (1, 1): (2, 2),
        (1, 2): (8, 16),
        (2, 1): (8, 16),
        (2, 2): (14, 50),
    },
    "SO3": {
        (1, 1): (1, 1),
        (1, 3): (1, 1),
        (1, 5): (1, 1),
        (1, 7): (1, 1),
        (1, 9): (1, 1),
        (3, 1): (1, 1),
        (3, 3): (3, 9),
        (3, 5): (3, 9),
        (3, 7): (3, 9),
        (3, 9): (3, 9),
        (5, 1): (1, 1),
        (5, 3): (3, 9),
        (5, 5): (5, 25),
        (5, 7): (5, 25),
        (5, 9): (5, 25),
        (7, 1): (1, 1),
        (7, 3): (3, 9),
        (7, 5): (5, 25),
        (7, 7): (7, 49),
        (7, 9): (7, 49),
        (9, 1): (1, 1),
        (9, 3): (3, 9),
        (9, 5): (5, 25),
        (9, 7): (7, 49),
        (9, 9): (9, 81),
    },
    "O3": {
        (1, 1): (2, 2),
        (1, 3): (2, 2),
        (1, 5): (2, 2),
        (1, 7): (2, 2),
        (1, 9): (2, 2),
        (3, 1): (2, 2),
        (3, 3): (6, 10),
        (3, 5): (6, 10),
        (3, 7): (6, 10),
        (3, 9): (6, 10),
        (5, 1): (2, 2),
        (5, 3): (6, 10),
        (5, 5): (10, 26),
        (5, 7): (10, 26),
        (5, 9): (10, 26),
        (7, 1): (2, 2),
        (7, 3): (6, 10),
        (7, 5): (10, 26),
        (7, 7): (14, 50),
        (7, 9): (14, 50),
        (9, 1): (2, 2),
        (9, 3): (6, 10),
        (9, 5): (10, 26),
        (9, 7): (14, 50),
        (9, 9): (18, 82),
    },
    "O": {
        (1, 1): (6, 10),
        (1, 2): (4, 8),
        (1, 3): (12, 36),
        (2, 1): (4, 8),
        (2, 2): (5, 25),
        (2, 3): (12, 72),
        (3, 1): (12, 36),
        (3, 2): (12, 72),
        (3, 3): (38, 362),
    },
    "I": {
        (1, 1): (1, 1),
        (1, 3): (2, 2),
        (1, 4): (2, 4),
        (1, 5): (2, 4),
        (3, 1): (2, 2),
        (3, 3): (16, 64),
        (3, 4): (10, 50),
        (3, 5): (12, 72),
        (4, 1): (2, 4),
        (4, 3): (10, 50),
        (4, 4): (7, 49),
        (4, 5): (8, 64),
        (5, 1): (2, 4),
        (5, 3): (12, 72),
        (5, 4): (8, 64),
        (5, 5): (11, 121),
    },
}


@pytest.mark.parametrize("name", GOLDEN)
def test_numbers_of_kernels(name):
    assert _our_table(name) == GOLDEN[name]


@pytest.mark.parametrize("name", GROUPS)
def test_beside_escnn(name):
    expected = _their_table(name)
    assert _our_table(name) == expected


def _mean_error_curve(net, degrees):
    """The relative change of invariants of smooth images that are turned by these angles."""
    noise = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    images = torch.nn.functional.interpolate(noise, (41, 41), mode="bicubic", align_corners=True)
    window = (1 - ((torch.arange(41) - 20).square()[:, None] + (torch.arange(41) - 20).square()) / 17**2).clamp_min(0)
    images = images * window
    with torch.no_grad():
        given = net(images)
        return [float((net(rotate_images(images, angle)) - given).norm() / given.norm()) for angle in degrees]


def test_error_curve_beside_escnn():
    """The same layers with initial weights: the mean error over weights is below that of escnn at every angle."""
    escnn_nn, spaces = pytest.importorskip("escnn.nn"), pytest.importorskip("escnn.gspaces")
    space, group, width = spaces.rot2dOnR2(8), Cyclic(8), 4
    degrees, ours, theirs = [10.0, 22.5, 35.0, 45.0, 70.0, 112.5], [], []
    for seed in range(4):
        torch.manual_seed(seed)
        kinds = [escnn_nn.FieldType(space, [space.trivial_repr])]
        kinds += [escnn_nn.FieldType(space, width * [space.regular_repr])] * 2
        layers = []
        for before, after in itertools.pairwise(kinds):
            conv = escnn_nn.R2Conv(before, after, 5, padding=2, bias=False)
            layers += [conv, escnn_nn.ReLU(after)]
        other = escnn_nn.SequentialModule(*layers, escnn_nn.GroupPooling(kinds[-1])).eval()
        theirs.append(
            _mean_error_curve(
                lambda x, f=other, k=kinds[0]: f(escnn_nn.GeometricTensor(x, k)).tensor.mean((2, 3)), degrees
            )
        )
        reps = [group.trivial, width * group.regular, width * group.regular]
        mine = torch.nn.Sequential()
        for before, after in itertools.pairwise(reps):
            mine.append(GridConv(before, after, 5, padding=2, bias=False))
            mine.append(GridPointwiseNonlinearity(after, "relu"))
        mine.append(GridGroupPool(reps[-1])).append(GridSpatialPool(width * group.trivial))
        ours.append(_mean_error_curve(mine.eval(), degrees))
    ours, theirs = torch.tensor(ours).mean(0), torch.tensor(theirs).mean(0)
    assert (ours < theirs).all(), (ours, theirs)
