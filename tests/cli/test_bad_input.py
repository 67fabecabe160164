"""Whatever is wrong with a file or an option: one line on stderr, exit code 2, nothing lost and nothing left behind."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from intertwine.training import Settings
from intertwine.training.checkpoints._checkpoint import checksum

HEAD = 'Properties=species:S:1:pos:R:3 dipole="0.1 0.2 0.3" strain=1.0 moment="1 0 0 0 1 0 0 0 1"'

COLUMNS = "Properties=species:S:1:pos:R:3:q:R:1:forces:R:3 strain=1.0"


def frame(atoms="H 0 0 0\nO 0 0 1", info=HEAD):
    return f"{len(atoms.splitlines())}\n{info}\n{atoms}\n"


FILES = {
    "empty": "",
    "blank": "\n\n",
    "prose": "Dear reader,\nthis is no structure.\n",
    "nan": frame() * 3 + frame("H 0 0 0\nO 0 nan 1"),
    "infinite": frame() + frame("H 0 0 0\nO inf 0 1"),
    "element": frame() * 2 + frame("H 0 0 0\nXx 0 0 1"),
    "none": frame() + f"0\n{HEAD}\n",
    "missing": frame() * 2 + frame(info="Properties=species:S:1:pos:R:3 strain=1.0") + frame(),
    "cut": frame() * 2 + "5\n" + HEAD + "\nH 0 0 0\n",
    "infinite_target": frame() + frame(info=HEAD.replace("strain=1.0", "strain=inf")),
    "words": frame(info=HEAD.replace("strain=1.0", "strain=large")),
    "skew": frame() + frame(info=HEAD.replace("1 0 0 0 1 0 0 0 1", "1 9 0 0 1 0 0 0 1")),
    "periodic": frame(info=HEAD + ' pbc="T T T"'),
    "flat": frame() + frame(info=HEAD + ' Lattice="9 0 0 0 9 0 9 9 0" pbc="T T T"'),
    "image": frame("H 0 0 0\nO 0 9 9", HEAD + ' Lattice="9 0 0 0 9 0 0 0 9" pbc="F T T"'),
    "columns": frame("H 0 0 0 1 0 0 1\nO 0 0 1 2 0 0 1", COLUMNS) + frame(),
    "column_nan": frame("H 0 0 0 1 0 0 1\nO 0 0 1 nan 0 0 1", COLUMNS),
    "column_short": frame("H 0 0 0 1 0 0 1\nO 0 0 1 2 0 0", COLUMNS),
    "two": frame() * 2,
}

FIT = [
    ("nowhere.extxyz", ["--target", "strain"], "nowhere.extxyz"),
    ("empty", ["--target", "strain"], "empty"),
    ("blank", ["--target", "strain"], "holds no structures"),
    ("prose", ["--target", "strain"], "prose"),
    ("nan", ["--target", "strain"], "frame 4"),
    ("infinite", ["--target", "strain"], "frame 2"),
    ("element", ["--target", "strain"], 'unknown element "Xx"'),
    ("none", ["--target", "strain"], "at least one atom"),
    ("missing", ["--target", "dipole:1o"], "frame 3"),
    ("cut", ["--target", "strain"], "5 atoms"),
    ("infinite_target", ["--target", "strain"], "not finite"),
    ("words", ["--target", "strain"], "not numeric"),
    ("skew", ["--target", "moment:ij=ji"], "is not symmetric"),
    ("periodic", ["--target", "strain"], "has no cell"),
    ("flat", ["--target", "strain"], "frame 2: the lattice vectors"),
    ("image", ["--target", "strain"], "atom 2 is a periodic image of atom 1"),
    ("columns", ["--target", "q"], 'frame 2: no column "q" of atoms'),
    ("columns", ["--target", "forces"], "intertwine fit potential"),
    ("columns", ["--target", "q:1o"], "has 3 numbers an atom, the file has 1"),
    ("columns", ["--target", "q", "--pool", "mean"], "nothing is pooled"),
    ("columns", ["--target", "q", "--target", "strain"], "targets of one kind"),
    ("column_nan", ["--target", "q"], 'column "q" is not finite at atom 2'),
    ("column_short", ["--target", "q"], "expected 8 columns"),
    ("mine", ["--target", "strane"], 'did you mean "strain"'),
    ("mine", ["--target", "dipole"], "3 numbers"),
    ("mine", ["--target", "strain:1o"], "has 3 components"),
    ("mine", [], "nothing to learn"),
    ("mine", ["--target", "strain", "--target", "strain"], "given twice"),
    ("mine", ["--target", "strain:1x"], "is not a representation"),
    ("mine", ["--target", "dipole:1o", "--hidden", "8x0e"], "cannot produce 1o"),
    ("mine", ["--target", "dipole:1o", "--hidden", "many"], "is not a representation"),
    ("mine", ["--target", "strain", "--train", "4000"], "4,000"),
    ("mine", ["--target", "strain", "--train", "-1"], "--train expects"),
    ("mine", ["--target", "strain", "--validation", "0"], "validate on"),
    ("mine", ["--target", "strain", "--epochs", "0"], "--epochs expects at least 1"),
    ("mine", ["--target", "strain", "--learning-rate", "nan"], "finite"),
    ("mine", ["--target", "strain", "--cutoff", "0"], "more than 0"),
    ("mine", ["--target", "strain", "--seed", "-1"], "at least 0"),
    ("mine", ["--target", "strain", "--output", "mine.extxyz"], "mine.extxyz"),
    ("qm9", ["--target", "dipole"], "no target of qm9"),
]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def folders(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_dir()}


@pytest.fixture
def refused(run):
    """Run a command that must be refused in one line and leave everything as it was."""

    def command(*words, said):
        place = Path()
        before, places = tree(place), folders(place)
        found = run(*words, code=2)
        assert found.err.startswith("error: "), found.err
        assert found.err.count("\n") == 1, found.err
        assert said in found.err
        assert tree(place) == before
        assert folders(place) == places

    return command


@pytest.mark.parametrize(("name", "options", "said"), FIT)
def test_fit(here, refused, tiny, name, options, said):
    data = name if name in ("qm9", "nowhere.extxyz") else f"{name}.extxyz"
    if name in FILES:
        (here / data).write_text(FILES[name])
    # What the case is about comes last, so that it wins over the options of the tests.
    refused("fit", "properties", data, *tiny, *options, said=said)


def test_a_run_is_not_written_over(model, refused, tiny):
    refused(
        "fit",
        "properties",
        "mine.extxyz",
        "--target",
        "strain",
        *tiny,
        "--output",
        "runs/mine-1",
        said="exists already",
    )


@pytest.fixture
def copy(model, tmp_path, monkeypatch):
    """A copy of a run, to be damaged."""
    shutil.copytree(model.parent.parent.parent, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return Path("runs/mine-1/best")


def truncate(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def garble(folder):
    (folder / "checkpoint.json").write_text("{")


def rewrite(**values):
    def change(folder):
        path = folder / "checkpoint.json"
        record = json.loads(path.read_text()) | values
        path.write_text(json.dumps(record | {"checksum": checksum(record)}))

    return change


DAMAGES = [
    (truncate, "model.safetensors"),
    (garble, "checkpoint.json"),
    (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors"),
    (lambda folder: (folder / "checkpoint.json").unlink(), "checkpoint"),
    (rewrite(conventions=999), "999"),
    (rewrite(format=999), "999"),
    (rewrite(task="segmnt"), 'no task "segmnt"'),
    (rewrite(config={}), "configuration"),
]


@pytest.mark.parametrize(("damage", "said"), DAMAGES)
@pytest.mark.parametrize("command", ["evaluate", "audit", "predict"])
def test_checkpoints(copy, refused, damage, said, command):
    damage(copy)
    words = {"predict": ["mine.extxyz", "--output", "out.csv"]}.get(command, [])
    refused(command, copy, *words, said=said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["evaluate", "nowhere"], 'no checkpoint "nowhere"'),
        (["evaluate", "mine.extxyz"], "is a file"),
        (["evaluate", "."], "checkpoint"),
        (["evaluate", "BEST", "nowhere.xyz"], "nowhere.xyz"),
        (["evaluate", "BEST", "bare.xyz"], 'no target "strain"'),
        (["evaluate", "BEST", "silicon.extxyz"], "element Si was not seen in training"),
        (["evaluate", "BEST", "--batch-size", "0"], "positive"),
        (["predict", "BEST", "silicon.extxyz", "--output", "out.csv"], "element Si was not seen in training"),
        (["predict", "BEST", "halfway.extxyz", "--output", "out.csv"], "halfway.extxyz, frame 3"),
        (["predict", "BEST", "mine.extxyz", "--output", "out.pdf"], 'no format ".pdf"'),
        (["predict", "BEST", "mine.extxyz", "--output", "nowhere/out.csv"], "nowhere"),
        (["predict", "BEST", "mine.extxyz", "--output", "runs"], "is a folder"),
        (["predict", "BEST", "mine.extxyz", "--output", "mine.extxyz"], "--force"),
        (["predict", "BEST", "mine.extxyz", "--output", "mine.extxyz", "--force"], "reads"),
        (["audit", "BEST", "silicon.extxyz"], "element Si was not seen in training"),
        (["audit", "BEST", "--tolerance", "-1"], "positive"),
        (["fit", "--resume", "nowhere"], "no run to resume"),
        (["fit", "--resume", "runs"], "config.json"),
        (["fit", "--resume", "runs/mine-1", "--epochs", "0"], "epochs"),
    ],
)
def test_models_in_use(copy, refused, write, words, said):
    write(Path("silicon.extxyz"), n=4, elements=("H", "Si"))
    Path("bare.xyz").write_text("1\nno answers\nH 0 0 0\n")
    Path("halfway.extxyz").write_text(frame() * 2 + frame("H 0 0 0\nO nan 0 0"))
    refused(*(copy if word == "BEST" else word for word in words), said=said)


def test_a_full_disk_leaves_the_last_checkpoint(copy, run, monkeypatch):
    """The training floor tests the saving itself; here: one line, exit code 2, and the checkpoint still evaluates."""

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        found = run("fit", "--resume", "runs/mine-1", "--epochs", "4", code=2)
    assert found.err.startswith("error: ")
    assert "no space left" in found.err.lower()
    run("evaluate", copy.absolute())
    run("fit", "--resume", copy.absolute().parent, "--epochs", "4")


def test_settings_are_checked_by_the_training_floor_as_well():
    with pytest.raises(ValueError, match="epochs"):
        Settings(epochs=0)
