"""Questions of `intertwine basis`, and patterns."""

from __future__ import annotations

from fuzz_case import EITHER, RIGHT, WRONG, Case, Draw

RIGHT_QUESTIONS = (
    "SO3: 1 x 1 -> 0 + 1 + 2", "O3: V x V -> 1e", "C4: regular -> V", "D6: V -> V", "S5: V -> V x V", "SO2: 1 -> 1",
    "SU2: 1 -> 1",
    "Icosahedral: V -> V", "Lorentz: V x V -> trivial", "group.json: V -> V", "A4: V -> V", "SL(3): V -> V",
    "Sp(4): V -> V",
    "SO(5): V -> V", "O2: 1 -> 1", "SE3: V -> V", "C1: V -> V", "D1: V -> V", "S1: V -> V", "Octahedral: regular -> V",
    "C12: regular -> regular", "T: V^2 -> V", "SO3: 3x1 -> 2x1", "SO3: V* -> V", "C999999: V -> V", "D999999: V -> V",
)  # fmt: skip
WRONG_QUESTIONS = (
    "", " ", ":", "->", "SO3", "SO3:", "SO3: ->", "SO3: 1 ->", "SO3: -> 1", "SO3: 1", "SO3: 1 -> 1 -> 1",
    "XX: 1 -> 1", "SO3: W -> 1",
    "SO3: 1 + -> 1", "SO3: (1 -> 1", "SO3: 1) -> 1", "SO3: 1 xx 1 -> 1", "SO3: 1^ -> 1", "SO3: 1^-1 -> 1",
    "SO3: 1^1e3 -> 1",
    "SO3: -1 -> 1", "SO3: 1.5 -> 1", "O3: 1 -> 1", "O3: 1q -> 1e", "C0: V -> V", "D0: V -> V", "S0: V -> V",
    "C-3: V -> V", "S99: V x V x V -> V x V",
    "SO(99999): V -> V", "SO3: V^99 -> V", "SO3: regular -> V", "SO3: 99999999999999999999999 -> 1",
    "Sp(3): V -> V", "SO(0): V -> V",
    "nope.json: V -> V", "model.py: V -> V", "classes/: V -> V", "so3: 1 -> 1", "SO3 1 -> 1", "SO3: é -> 1",
    "SO3:\n1 -> (", "SO3: " + "(" * 60 + "1 -> 1",
    "SO3: " + "1 + " * 3000 + "1 -> 1", "C999999: regular -> regular", "S99999: [99999] -> q", "A99: V -> q",
    "SO3: 10000 -> 10000",
    "SL(24): V^9 -> V^9", "S40: [20,10,10] -> V", "Icosahedral: V^20 -> V", "SE3: V^12 -> V",
    "SO3: V^999999999 -> V", "/dev/null: V -> V",
)  # fmt: skip
GROUPS = (
    "SO3",
    "O3",
    "SO2",
    "O2",
    "SU2",
    "C4",
    "C7",
    "D3",
    "D300",
    "C300",
    "S4",
    "S6",
    "A5",
    "T",
    "Octahedral",
    "I",
    "FullOctahedral",
    "SO(4)",
    "SO(7)",
    "O(3)",
    "SL(2)",
    "SL(3)",
    "SL(24)",
    "Sp(4)",
    "Lorentz",
    "FullLorentz",
    "SE2",
    "E3",
    "U1",
    "SU2",
    "group.json",
    "C999",
    "D50",
    "S12",
    "SO(24)",
)
ATOMS = (
    "V",
    "V",
    "V",
    "regular",
    "trivial",
    "0",
    "1",
    "2",
    "5",
    "20",
    "0e",
    "1o",
    "2e",
    "[2,1]",
    "[1]",
    "A",
    "E",
    "T1",
    "V*",
    "3xV",
    "2x1",
    "100xV",
)
GROUP_FILES = (
    "", "{", "[]", "{}", '{"generators": 3}', '{"generators": [[[1]]]}', '{"generators": [[[0]]]}',
    '{"generators": [[[1, 2]]]}',
    '{"generators": [[["a"]]]}', '{"generators": [[[NaN]]]}', '{"generators": [[[1e300, 0], [0, 1]]]}',
    '{"algebra": [[[1, 2], [3, 4]], [[1, 2], [3, 4]]]}',
    '{"generators": [[[2]]]}', '{"generators": [[[0, -1], [1, 0]]], "reps": 3}',
    '{"generators": [[[0, -1], [1, 0]]], "reps": {"W": {}}}',
    '{"generators": [[[0, -1], [1, 0]]], "reps": {"V": {"generators": [[[1]]]}}}',
    '{"generators": [[[0, -1], [1, 0]]], "reps": {"W": {"generators": [[[2]]]}}}',
    '{"generators": [[[0.6, -0.8], [0.8, 0.6]]]}', '{"generators": [[[1, 1], [0, 1]]]}',
    '{"generators": [], "algebra": []}', '{"name": 3, "generators": [[[1]]]}',
    '{"generators": [[[0, -1], [1, 0]], [[1]]]}', '{"generators": null}',
    '{"generators": [[[0, -1], [1, 0]]], "extra": 1}',
)  # fmt: skip


