"""The report on all maps between two spaces: names that are true, tables that are legible."""

import json

import pytest
import torch

from intertwine.groups import SO3, Lorentz
from intertwine.hom import Count, MapTable, draw, intertwiners, name_map, named_basis, parse_hom, tabulate

SUMMARIES = {
    "SO3: 1 x 1 -> 0 + 1 + 2": "3 maps (of 81 dense): trace, cross product, traceless symmetric part;"
    "  characters agree",
    "O3: 1x1o x 1x1o -> 1x0e + 1x1e + 1x2e": "3 maps (of 81 dense): trace, cross product, traceless symmetric part;"
    "  characters agree",
    "O3: 1o x 1o -> 1o": "0 maps (of 27 dense);  characters agree",
    "O3: 8x0e + 4x1o -> 8x0e + 2x1o": "72 maps (of 280 dense): 72 x identity;  characters agree",
    "SO2: 1 -> 1": "2 maps (of 4 dense): identity, quarter turn;  characters agree",
    "SO2: V x V -> 0": "2 maps (of 4 dense): trace, signed area;  characters agree",
    "SO3: 2 x 2 -> 0": "1 map (of 25 dense): dot product;  characters agree",
    "SO3: V^3 -> 0": "1 map (of 27 dense): triple product;  characters agree",
    "SO3: 0 -> V^3": "1 map (of 27 dense): Levi-Civita tensor;  characters agree",
    "SO3: 1 x 2 -> 3": "1 map (of 105 dense): Clebsch-Gordan 1 x 2 -> 3;  characters agree",
    "SO3: V x V -> V x V": "3 maps (of 81 dense): trace part, antisymmetric part, traceless symmetric part;"
    "  characters agree",
    "SO4: V x V -> V x V": "4 maps (of 256 dense): trace part, antisymmetric part, traceless symmetric part,"
    " 1 without a name;  characters agree",
    "S5: V -> V": "2 maps (of 25 dense): identity, sum of the others;  characters agree",
    "S4: V x V -> V": "5 maps (of 64 dense): x[aa] -> y[a], x[ab] -> y[a], x[ab] -> y[b], x[aa] -> y[b], x[ab] -> y[c];"
    "  characters agree",
    "Lorentz: V x V -> trivial": "1 map (of 16 dense): inner product;  characters agree",
    "SE2: V -> V": "1 map (of 9 dense): identity;  no characters to check with: the rank is that of the constraints",
}


@pytest.mark.parametrize("question", SUMMARIES)
def test_summaries(question):
    assert tabulate(*parse_hom(question)).summary() == SUMMARIES[question]


def test_names_are_of_what_they_do():
    """Each named map, applied to vectors, against the textbook."""
    V = SO3().vector
    a, b = torch.randn(2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rows = {row.name: row.matrix for row in tabulate(V * V, SO3().rep("0 + 1") + V * V).rows}
    pair = torch.kron(a, b)
    outer = torch.outer(a, b)
    traceless = (outer + outer.T) / 2 - torch.eye(3, dtype=torch.float64) * (a @ b) / 3
    expected = {
        "trace": a @ b[:, None],
        "cross product": torch.linalg.cross(a, b),
        "trace part": (a @ b) * torch.eye(3, dtype=torch.float64).flatten(),
        "antisymmetric part": (outer - outer.T).flatten(),
        "traceless symmetric part": traceless.flatten(),
    }
    assert set(rows) == set(expected)
    for name, value in expected.items():
        found = rows[name] @ pair
        assert torch.allclose(found, value * (found @ value) / (value @ value), atol=1e-12), name


def test_a_random_map_has_no_name():
    V = SO3().vector
    W = torch.randn(3, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert name_map(V * V, V, W) is None
    assert name_map(V, V, torch.diag(torch.tensor([1.0, 1.0, 2.0], dtype=torch.float64))) is None


def test_the_named_basis_spans_the_same_maps():
    V = Lorentz().vector
    basis = intertwiners(V * V, V * V)
    other = named_basis(V * V, V * V, basis)
    overlap = basis.flatten(1) @ other.flatten(1).T
    assert torch.allclose(overlap @ overlap.T, torch.eye(len(basis), dtype=torch.float64), atol=1e-10)


def test_the_rows_are_a_basis():
    rep_in, rep_out = parse_hom("SO3: 2x1 + 1 x 1 -> 0 + 2x1 + 2")
    table = tabulate(rep_in, rep_out)
    assert table.dimension == len(intertwiners(rep_in, rep_out))
    assert all(float(row.matrix.norm()) == pytest.approx(1) for row in table.rows)


def test_small_tables_and_formulas():
    cross = tabulate(*parse_hom("SO3: 1 x 1 -> 1")).rows[0]
    assert cross.lines() == [
        "cross product: 1 x 1 -> 1   (0.4082 times)",
        "     xx  xy  xz  yx  yy  yz  zx  zy  zz",
        "  x   .   .   .   .   .   1   .  -1   .",
        "  y   .   .  -1   .   .   .   1   .   .",
        "  z   .   1   .  -1   .   .   .   .   .",
    ]
    triple = tabulate(*parse_hom("SO3: V^3 -> 0")).rows[0]
    assert triple.lines()[1] == "  y[1] = x[xyz] - x[xzy] - x[yxz] + x[yzx] + x[zxy] - x[zyx]"
    matrix, factor = cross.scaled()
    assert torch.allclose(matrix * factor, cross.matrix)
    many = tabulate(*parse_hom("S10: V x V -> V x V")).rows[0].lines()
    assert many[1] == "  y[1,1] = x[1,1]"
    assert many[-1] == "  all others 0"
    assert len(many) < 20


def test_json_holds_the_maps_themselves():
    table = tabulate(*parse_hom("O2: V x V -> 0+ + 2"))
    content = json.loads(json.dumps(table.to_json()))
    assert content["dimension"] == 2
    assert content["dense"] == 12
    assert content["characters"] == {"dimension": 2, "method": "weights and components", "agree": True}
    assert torch.allclose(torch.tensor(content["maps"][1]["matrix"], dtype=torch.float64), table.rows[1].matrix)


def test_characters_that_disagree_are_said_to():
    rep_in, rep_out = parse_hom("SO3: 1 -> 1")
    table = tabulate(rep_in, rep_out)
    wrong = MapTable(rep_in, rep_out, table.rows, Count(7, "weights"))
    assert not wrong.agrees
    assert "CHARACTERS DISAGREE: they count 7" in wrong.summary()


@pytest.mark.parametrize("question", ["SO3: 1 x 1 -> 0 + 1 + 2", "S3: V x V -> V", "SO3: 0 -> 0", "SO3: 3 x 3 -> 6"])
def test_pictures(question, tmp_path):
    pytest.importorskip("matplotlib")
    table = tabulate(*parse_hom(question))
    figure = draw(table)
    assert len(figure.axes) == len(table.rows)
    titles = [axes.get_title() for axes in figure.axes]
    assert all(row.title.split(":")[0] in title for row, title in zip(table.rows, titles, strict=True))
    figure.savefig(tmp_path / "maps.png", dpi=40)
    assert (tmp_path / "maps.png").stat().st_size > 1000
