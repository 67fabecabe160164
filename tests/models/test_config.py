"""The configuration of an encoder rebuilds it from text, for every group whose representations encoders take."""

import json

import pytest
import torch

from intertwine._errors import UsageError
from intertwine.groups import O3, SO3, Icosahedral, Octahedral, Tetrahedral
from intertwine.models import HierarchicalEncoder, PointEncoder

GROUPS = (O3(), SO3(), Tetrahedral(), Octahedral(), Icosahedral())
LAYERS = {"steerable": GROUPS[:2], "attention": GROUPS[:2], "message": GROUPS, "vector": GROUPS, "egnn": GROUPS}
CASES = [(layer, group) for layer, groups in LAYERS.items() for group in groups]
CASES += [("lifted", group) for group in (O3(), SO3(), Octahedral())]


@pytest.mark.parametrize(
    "make", [PointEncoder, lambda *reps, **options: HierarchicalEncoder(*reps, levels=2, **options)]
)
@pytest.mark.parametrize(("layer", "group"), CASES, ids=str)
def test_the_configuration_rebuilds_the_encoder(make, layer, group) -> None:
    hidden = {"lifted": "2", "vector": 4 * group.vector, "message": 4 * group.trivial}
    encoder = make(
        group.trivial + group.vector,
        2 * group.trivial,
        layer=layer,
        hidden=hidden.get(layer, 4 * group.trivial + 4 * group.vector),
    )
    again = type(encoder)(**json.loads(json.dumps(encoder.config)))
    assert (again.rep_in, again.rep_out, again.hidden) == (encoder.rep_in, encoder.rep_out, encoder.hidden)
    assert again.config == encoder.config
    again.load_state_dict(encoder.state_dict())
    positions = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
    edges = torch.combinations(torch.arange(12)).T.contiguous()
    inputs = torch.cat([torch.ones(12, 1), positions], 1), positions, edges
    assert torch.equal(encoder.eval()(*inputs), again.eval()(*inputs))


def test_text_is_read_in_the_grammar_of_the_named_group() -> None:
    assert PointEncoder("1x0 + 1x1", "1x0", layer="vector", group="SO3").rep_in == SO3().rep("1x0 + 1x1")
    with pytest.raises(UsageError, match=r'no group "SO4".*expected O3, SO3'):
        PointEncoder("1x0 + 1x1", "1x0", group="SO4")
