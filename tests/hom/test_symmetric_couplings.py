"""Symmetric couplings: as many as characters count, symmetric, orthonormal, equivariant."""

import time

import pytest
import torch

from intertwine.groups import O3, SO3, Group
from intertwine.hom import hom_dimension, symmetric_couplings


@pytest.mark.parametrize(
    ("group", "rep", "out", "order"),
    [
        (O3(), "0e + 1o + 2e", "0e", 3),
        (O3(), "0e + 1o + 2e", "1o", 3),
        (O3(), "0e + 1o + 2e", "1e", 3),
        (O3(), "1o + 1e", "0o", 2),
        (O3(), "0e + 1o + 2e + 3o", "2e", 2),
        (SO3(), "0 + 1 + 2", "1", 3),
    ],
)
def test_couplings(group: Group, rep: str, out: str, order: int) -> None:
    V, W = group.rep(rep), group.rep(out)
    couplings = symmetric_couplings(V, W, order)
    assert len(couplings) == hom_dimension(V.symmetric_power(order), W)
    assert couplings.shape[1:] == (W.dim, *(V.dim,) * order)
    gram = couplings.flatten(1) @ couplings.flatten(1).T
    torch.testing.assert_close(gram, torch.eye(len(couplings), dtype=torch.float64), atol=1e-10, rtol=0)
    for axis in range(2, order + 1):
        torch.testing.assert_close(couplings, couplings.transpose(2, axis + 1), atol=1e-12, rtol=0)
    g = group.sample(4, generator=torch.Generator().manual_seed(0))
    rho = V.matrix(g)
    moved = couplings.expand(len(g), *couplings.shape)
    for axis in range(order):
        moved = torch.einsum("g...a,gab->g...b", moved.movedim(3 + axis, -1), rho).movedim(-1, 3 + axis)
    turned = torch.einsum("gmn,pn...->gpm...", W.matrix(g), couplings)
    torch.testing.assert_close(moved, turned, atol=1e-10, rtol=0)


def test_counts_of_body_order_4() -> None:
    V = O3().rep("0e + 1o + 2e + 3o")
    counts = {out: [len(symmetric_couplings(V, O3().rep(out), order)) for order in (1, 2, 3)] for out in ("0e", "1o")}
    assert counts == {"0e": [1, 4, 8], "1o": [1, 3, 12]}  # by characters: 5 s of quadrature, so as numbers


def test_known_couplings_are_quick() -> None:
    start = time.perf_counter()
    symmetric_couplings(O3().rep("0e + 1o + 2e + 3o"), O3().rep("1o"), 3)
    symmetric_couplings(O3().rep("0e + 1o + 2e + 3o"), O3().rep("1o"), 3)
    assert time.perf_counter() - start < 5  # 0.15 s alone on a processor


def test_bad_use_says_so() -> None:
    with pytest.raises(ValueError, match="to one irrep"):
        symmetric_couplings(O3().rep("0e"), O3().rep("0e + 1o"), 2)
    with pytest.raises(ValueError, match="one copy of each"):
        symmetric_couplings(O3().rep("2x0e"), O3().rep("0e"), 2)
