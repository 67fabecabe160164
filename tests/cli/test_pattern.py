from __future__ import annotations

import inspect
import json

import pytest
import torch
import typer
from typer.testing import CliRunner

from intertwine._errors import UsageError
from intertwine.cli.commands._pattern import pattern
from intertwine.patterns import WALLPAPERS, write_image

pytest.importorskip("PIL")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command in a folder of its own; errors of use come out as they are."""
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()

    # The runner's commands give their exit code to typer only when they raise it.
    def command(*args, **kwargs):
        raise typer.Exit(pattern(*args, **kwargs))

    command.__signature__ = inspect.signature(pattern, eval_str=True)
    app.command()(command)

    def call(*arguments):
        result = CliRunner().invoke(app, list(arguments))
        if isinstance(result.exception, UsageError):
            raise result.exception
        return result

    return call


def test_the_list_names_all_17(run):
    result = run()
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(WALLPAPERS)


def test_what_is_drawn_is_named(run, tmp_path):
    result = run("p4g", "out.png", "--size", "160x140", "--rotation", "20", "--seed", "2")
    assert result.exit_code == 0
    assert "written" in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]
    result = run("--detect", "out.png")
    assert result.exit_code == 0
    assert "p4g, confidence 0.9" in result.stdout
    assert "rotation by 90 degrees about" in result.stdout
    found = json.loads(run("--detect", "out.png", "--json").stdout)
    assert found["group"] == "p4g"
    assert found["system"] == "square"


def test_a_motif_is_repeated(run):
    generator = torch.Generator().manual_seed(0)
    motif = torch.nn.functional.interpolate(torch.rand(1, 3, 5, 5, generator=generator), 60, mode="bicubic")[0]
    write_image("motif.png", motif)
    assert run("p3", "out.png", "--motif", "motif.png", "--size", "150").exit_code == 0
    assert "p3, confidence" in run("--detect", "out.png").stdout


def test_noise_has_no_group(run):
    write_image("noise.png", torch.rand(3, 90, 90, generator=torch.Generator().manual_seed(0)))
    result = run("--detect", "noise.png")
    assert result.exit_code == 1
    assert result.stdout.startswith("no lattice: ")
    assert len(result.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["p4x", "out.png"], 'no wallpaper group "p4x"; did you mean "p4'),
        (["p4g"], "intertwine pattern p4g p4g.png"),
        (["p4g", "out.gif"], "pictures end in .png"),
        (["p4g", "none/out.png"], "is no folder"),
        (["p4g", "out.png", "--size", "big"], "--size expects a width"),
        (["p4g", "out.png", "--size", "8"], "32 to 8192 pixels"),
        (["p4g", "out.png", "--cells", "0"], "cells across are 1.5 to 24"),
        (["p4g", "out.png", "--palette", "mud"], 'no palette "mud". Known: alhambra'),
        (["p4g", "out.png", "--motif", "none.png"], "none.png: no such file"),
        (["--detect", "none.png"], "none.png: no such file"),
        (["--detect", "words.png"], "no picture that can be read"),
        (["--detect", "small.png"], "too small: 20 x 20"),
        (["p4g", "out.png", "--detect", "small.png"], "--detect takes neither a group nor --motif"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing_behind(run, tmp_path, arguments, message):
    (tmp_path / "words.png").write_text("words")
    write_image(tmp_path / "small.png", torch.rand(3, 20, 20))
    with pytest.raises(UsageError) as error:
        run(*arguments)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.png", "words.png"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["p5"], r'no wallpaper group "p5"; did you mean "p'),
        (["p4mm"], r"give the image to write: intertwine pattern p4m p4m.png"),
        (["p4m", "out.png", "--rotation", "inf"], "finite number of degrees, got inf"),
        (["p4m", "out.png", "--rotation", "-inf"], "finite number of degrees, got -inf"),
        (["p4m", "out.png", "--rotation", "nan"], "finite number of degrees, got nan"),
        (["p4m", "out.png", "--cells", "nan"], "cells across are 1.5 to 24, got nan"),
        (["p4m", "out.png", "--cells", "inf"], "cells across are 1.5 to 24, got inf"),
        (["p4m", "out.png", "--cells", "-4"], "cells across are 1.5 to 24, got -4"),
        (["p4m", "out.png", "--cells", "1e300"], "cells across are 1.5 to 24"),
        (["p4m", "out.png", "--size", "0"], "32 to 8192 pixels"),
        (["p4m", "out.png", "--size", "100000000"], "32 to 8192 pixels"),
        (["p4m", "out.png", "--size", "9" * 6000], "--size expects a width"),
        (["p4m", "out.png", "--seed", "9" * 30], r"whole number below 2\^63"),
    ],
)
def test_absurd_options_are_refused(run, tmp_path, words, message):
    with pytest.raises(UsageError, match=message):
        run(*words)
    assert list(tmp_path.iterdir()) == []


def test_any_finite_rotation_is_drawn(run):
    assert run("p4m", "out.png", "--size", "64", "--rotation", "1e300").exit_code == 0
    assert run("p4m", "out.png", "--size", "64", "--rotation", "-725", "--seed", "-1").exit_code == 0