def product(draw: Draw) -> str:
    """A random sum of products."""
    terms = []
    for _ in range(draw.choice([1, 1, 1, 2])):
        factors = []
        for _ in range(draw.choice([1, 1, 2, 3])):
            atom = draw.choice(ATOMS)
            factors.append(atom + (f"^{draw.randint(0, 6)}" if draw.random() < 0.25 else ""))
        terms.append(" x ".join(factors))
    return " + ".join(terms)


def question(draw: Draw) -> Case:
    """A question, right, wrong, random or mutated."""
    kind = draw.randrange(6)
    flags = draw.choice([(), (), ("--json",), ("--limit", "0"), ("--count",)])
    if kind == 0:
        return Case("basis: wrong", ("basis", draw.choice(WRONG_QUESTIONS)), WRONG)
    if kind == 1:
        known = EITHER if "--count" in flags else RIGHT  # Groups without characters are solved for, not counted.
        return Case("basis: right", ("basis", draw.choice(RIGHT_QUESTIONS), *flags), known)
    if kind == 2:
        text = list(draw.choice(RIGHT_QUESTIONS))
        for _ in range(draw.randint(1, 3)):
            text[draw.randrange(len(text))] = draw.choice([*" :->x+*^()V019eoé[],", "99", ""])
        return Case("basis: mutated", ("basis", "".join(text), *flags), EITHER)
    if kind == 3:
        content = draw.choice(GROUP_FILES)
        return Case("basis: file", ("basis", "g.json: V -> V", *flags), EITHER, lambda folder: _write(folder, content))
    return Case(
        "basis: random", ("basis", f"{draw.choice(GROUPS)}: {product(draw)} -> {product(draw)}", *flags), EITHER
    )


def _write(folder: object, content: str) -> None:
    (folder / "g.json").write_text(content)  # type: ignore[operator]


def pattern(draw: Draw) -> Case:
    """A pattern whose group, place or size is wrong."""
    wrong: list[tuple[str, ...]] = [
        ("p5", "a.png"), ("p4",), ("p4", "a.xyz"), ("p4", ""), ("p4", "nope/a.png"), ("p4", "classes"), ("",
        "a.png"), ("é", "a.png"), ("P4", "a"),
        ("p4", "a.png", "b.png"), ("p4", "a.png", "--cells", "0"), ("p4", "a.png", "--cells", "-1"), ("p4", "a.png",
        "--cells", "1e9"), ("p4", "/dev/null/a.png"),
        ("p4", "a.png", "--rotation", "nan"), ("p4", "--detect", "model.py"), ("--detect", "model.py", "--motif",
        "model.py"), ("p4", "x" * 300 + ".png"),
    ]  # fmt: skip
    right: list[tuple[str, ...]] = [
        (),
        ("p6m", "a.png", "--size", "40"),
        ("pg", "é.jpg", "--size", "40x64", "--seed", "3"),
        ("cm", "a.webp", "--size", "48", "--rotation", "-1e6"),
    ]
    words, known = draw.choice([(words, WRONG) for words in wrong] + [(words, RIGHT) for words in right])
    return Case("pattern", ("pattern", *words), known)


def public_set(draw: Draw) -> Case:
    """Misspelled public sets, and public sets of another task; nothing is fetched."""
    words = draw.choice(
        [
            ("data", "qm10"), ("data", ""), ("data", "é"), ("data", "QM9 "), ("data", "furnitures"), ("data",
            "a" * 3000), ("data", "../qm9"),
            ("fit", "classify", "circuit-parts"), ("fit", "segment", "furniture"), ("fit", "classify", "qm9"),
            ("fit", "properties", "furniture", "--target", "x"),
            ("fit", "properties", "qm9", "--target", "nope"), ("fit", "properties", "qm8", "--target", "gap"),
            ("fit", "properties", "qm9"),
        ]
    )  # fmt: skip
    return Case("public set", words, WRONG)


def listing(draw: Draw) -> Case:
    """Commands that list, and the root command."""
    words, known = draw.choice(
        [((), RIGHT), (("--version",), RIGHT), (("-V",), RIGHT), (("--help",), RIGHT), (("-h",), RIGHT), (("data",),
        RIGHT), (("runs",), RIGHT), (("pattern",), RIGHT),
         (("runs", "nope"), WRONG), (("runs", "runs/mols-1", "nope"), WRONG), (("runs", ""), EITHER), (("runs",
         "classes"), EITHER), (("runs", "mols.extxyz"), WRONG),
         (("runs", "runs/mols-1", "runs/classes-1"), RIGHT), (("runs", "runs/mols-1"), RIGHT), (("fit",), WRONG),
         (("fit", "-h"), RIGHT)]
    )  # fmt: skip
    return Case("listing", words, known)
