"""Maps between exchangeable arrays by name."""

import pytest
import torch

from intertwine.cli.commands._basis import basis
from intertwine.hom import intertwiners, parse_hom, tabulate


def names(text):
    table = tabulate(*parse_hom(text))
    assert table.agrees
    return [row.name for row in table.rows]


def test_rows_and_columns():
    question = "S4 x S3: V1 x V2 -> V1 x V2"
    table = tabulate(*parse_hom(question))
    assert table.summary().startswith("4 maps (of 144 dense): identity, row mean, column mean, all mean;")
    x = torch.randn(4, 3, dtype=torch.float64)
    expected = [x, x.mean(1, keepdim=True), x.mean(0, keepdim=True), x.mean()]
    for row, mean in zip(table.rows, expected, strict=True):
        whole, _ = row.scaled()
        result = (whole @ x.flatten()).reshape(4, 3)
        torch.testing.assert_close(result / whole.sum(1).max(), mean.expand(4, 3))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("S4 x S3: V1 x V2 -> V1", ["row mean", "all mean, repeated"]),
        ("S4 x S3: V1 -> V1 x V2", ["repeat", "all mean, repeated"]),
        ("S4 x S3: V1 x V2 -> trivial", ["all mean"]),
        ("S4 x S3: V1 -> V2", ["all mean, repeated"]),
        (
            "S3 x S2 x S2: V1 x V2 x V3 -> V1 x V3",
            ["V1, V3 mean", "V1 mean, repeated", "V3 mean, repeated", "all mean, repeated"],
        ),
    ],
)
def test_other_arrays(text, expected):
    assert names(text) == expected


def test_three_axes_span_the_space():
    space = parse_hom("S3 x S2 x S2: V1 x V2 x V3 -> V1 x V2 x V3")
    table, known = tabulate(*space), intertwiners(*space).flatten(1)
    assert len(table.rows) == 8
    flat = torch.stack([row.matrix for row in table.rows]).flatten(1)
    assert torch.linalg.matrix_rank(flat) == 8
    torch.testing.assert_close(flat @ known.T @ known, flat)


def test_the_command(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "maps.png"
    assert basis("S4 x S3: V1 x V2 -> V1 x V2", plot=str(picture), json=False, limit=12, count=False, cache=False) == 0
    assert "row mean: V1 x V2 -> V1 x V2" in capsys.readouterr().out
    assert picture.stat().st_size > 1000


def test_squares_of_a_factor_keep_their_orbits():
    assert len(names("S4 x S2: V1 x V1 -> V1 x V1")) == 15
