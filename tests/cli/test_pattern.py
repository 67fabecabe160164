from __future__ import annotations

import inspect
import json

import pytest
import torch
import typer
from typer.testing import CliRunner

from intertwine._errors import UsageError
from intertwine.cli._pattern import pattern
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
