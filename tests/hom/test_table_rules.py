"""The rules of the table of maps: coordinates, numbers, what is left out, counts, bounds, pictures."""

import pytest
import torch

from intertwine._errors import UsageError
from intertwine.groups import O3, SO2, SO3, Cyclic, MatrixGroup
from intertwine.hom import _table, draw, parse_hom, tabulate
from intertwine.hom._table import MapRow, MapTable, axis_labels


def row(matrix, copies=1):
    matrix = torch.as_tensor(matrix, dtype=torch.float64)
    G = Cyclic(1)
    return MapRow(None, matrix.shape[1] * G.trivial, matrix.shape[0] * G.trivial, copies, matrix)


def test_coordinates_have_the_letters_of_the_defining_representation_alone():
    G = SO3()
    assert axis_labels(G.vector) == ["x", "y", "z"]
    assert axis_labels(SO2().vector) == ["x", "y"]
    assert axis_labels(3 * G.trivial) == ["1", "2", "3"]
    assert axis_labels(O3().rep("1x1e")) == ["1", "2", "3"]
    assert axis_labels(parse_hom("SO4: V -> V")[0]) == ["1", "2", "3", "4"]
    assert axis_labels(Cyclic(1).trivial) == ["1"]
    assert axis_labels(MatrixGroup([[[1.0, 1.0], [0.0, 1.0]]]).vector) == ["1", "2"]
    assert axis_labels(SO2().vector * SO2().vector) == ["xx", "xy", "yx", "yy"]
    ten = parse_hom("S10: V x V -> V")[0]
    assert axis_labels(ten)[:2] == ["1,1", "1,2"]
    assert axis_labels(ten)[-1] == "10,10"
    nine = parse_hom("S9: V x V -> V")[0]
    assert axis_labels(nine)[-1] == "99"


def test_whole_numbers_are_written_as_such_up_to_99():
    for largest, whole in ((99.0, True), (100.0, False)):
        matrix, factor = row([[0.5, 0.5 * largest]]).scaled()
        assert factor == (0.5 if whole else 1.0)
        assert matrix.tolist() == [[1.0, largest] if whole else [0.5, 0.5 * largest]]
    assert row([[1.0, 1.5]]).scaled()[1] == 1.0
    assert row([[2.0, 1e-10]]).scaled()[1] == 2.0
    assert row([[0.25, -0.5]], copies=3).lines()[0].endswith("(0.25 times)   3 copies")
    assert "times" not in row([[1.0, -2.0]]).lines()[0]
    assert "copies" not in row([[1.0, -2.0]]).lines()[0]


def test_small_maps_are_tables_and_larger_ones_formulas():
    assert row(torch.eye(12)).lines()[1].split() == [str(k + 1) for k in range(12)]
    assert row(torch.eye(13)).lines()[1] == "  y[1] = x[1]"
    values = row([[1.0, 4e-4, 6e-4]]).lines()[2].split()
    assert values == ["1", "1.000", ".", "0.001"]


def test_formulas_say_what_they_leave_out():
    lines = row(torch.ones(14, 15)).lines()
    assert len(lines) == 1 + 12 + 1
    assert lines[1] == "  y[1] = " + " + ".join(f"x[{k + 1}]" for k in range(12)) + " + .. (3 more)"
    assert lines[-1] == "  .. (2 more)"
    lines = row(torch.ones(12, 13)).lines()
    assert len(lines) == 1 + 12
    assert lines[-1].endswith(" + x[12] + .. (1 more)")
    assert row(torch.ones(13, 12)).lines()[1].endswith(" + x[11] + x[12]")
    sparse = torch.zeros(13, 13)
    sparse[1, 2], sparse[1, 3], sparse[4, 0] = 2.0, -1.0, -1.0
    assert row(sparse).lines()[1:] == ["  y[2] = 2 x[3] - x[4]", "  y[5] = - x[1]", "  all others 0"]
    broken = torch.zeros(13, 13)
    broken[0, 0], broken[0, 1] = 1.0, -1.5
    assert row(broken).lines()[1] == "  y[1] = 1.000 x[1] - 1.500 x[2]"


def test_copies_multiply_and_the_counts_are_added():
    table = tabulate(*parse_hom("SO3: 2x1 + 3x0 -> 3x1 + 0"))
    assert sorted(row.copies for row in table.rows) == [3, 6]
    assert table.dimension == 9 == table.count.dimension
    assert table.dense == 9 * 10
    assert tabulate(*parse_hom("C3: V -> V + trivial")).count.method == "characters"
    assert tabulate(*parse_hom("SO3: 1 -> 1")).count.method.startswith("weights")


def test_what_is_not_counted_for_one_term_is_not_counted(monkeypatch):
    counted = _table.character_count
    rep_in, rep_out = parse_hom("SO3: 1 + 2 -> 1 + 2")
    monkeypatch.setattr(_table, "character_count", lambda a, b: None if a.dim == 5 else counted(a, b))
    table = tabulate(rep_in, rep_out)
    assert table.count is None
    assert table.agrees
    assert table.dimension == 2


