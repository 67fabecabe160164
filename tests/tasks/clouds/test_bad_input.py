"""Whatever is wrong with a shape or an option: it works, or one line and exit code 2, and nothing is left behind."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

OFF = "OFF\n{} {} 0\n"


def off(vertices, faces=()):
    lines = [" ".join(map(str, vertex)) for vertex in vertices] + [f"3 {a} {b} {c}" for a, b, c in faces]
    return OFF.format(len(vertices), len(faces)) + "\n".join(lines) + "\n"


WORKS = {
    "one point.xyz": "1 2 3\n",
    "two points.xyz": "0 0 0\n1 2 3\n",
    "collinear.xyz": "".join(f"{k} {2 * k} {3 * k}\n" for k in range(9)),
    "coplanar.xyz": "".join(f"{k % 3} {k // 3} 0\n" for k in range(9)),
    "duplicates.xyz": "0 0 0\n1 0 0\n0 1 0\n0 0 1\n" * 5,
    "all equal.xyz": "4 5 6\n" * 20,
    "far away.xyz": "".join(f"{1e7 + k} {k * k} {k % 4}\n" for k in range(9)),
    "no faces.off": off([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]),
    "triangle.off": off([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [(0, 1, 2)]),
}
SKIPPED = {
    "nan.xyz": ("0 0 nan\n1 1 1\n", "not finite"),
    "infinite.off": (off([(0, 0, 0), ("inf", 0, 0), (0, 1, 0)], [(0, 1, 2)]), ""),
    "empty.obj": ("", "empty"),
    "lying.ply": ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n", "begins like OFF"),
    "prose.xyz": ("Dear reader,\nthis is no shape.\n", ""),
}


def tree(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_degenerate_shapes_are_learned_and_named_shapes_are_skipped(shapes, command, small):
    for name, text in WORKS.items():
        (shapes / "classes" / "discs" / name).write_text(text)
    for name, (text, _) in SKIPPED.items():
        (shapes / "classes" / "tubes" / name).write_text(text)
    found = command("fit", "classify", "classes", *small["steerable"], "--train", "0.8", "--batch-size", 1)
    assert f"{24 + len(WORKS)} clouds" in found.out
    assert f"{len(SKIPPED)} files skipped: tubes/empty.obj (" in found.out
    command("evaluate", "runs/classes-1")
    for name in WORKS:
        command("predict", "runs/classes-1", f"classes/discs/{name}", "--output", f"{name}.csv")


@pytest.mark.parametrize("name", SKIPPED)
def test_each_bad_file_is_refused_by_name_when_strict(shapes, command, name, small):
    text, said = SKIPPED[name]
    (shapes / "classes" / "tubes" / name).write_text(text)
    before = tree(shapes)
    found = command("fit", "classify", "classes", "--strict", *small["message"], code=2)
    assert found.err.startswith("error: ")
    assert found.err.count("\n") == 1
    assert name in found.err
    assert said in found.err
    assert tree(shapes) == before


def test_a_class_of_one_sample_is_trained_on(shapes, command, small):
    (shapes / "classes" / "alone").mkdir()
    shutil.copy("classes/discs/0.xyz", "classes/alone/0.xyz")
    found = command("fit", "classify", "classes", *small["message"], "--epochs", 1)
    assert "25 clouds, 4 classes" in found.out
    assert "note: " in found.err
    assert "alone" in found.err


def arrange(words, place):
    """Make what the words need."""
    (place / "empty").mkdir()
    (place / "file.xyz").write_text("0 0 0\n")
    (place / "one" / "boxes").mkdir(parents=True)
    shutil.copy("classes/boxes/0.xyz", place / "one" / "boxes" / "0.xyz")
    (place / "few" / "boxes").mkdir(parents=True)
    (place / "few" / "discs").mkdir(parents=True)
    for kind in ("boxes", "discs"):
        shutil.copy(f"classes/{kind}/0.xyz", place / "few" / kind / "0.xyz")
        shutil.copytree(f"classes/{kind}", place / "held" / "test" / kind)


REFUSED = [
    (["classify", "nowhere"], 'no file or folder "nowhere"'),
    (["classify", "furnitur"], 'did you mean "furniture"'),
    (["segment", "circuit-part"], 'did you mean "circuit-parts"'),
    (["classify", "qm9"], "intertwine fit properties qm9"),
    (["classify", "empty"], "holds no shapes"),
    (["classify", "file.xyz"], "is a file; expected a folder"),
    (["classify", "one"], "one class only"),
    (["classify", "few"], "leave none to validate on"),
    (["classify", "held"], "no shape stands in a folder train"),
    (["segment", "classes"], "no part labels"),
    (["classify", "classes", "--encoder", "vektor"], 'no encoder "vektor"'),
    (["classify", "classes", "--encoder", "stearable"], 'did you mean "steerable"'),
    (["classify", "classes", "--frame", "pcb"], 'no frame "pcb"'),
    (["classify", "classes", "--augment", "so3"], 'did you mean "SO3"'),
    (["classify", "classes", "--up", "w"], 'no up "w"'),
    (["classify", "classes", "--points", "0"], "--points expects at least 1"),
    (["classify", "classes", "--dropout", "1"], "--dropout expects a share below 1"),
    (["classify", "classes", "--smoothing", "nan"], "--smoothing expects a finite number"),
    (["classify", "classes", "--width", "8"], "--width means nothing to the encoder steerable"),
    (["classify", "classes", "--hidden", "8x0"], "the encoder steerable cannot be built"),
    (["classify", "classes", "--normals"], "not every file has normals"),
    (["classify", "classes", "--train", "20", "--test", "20"], "ask for fewer"),
    (["classify", "classes", "--nieghbours", "3"], 'did you mean "--neighbors"'),
]


@pytest.mark.parametrize(("words", "said"), REFUSED, ids=[" ".join(words) for words, _ in REFUSED])
def test_what_cannot_be_is_one_line(shapes, command, words, said):
    arrange(words, shapes)
    before = tree(shapes)
    *notes, error = command("fit", *words, code=2).err.splitlines()
    assert all(note.startswith("note: ") for note in notes)
    assert error.startswith("error: ")
    assert said in error
    assert tree(shapes) == before


IN_USE = [
    (["evaluate", "runs/classes-steerable", "parts/boxes"], "one class only"),
    (["evaluate", "runs/parts-steerable", "classes"], "no part labels"),
    (["predict", "runs/classes-steerable", "classes", "--output", "out.ply"], 'no format ".ply"'),
    (["predict", "runs/classes-steerable", "classes", "--output", "out"], "no format"),
    (["predict", "runs/parts-steerable", "parts", "--output", "classes"], "is a folder with something in it"),
    (["predict", "runs/parts-steerable", "parts", "--output", "nowhere/out"], "does not exist"),
    (["predict", "runs/parts-steerable", "runs/parts-steerable/metrics.csv"], "is no shape"),
    (["predict", "runs/parts-steerable", "nowhere"], "nowhere"),
]


@pytest.mark.parametrize(("words", "said"), IN_USE, ids=[" ".join(words) for words, _ in IN_USE])
def test_models_in_use(at_shapes, command, words, said):
    before = tree(Path())
    found = command(*words, code=2)
    assert found.err.startswith("error: ")
    assert found.err.count("\n") == 1
    assert said in found.err
    assert tree(Path()) == before


def equal_points(path, points=9):
    path.write_text("1 2 3\n" * points)


def test_clouds_of_equal_points_are_named(shapes, command, small):
    for kind in ("boxes", "tubes"):
        for path in sorted((shapes / "classes" / kind).iterdir())[:2]:
            equal_points(path)
    found = command("fit", "classify", "classes", *small["message"], "--epochs", "1")
    assert "all points of" in found.err
    assert "and 1 more are equal" in found.err
    report = Path("runs/classes-1/report.html").read_text()
    for text in ("intertwine fit classify classes --", "seed", "started", str(shapes / "classes")):
        assert text in report
    for path in (shapes / "classes").rglob("*.xyz"):
        equal_points(path)
    found = command("fit", "classify", "classes", *small["message"], code=2)
    assert "every cloud consists of equal points" in found.err
    found = command("predict", "runs/classes-1", "classes", "--output", "out.csv")
    assert "are equal: no shape" in found.err
