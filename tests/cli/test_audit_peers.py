"""`intertwine audit` on modules of e3nn, e2cnn and PyG, and on published networks: exit codes and verdicts."""

import runpy
from pathlib import Path

import pytest

from intertwine.cli import main

PUBLISHED = Path(__file__).parents[1] / "auditing" / "published_models.py"
MODELS = runpy.run_path(str(PUBLISHED))["MODELS"]

E3NN = """
from e3nn import o3
right = o3.FullyConnectedTensorProduct("2x0e + 1x1o", "1x1o", "1x0e + 2x1o")
wrong = o3.Linear("2x0e + 2x1o", "2x0e + 1x1o")
wrong.irreps_out = "2x0e + 1x1e"
"""
E2CNN = """
from e2cnn import gspaces, nn
space = gspaces.Rot2dOnR2(4)
image, field = nn.FieldType(space, [space.trivial_repr]), nn.FieldType(space, [space.regular_repr])
right = nn.SequentialModule(nn.R2Conv(image, field, 5, padding=2), nn.ReLU(field))
wrong = nn.R2Conv(image, field, 3)
wrong.out_type = nn.FieldType(space, 4 * [space.trivial_repr])
"""
PYG = """
import torch
from torch_geometric.nn import GCNConv
class Ordered(GCNConv):
    def forward(self, x, edge_index):
        return super().forward(x, edge_index) * torch.arange(len(x), dtype=x.dtype)[:, None]
right, wrong = GCNConv(4, 3), Ordered(4, 3)
"""


@pytest.mark.parametrize(
    ("library", "source"), [("e3nn", E3NN), ("e2cnn", E2CNN), ("torch_geometric", PYG)], ids=["e3nn", "e2cnn", "PyG"]
)
def test_modules_of_other_libraries(library, source, tmp_path, capsys):
    pytest.importorskip(library)
    path = tmp_path / "theirs.py"
    path.write_text(source)
    for name, code, verdict in (("right", 0, "PASS"), ("wrong", 1, "FAIL")):
        assert main(["audit", f"{path}:{name}", "--samples", "8"]) == code
        assert verdict in capsys.readouterr().out


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_published_networks_with_stated_representations(model, tmp_path, capsys):
    """Each as it was published passes; with its first defect it does not."""
    path, name = tmp_path / "published.py", model.__name__
    path.write_text(f"{PUBLISHED.read_text()}\ndef broken():\n    return {name}({next(iter(model.defects))!r})\n")
    rep_in, rep_out = model.stated
    for call, code in ((name, 0), ("broken", 1)):
        assert main(["audit", f"{path}:{call}", "--rep-in", rep_in, "--rep-out", rep_out, "--samples", "8"]) == code
    assert "FAIL" in capsys.readouterr().out
