from __future__ import annotations

import pytest
import torch

from intertwine._errors import UsageError
from intertwine.groups import O3
from intertwine.models import PointEncoder
from intertwine.tasks.properties import parse_target
from intertwine.tasks.properties._hidden import check_hidden, degree_of, hidden_for, reachable


def output_of(rep_out, hidden, layers=4):
    """What an untrained encoder says of a chiral cloud, in float64."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    encoder = PointEncoder("2x0e", rep_out, hidden=hidden, layers=layers, lmax=degree_of(hidden)).double()
    positions = torch.randn(6, 3, generator=generator, dtype=torch.float64)
    features = torch.randn(6, 2, generator=generator, dtype=torch.float64)
    target, source = (~torch.eye(6, dtype=torch.bool)).nonzero(as_tuple=True)
    return encoder(features, positions, torch.stack([source, target])).detach()


@pytest.mark.parametrize("rep", ["0e", "1o", "0e+2e", "1e", "0o", "2o", "3o", "4e"])
def test_the_features_chosen_for_a_target_do_produce_it(rep):
    targets = [parse_target(f"a:{rep}")]
    hidden = hidden_for(targets)
    check_hidden(hidden, targets)
    assert float(output_of(rep, hidden).abs().max()) > 1e-6


@pytest.mark.parametrize(
    ("rep", "hidden"), [("1o", "8x0e"), ("1e", "8x0e+4x1o"), ("0o", "8x0e+4x1o+2x0o"), ("3o", "8x0e+4x2e")]
)
def test_features_that_cannot_produce_it_are_refused_and_indeed_cannot(rep, hidden):
    with pytest.raises(UsageError, match=f"cannot produce {rep}"):
        check_hidden(hidden, [parse_target(f"a:{rep}")])
    assert float(output_of(rep, hidden).abs().max()) == 0


def test_the_default_is_kept_where_it_suffices():
    assert hidden_for([parse_target("a"), parse_target("d:1o"), parse_target("q:ij=ji")]) == "32x0e + 16x1o + 8x2e"
    check_hidden(None, [parse_target("a:5o")])


def test_reachability_agrees_with_the_tensor_products_of_the_algebra():
    hidden = frozenset((degree, parity) for degree in range(4) for parity in (1, -1))
    filled = {(0, 1)}
    for _ in range(6):
        for degree, parity in list(filled):
            for J in range(3):
                rep = O3().rep(f"{degree}{'e' if parity > 0 else 'o'}") * O3().rep(f"{J}{'e' if J % 2 == 0 else 'o'}")
                filled |= {(irrep.degree, irrep.parity) for _, irrep in rep.decompose().irreps.irreps} & hidden
    assert reachable(hidden, 2) == filled
