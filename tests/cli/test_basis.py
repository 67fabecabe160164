"""`intertwine basis`: what it prints, draws and refuses."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
import torch
import typer
from typer.testing import CliRunner

from intertwine._errors import UsageError
from intertwine.cli.commands._basis import basis
from intertwine.hom import _table


@pytest.fixture
def one_thread():
    """Threads that wait for a busy processor would count as work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def run(*words):
    """The command alone, as an app of its own; its exit code."""
    app = _app()
    return typer.main.get_command(app).main(list(words), standalone_mode=False)


def test_the_line_of_the_first_page(capsys):
    assert run("SO3: 1 x 1 -> 0 + 1 + 2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "3 maps (of 81 dense): trace, cross product, traceless symmetric part;  characters agree"
    assert "cross product: 1 x 1 -> 1   (0.4082 times)" in lines


def test_the_line_of_the_issue(capsys):
    assert run("O3: 1x1o x 1x1o -> 1x0e + 1x1e + 1x2e", "--limit", "0") == 0
    assert capsys.readouterr().out == (
        "3 maps (of 81 dense): trace, cross product, traceless symmetric part;  characters agree\n"
    )


def test_limit(capsys):
    assert run("S4: V x V -> V x V", "--limit", "2") == 0
    out = capsys.readouterr().out
    assert out.count("times)") == 2
    assert "and 13 more; --limit 15 shows them all" in out


def test_json(capsys):
    assert run("SO2: 1 -> 1", "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in content["maps"]] == ["identity", "quarter turn"]


def test_plot(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    path = tmp_path / "maps.png"
    assert run("SO3: 1 x 1 -> 1", "--plot", str(path)) == 0
    assert path.read_bytes().startswith(b"\x89PNG")
    assert f"plot          {path}" in capsys.readouterr().out
    assert run("SO3: 1 x 1 -> 1", "--json", "--plot", str(path)) == 0
    assert json.loads(capsys.readouterr().out)["dimension"] == 1  # nothing but JSON on standard output


def test_a_group_of_ones_own(tmp_path, capsys):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"name": "turns", "generators": [[[0, -1], [1, 0]]]}))
    assert run(f"{path}: V -> V") == 0
    assert capsys.readouterr().out.startswith("2 maps (of 4 dense): identity, quarter turn;  characters agree")


def test_disagreement_fails(monkeypatch, capsys):
    monkeypatch.setattr(_table, "character_count", lambda *_: _table.Count(5, "weights"))
    assert run("SO3: 1 -> 1") == 1
    assert "CHARACTERS DISAGREE: they count 5" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["SO3: 1 -> "], "cannot read"),
        (["SO3"], "GROUP: IN -> OUT"),
        (["SO99z: V -> V"], "no group"),
        (["SO3: 1^9 -> 1^9"], "entries"),
        (["SO3: 1 -> 1", "--limit", "-1"], "--limit expects"),
        (["SO3: 1 -> 1", "--plot", "maps.txt"], "--plot expects"),
        (["SO3: 1 -> 2", "--plot", "maps.png"], "nothing to draw"),
        (["SO3: 1 -> 1", "--plot", "no/such/folder/maps.png"], "cannot write"),
        (["nowhere.json: V -> V"], "no such file"),
    ],
)
def test_bad_input_is_one_line(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        run(*words)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_help():
    assert "IN -> OUT" in CliRunner().invoke(_app(), ["--help"], env={"COLUMNS": "200"}).stdout


def test_no_torch_before_there_is_work():
    code = "import sys, intertwine.cli.commands._basis; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_users_cache(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("INTERTWINE_CACHE", str(tmp_path))
    assert run("Lorentz: V x V -> V x V", "--cache") == 0
    assert len(list((tmp_path / "bases").iterdir())) == 1
    assert "cached" in capsys.readouterr().out


def _app():
    app = typer.Typer()
    app.command()(basis)
    return app


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "C500: regular -> regular",
            "500 maps commute, by characters; a map of regular -> regular has 250,000 entries",
        ),
        ("C999999: regular -> regular", "999,999 maps commute, by characters; a map of"),
        ("SO3: V^6 -> V^6", "4,213 maps commute, by characters; a map of"),
        ("Icosahedral: V^12 -> V", "maps commute, by characters; a map of"),
        ("SU2: 1000 -> 1000", "a map of 1000 -> 1000 has 4,004,001 entries"),
    ],
)
def test_what_is_too_large_for_a_table_is_counted_where_that_is_quick(text, said):
    before = time.process_time()
    with pytest.raises(UsageError, match="of a table") as caught:
        run(text)
    assert said in str(caught.value)
    assert time.process_time() - before < 1


@pytest.mark.parametrize("text", ["C999999: regular -> regular", "SO(99999): vector -> vector", "SO3: V^99 -> V"])
def test_what_does_not_fit_is_an_error_of_use(text):
    with pytest.raises(UsageError, match="entries"):
        run(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SO3: V^5 -> V^5", "603 maps (of 59,049 dense), by weights"),
        ("C500: regular -> regular", "500 maps (of 250,000 dense), by characters"),
        ("C999999: regular -> V", "2 maps (of 1,999,998 dense), by characters"),
        ("D999999: V x V -> V x V", "3 maps (of 16 dense), by characters"),
        ("S4: V x V x V -> V", "15 maps (of 256 dense), by characters"),
        ("SO3: 1 -> 2", "0 maps (of 15 dense), by weights"),
    ],
)
def test_the_count_alone(text, said, capsys):
    assert run(text, "--count") == 0
    assert capsys.readouterr().out == said + "\n"


def test_the_count_alone_as_json(capsys):
    assert run("SO3: 1 x 1 -> 2", "--count", "--json") == 0
    assert json.loads(capsys.readouterr().out)["characters"] == {"dimension": 1, "method": "weights"}


def test_no_count_without_characters():
    with pytest.raises(UsageError, match="no characters to count"):
        run("SE2: V -> V", "--count")
    with pytest.raises(UsageError, match="--plot draws the maps"):
        run("SO3: 1 -> 1", "--count", "--plot", "a.png")


def test_maps_that_are_too_many_are_counted():
    with pytest.raises(UsageError, match=r"^603 maps .* commute, by characters; they have .* entries, more than"):
        run("SO3: V^5 -> V^5")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("C300: regular -> V", "2 maps (of 600 dense)"),
        ("D300: regular -> V", "2 maps (of 1,200 dense)"),
        ("C999999: V -> V", "2 maps (of 4 dense): identity, quarter turn;  characters agree"),
        ("D999999: V -> V", "1 map (of 4 dense): identity;  characters agree"),
        ("SU2: 20 x 20 -> 20", "1 map (of 68,921 dense)"),
        ("SL(24): V -> V", "1 map (of 576 dense): identity"),
    ],
)
def test_what_is_within_bounds_takes_seconds(text, said, capsys, one_thread):
    before = time.process_time()
    assert run(text, "--limit", "0") == 0
    assert capsys.readouterr().out.startswith(said)
    assert time.process_time() - before < 6


def test_a_large_group_with_few_maps(capsys):
    assert run("S99: V -> V") == 0
    assert capsys.readouterr().out.startswith("2 maps (of 9,801 dense): identity, sum of the others;")
