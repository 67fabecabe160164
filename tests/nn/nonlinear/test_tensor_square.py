"""The tensor square: e3nn's with the same weights, as many maps as characters count, all groups."""

import pytest
import torch
from e3nn import o3

from intertwine.groups import O2, O3, SO2, SO3, Cyclic, Dihedral
from intertwine.hom import intertwiners
from intertwine.nn import TensorSquare
from intertwine.reps import Rep
from intertwine.testing import assert_equivariant

PAIRS = [
    (O3().rep("2x0e + 2x1o + 2x2e"), None),
    (O3().rep("3x1o + 1x0e + 2x0o"), O3().rep("2x0e + 5x1o + 1x1e + 1x2e")),
    (SO3().rep("4x1"), SO3().rep("2x2 + 1x0 + 3x1")),
    (SO2().rep("2x0 + 2x1 + 1x2"), None),
    (2 * O2().vector + O2().trivial, None),
    (Dihedral(4).regular.decompose().irreps, None),
    (Cyclic(3).regular.decompose().irreps, None),
]


def name(pair: tuple[Rep, Rep | None]) -> str:
    return f"{pair[0].group}: {pair[0]} to {pair[1] or 'the same'}"


@pytest.mark.parametrize("pair", PAIRS, ids=map(name, PAIRS))
def test_equivariant_and_quadratic(pair: tuple[Rep, Rep | None]) -> None:
    torch.manual_seed(0)
    layer = TensorSquare(*pair)
    assert_equivariant(layer)
    layer.double()
    x = torch.randn(3, layer.rep_in.dim, dtype=torch.float64)
    torch.testing.assert_close(layer(-3 * x), 9 * layer(x))
    assert torch.autograd.gradcheck(layer, (x.requires_grad_(),))


@pytest.mark.parametrize("pair", [(irreps, irreps) for irreps, _ in PAIRS], ids=[name(pair) for pair in PAIRS])
def test_one_lane_has_all_quadratic_maps(pair: tuple[Rep, Rep]) -> None:
    # one copy of each irrep: the maps are those of the symmetric square
    terms = dict.fromkeys(irrep for _, irrep in pair[0].irreps)
    rep = sum((irrep for irrep in terms), 0 * pair[0].group.trivial)
    layer = TensorSquare(rep)
    expected = len(intertwiners(rep.symmetric_power(2), rep))
    assert sum(p.numel() for p in layer.parameters()) == expected


def test_equal_to_e3nn_with_the_same_weights() -> None:
    rep = O3().rep("3x0e + 3x1o + 3x1e + 3x2e")
    ours = TensorSquare(rep).double()
    irreps = o3.Irreps(str(rep))
    x = torch.randn(5, rep.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    total = torch.zeros_like(x)
    starts = [s.start for s in irreps.slices()]
    for (i, j, to_next, routes), maps, weight in zip(ours._pairs, ours.maps, ours.weights, strict=True):
        left, right = (x[:, irreps.slices()[k]].unflatten(1, (3, -1)) for k in (i, j))
        right = right[:, [1, 2, 0]] if to_next else right
        row = 0
        for place, (o, count) in enumerate(routes):
            assert count == 1
            l1, l2, l3 = (irreps[k].ir.l for k in (i, j, o))
            cg = o3.wigner_3j(l1, l2, l3, dtype=torch.float64)
            ours_here = maps()[row : row + 2 * l3 + 1].unflatten(1, (2 * l1 + 1, 2 * l2 + 1)).permute(1, 2, 0)
            scale = (ours_here * cg).sum() / cg.square().sum()  # the sign and norm of a basis vector are a convention
            torch.testing.assert_close(ours_here, scale * cg, rtol=1e-10, atol=1e-10)
            assert float(scale.abs()) == pytest.approx((2 * l3 + 1) ** 0.5 / (2**0.5 if i == j and not to_next else 1))
            part = scale * torch.einsum("ijk,nci,ncj,c->nck", cg, left, right, weight[place])
            total[:, starts[o] : starts[o] + part[0].numel()] += part.flatten(1)
            row += 2 * l3 + 1
    torch.testing.assert_close(ours(x), total, rtol=1e-12, atol=1e-12)


def test_a_copy_has_no_cross_product_with_itself_and_odd_has_no_odd_square() -> None:
    assert list(TensorSquare(SO3().rep("1x1")).parameters()) == []
    assert (TensorSquare(SO3().rep("1x1"))(torch.randn(2, 3)) == 0).all()
    assert list(TensorSquare(O3().rep("4x1o")).parameters()) == []


def test_copies_meet_the_next_in_a_cross_product() -> None:
    layer = TensorSquare(SO3().rep("3x1")).double()
    x = torch.randn(1, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    (weight,) = layer.weights
    crosses = torch.linalg.cross(x, x.roll(-1, 1)) * weight[0][:, None] / 2**0.5
    found = layer(x.flatten(1)).unflatten(1, (3, 3))
    torch.testing.assert_close(found.abs(), crosses.abs())


def test_blocks_of_fewer_copies_are_read_again_and_summed() -> None:
    layer = TensorSquare(SO3().rep("5x0 + 1x1 + 2x0"), SO3().rep("2x0")).double()
    x = torch.tensor([[1.0, 2, 3, 4, 5, 0, 0, 0, 6, 7]], dtype=torch.float64)
    first, second = x[0, :5], x[0, [8, 9, 8, 9, 8]]
    with torch.no_grad():
        for weight in layer.weights:
            weight.fill_(1.0)
    lanes = first**2 / 2**0.5 + first * second + second**2 / 2**0.5
    expected = torch.stack([lanes[[0, 2, 4]].sum(), lanes[[1, 3]].sum()])
    torch.testing.assert_close(layer(x)[0], expected)


def test_the_scale_of_independent_unit_features_is_kept() -> None:
    torch.manual_seed(0)
    layer = TensorSquare(O3().rep("64x0e + 64x1o + 64x2e"))
    y = layer(torch.randn(100, layer.rep_in.dim))
    assert 0.5 < float(y.detach().square().mean()) < 2.5


def test_bad_use_says_so() -> None:
    with pytest.raises(ValueError, match="one group"):
        TensorSquare(SO3().vector, O3().vector)
    with pytest.raises(ValueError, match="sum of irreps"):
        TensorSquare(O3().vector * O3().vector)
    with pytest.raises(ValueError, match="expected features"):
        TensorSquare(O3().vector)(torch.zeros(2, 4))