@pytest.mark.parametrize(
    ("name", "question", "fits", "says"),
    [
        (
            "MOST_ENTRIES",
            "SO3: V x V -> V x V",
            81,
            r"^3 maps commute, by characters; a map of 1 \* 1 -> .* has 81 entries",
        ),
        ("MOST_NUMBERS", "SO3: V x V -> V x V", 243, r"^3 maps .* commute, by characters; they have 243 entries"),
        ("LARGEST_GROUP", "SO3: V -> V", 3, r"the generators of SO\(3\) are 3 x 3 matrices, larger than the 2 x 2"),
    ],
)
def test_a_table_is_refused_beyond_its_bounds_and_not_at_them(monkeypatch, name, question, fits, says):
    reps = parse_hom(question)
    monkeypatch.setattr(_table, name, fits)
    tabulate(*reps)
    monkeypatch.setattr(_table, name, fits - 1)
    with pytest.raises(UsageError, match=says):
        tabulate(*reps)


def test_finite_groups_have_no_bound_on_their_matrices(monkeypatch):
    monkeypatch.setattr(_table, "LARGEST_GROUP", 1)
    assert tabulate(*parse_hom("C4: V -> V")).dimension == 2


def test_the_count_in_a_refusal_is_left_out_where_it_would_take_long(monkeypatch):
    rep_in, rep_out = parse_hom("SO3: V x V -> V x V")
    monkeypatch.setattr(_table, "MOST_ENTRIES", 80)
    for name, most in (("_MOST_FACTORS", 4), ("_LARGEST_FACTOR", 3)):
        monkeypatch.setattr(_table, name, most)
        with pytest.raises(UsageError, match=r"^3 maps commute"):
            tabulate(rep_in, rep_out)
        with monkeypatch.context() as less:
            less.setattr(_table, name, most - 1)
            with pytest.raises(UsageError, match=r"^a map of"):
                tabulate(rep_in, rep_out)
    monkeypatch.setattr(_table, "character_count", lambda a, b: (_ for _ in ()).throw(ArithmeticError))
    with pytest.raises(UsageError, match=r"^a map of"):
        tabulate(rep_in, rep_out)


def test_a_basis_is_turned_to_one_with_names_only_where_it_is_small(monkeypatch):
    """That of the Lorentz group comes from a null space, in which most maps have no name."""
    rep_in, rep_out = parse_hom("Lorentz: V x V -> V x V")
    table = tabulate(rep_in, rep_out)
    named = {row.name for row in table.rows}
    assert "symmetric part" in named
    entries = sum(row.matrix.numel() for row in table.rows)
    for name, most in (("MOST_NAMED", len(table.rows)), ("_MOST_PRODUCTS", len(table.rows) * entries)):
        monkeypatch.setattr(_table, name, most)
        assert {row.name for row in tabulate(rep_in, rep_out).rows} == named
        with monkeypatch.context() as less:
            less.setattr(_table, name, most - 1)
            assert {row.name for row in tabulate(rep_in, rep_out).rows} < named


def test_pictures_are_laid_out_in_rows():
    pytest.importorskip("matplotlib")
    table = tabulate(*parse_hom("SO3: V^3 -> V^3"))
    figure = draw(table, limit=7)
    assert len(figure.axes) == 7
    assert f"{table.dimension} maps (of 729 dense), 7 of them drawn" in figure.get_suptitle()
    small = draw(tabulate(*parse_hom("SO3: 1 x 1 -> 0 + 1 + 2")))
    assert "drawn" not in small.get_suptitle()
    assert [axes.get_subplotspec().colspan.start for axes in small.axes] == [0, 1, 2]
    assert {axes.get_subplotspec().rowspan.start for axes in small.axes} == {0}
    six = draw(tabulate(*parse_hom("SO3: 0 + 1 + 2 + 3 + 4 + 5 -> 0 + 1 + 2 + 3 + 4 + 5")))
    assert [axes.get_subplotspec().rowspan.start for axes in six.axes] != [0] * 6
    for axes, row_ in zip(small.axes, tabulate(*parse_hom("SO3: 1 x 1 -> 0 + 1 + 2")).rows, strict=True):
        (image,) = axes.images
        low, high = image.get_clim()
        assert high == pytest.approx(1.3 * float(row_.matrix.abs().max())) == -low
        assert [text.get_text() for text in axes.get_xticklabels()] == axis_labels(row_.rep_in)
        assert [text.get_text() for text in axes.get_yticklabels()] == axis_labels(row_.rep_out)
        assert len(axes.collections) == 2
        assert axes.get_xticklabels()[0].get_rotation() == 0


def test_large_maps_are_drawn_without_labels_and_lines():
    pytest.importorskip("matplotlib")

    def axes_of(rows, columns):
        reps = (columns * Cyclic(1).trivial, rows * Cyclic(1).trivial)
        matrix = torch.ones(rows, columns, dtype=torch.float64)
        return draw(MapTable(*reps, (MapRow(None, *reps, 1, matrix),), None)).axes[0]

    assert len(axes_of(16, 17).get_yticklabels()) == 16
    assert len(axes_of(16, 17).get_xticklabels()) == 0
    assert [axes_of(2, columns).get_xticklabels()[0].get_rotation() for columns in (9, 10)] == [0, 90]
    assert [len(axes_of(20, columns).collections) for columns in (20, 21)] == [2, 0]
    (across, along) = axes_of(3, 4).collections
    assert [line[0].tolist() for line in across.get_segments()] == [[-0.5, 0.5], [-0.5, 1.5]]
    assert [line[0].tolist() for line in along.get_segments()] == [[0.5, -0.5], [1.5, -0.5], [2.5, -0.5]]
    assert across.get_segments()[0][1].tolist() == [3.5, 0.5]
    assert along.get_segments()[0][1].tolist() == [0.5, 2.5]
