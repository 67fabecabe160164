"""Bad and odd values for every option of every command, taken from the command line's own parser."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from fuzz_base import DATA, FITS, RUNS
from fuzz_case import EITHER, RIGHT, WRONG, Case, Draw
from fuzz_scenes import READERS

from intertwine import tasks
from intertwine.cli._app import COMMANDS, command

NO_NUMBERS = (
    "abc",
    "",
    " ",
    "1 2",
    "0x10",
    "None",
    "null",
    "½",
    "1,5",
    "--",
    "1e",
    "[1]",
    "é",
    "1..2",
    "True",
    "\u202e7",
)
NO_INTEGERS = (*NO_NUMBERS, "1.5", "nan", "inf", "1e3")
NOT_FINITE = ("nan", "inf", "-inf", "1e999", "NaN")
LARGE = ("99999999999999999999", "1e300", "18446744073709551616", "9" * 400)
TEXTS = (
    "",
    " ",
    "é",
    "日本",
    "a" * 5000,
    "\u0301",
    "../..",
    "-",
    "--",
    "'",
    "%s",
    "{}",
    "\\",
    "*",
    "None",
    "a\tb",
    "\U0001f600",
)

USUAL: dict[str, tuple[str, ...]] = {
    **{f"fit {task}": words for task, words in FITS.items()},
    "evaluate": ("evaluate", "runs/classes-1"),
    "predict": ("predict", "runs/mols-1", "new.extxyz", "--output", "answers.csv"),
    "audit": ("audit", "runs/mols-1", "--samples", "2"),
    "basis": ("basis", "SO3: 1 x 1 -> 0 + 1"),
    "pattern": ("pattern", "p4", "p4.png", "--size", "40"),
    "runs": ("runs",),
    "data": ("data",),
    "demo": ("demo",),
    "fit": ("fit", "--resume", "runs/mols-1"),
    "export": ("export", "runs/photos-1", "--output", "photos.pt2"),
    **{name: words for name, (words, _) in READERS.items() if not name.startswith("fit ")},
}
BOUNDS: dict[tuple[str, str], tuple[float | None, float | None]] = {
    ("evaluate", "--batch-size"): (1, 1e6),
    ("predict", "--batch-size"): (1, 1e6),
    ("evaluate", "--seed"): (0, 2**63 - 1),
    ("audit", "--samples"): (1, None),
    ("audit", "--tolerance"): (0, None),
    ("basis", "--limit"): (0, None),
    ("pattern", "--cells"): (0.01, 1e4),
    ("filters", "--sigma"): (0.5, 10),
    ("demo", "--train"): (1, None),
    ("demo", "--test"): (1, None),
    ("demo", "--epochs"): (1, None),
    ("demo", "--seed"): (0, 2**63 - 1),
    ("fit", "--epochs"): (1, 1e9),
    ("fit", "--minutes"): (0, None),
    ("fit", "--devices"): (1, 2),
}
"""Smallest and largest value of the options of other commands than the tasks, which say so themselves."""

NO_FOLDERS = ("", " ", "model.py", "model.py/x", "/dev/null/x", "x" * 300, "/proc/x")
REPS = (
    "8xx0e",
    "-1x0e",
    "abc",
    "8×0e",
    "1x12e",
    "99999999999x0e",
    "1x1",
    "x0e",
    "4x0e++2x1o",
    "4x0e,2x1o",
    "+",
    "1x1z",
)
SPECIAL: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "--target": (
        (WRONG, ("", "nope", "strain:1o", "strian", "dipole:1o:2e", "strain:abc", "strain:99999999999x0e",
        "strain:1x99e",
                 "STRAIN", "strain;", "pos", ":1o", "@eV", "dipole:2e")),
        (RIGHT, ("dipole:1o", "strain:0e@eV", "dipole:1o@debye")),
        (EITHER, ("dipole", "dipole:3x0e", "strain@", "strain:", "dipole:ij=ji")),
    ),
    "--hidden": ((WRONG, ("", *REPS)), (RIGHT, ("4x0e", "4x0e + 2x1o")), (EITHER, ("4", "0x0e", "4x0e+4x0e", "1x1o",
    "4x0o"))),
    "--group-by": ((WRONG, ("", "(", "[", "*", "nofield")), (EITHER, ("(a+)+$", "parent", "formula", "é"))),
    "--output": ((WRONG, (*NO_FOLDERS, "runs/mols-1")), (EITHER, ("new/ünï", "a b", "-"))),
    "--config": ((WRONG, ("", "nope.toml", "model.py", "classes", "mols.extxyz", "/dev/null", "a\tb", "nope")),),
    "--resume": ((WRONG, ("", "nope", "classes", "mols.extxyz", "/dev/null", "runs", "runs/nope", "é")),),
    "--train": ((WRONG, ("abc", "", "-1", "1.5", "101%", "nan", "inf", "1e3", "99999999999", "%")), (EITHER, ("0.5",
    "8", "50%", "0", "1.0"))),
    "--protocol": ((WRONG, ("", "z", "SO3", "z/so3", "none/none/none", "SO3/SO3", "é/z")), (RIGHT, ("none/SO3",
    "none/none"))),
    "--size": ((WRONG, ("", "0", "-5", "1e2", "31", "8193", "40x", "x40", "40x40x40", "99999999999", "abc", "40X",
    "nan")), (RIGHT, ("40x50", "33"))),
    "--filter": ((WRONG, ("", "G", "G0", "H5", "G2 H2", "2", "é")), (RIGHT, ("g1", "H4"))),
    "--palette": ((WRONG, ("", "nope", "é", "a" * 999)),),
    "--motif": ((WRONG, ("", "nope.png", "model.py", "classes", "/dev/null")),),
    "--detect": ((WRONG, ("nope.png", "model.py", "classes", "/dev/null", "")),),
    "--plot": ((WRONG, ("", "a.xyz", "nope/a.png", "classes", "a.png.txt", "/dev/null/a.png")), (RIGHT, ("a.png",
    "é.svg"))),
    "--rep-in": ((WRONG, TEXTS), (WRONG, ("1x0e", "cloud: 2x0e"))),
    "--rep-out": ((WRONG, TEXTS), (WRONG, ("1x0e", "points: 2x0e"))),
    "--group": ((WRONG, ("", "SO", "so(3)", "E8", "é", "none")),),
}  # fmt: skip
SPECIAL["--validation"] = SPECIAL["--test"] = SPECIAL["--train"]
OWN: dict[tuple[str, str], tuple[tuple[str, tuple[str, ...]], ...]] = {
    ("fit potential", "--hidden"): ((WRONG, ("", *REPS, "4x0e + 2x1o", "4x1o")), (RIGHT, ("4x0e", "2x0e + 2x1o")),),
    ("predict", "--output"): (
        (WRONG, ("", "a.xml", "nope/a.csv", "classes", "/dev/null/a.csv", "new.extxyz", "noending",
        "x" * 300 + ".csv")),
        (RIGHT, ("é.csv", "b.extxyz")),
    ),
    ("evaluate", "--output"): ((WRONG, ("", "nope/a.json", "classes", "model.py", "/dev/null/a.json")),
    (RIGHT, ("é.json",))),
    ("audit", "--output"): ((WRONG, ("", " ", "model.py", "model.py/x", "/dev/null/x", "x" * 300)), (RIGHT, ("é",))),
    ("demo", "--output"): ((WRONG, NO_FOLDERS),),
    ("demo", "--train"): ((WRONG, (*NO_INTEGERS, "0", "-1", "99999999999999999999", "99999999")),),
    ("demo", "--test"): ((WRONG, (*NO_INTEGERS, "0", "-1", "99999999999999999999", "99999999")),),
    ("audit", "--group"): ((EITHER, ("", "SO", "so(3)", "E8", "é", "none")),),
}  # fmt: skip
HEAVY = {"--layers", "--width", "--neighbors", "--points", "--draws", "--levels"}
"""Options whose larger values are right and take long."""


def parameters(path: str) -> list[Any]:
    """The options of a command, as its parser has them."""
    found = command()
    for word in path.split():
        found = found.commands[word] if word in getattr(found, "commands", {}) else found.get_command(None, word)
    return [item for item in found.params if item.param_type_name == "option" and item.opts[0] != "--help"]


def rules(path: str, flag: str) -> Any:
    """What a task says about an option: bounds and choices."""
    if not path.startswith("fit "):
        return None
    options = tasks.get(path.removeprefix("fit ")).options
    found = {tasks.flag(item.name): item.metadata.get(tasks.OPTION) for item in fields(options)}
    return found.get(flag)


def bounds(path: str, flag: str) -> tuple[float | None, float | None]:
    """The smallest and the largest value, None where there is none."""
    said = rules(path, flag)
    if said is None:
        return BOUNDS.get((path, flag), (None, None))
    smallest = said["above"] if said["minimum"] is None else said["minimum"]
    return smallest, (2 if flag in ("--devices", "--nodes") else said["maximum"])


def number(draw: Draw, path: str, flag: str, whole: bool) -> tuple[str, str]:
    """A value of a numerical option."""
    smallest, largest = bounds(path, flag)
    below = ("-1", "-0.5", "-99999999999999999999", "-1e300") if smallest is not None and smallest >= 0 else ()
    above = LARGE if largest is not None else ()
    odd = ("0", "1", "2", "-0", "１", "1_0", " 1", "+1", "01", *(() if whole else ("0.5", "1e-300", ".5")))
    if largest is None and flag not in HEAVY:
        odd = (*odd, "7", *(LARGE if path != "fit" else ()))
    return draw.one_of(
        (WRONG, NO_INTEGERS if whole else (*NO_NUMBERS, *NOT_FINITE)), (WRONG, (*below, *above)), (EITHER, odd)
    )


def value(draw: Draw, path: str, option: Any) -> tuple[str, str]:
    """A value of an option, and what is known of it."""
    flag = option.opts[0]
    if (path, flag) in OWN:
        return draw.one_of(*OWN[path, flag])
    kind = kind_of(option)
    if kind in ("integer", "float"):
        return number(draw, path, flag, kind == "integer")
    said = rules(path, flag)
    if said is not None and said["choices"]:
        known = list(said["choices"]() if callable(said["choices"]) else said["choices"])
        near = tuple(
            word for word in (known[0][:-1], known[0].upper() + "x", known[-1] + " ", f"{known[0]},{known[-1]}")
        )
        return draw.one_of((WRONG, tuple(word for word in (*near, *TEXTS, "nope") if word not in known)))
    if flag in SPECIAL:
        return draw.one_of(*SPECIAL[flag])
    return draw.choice(TEXTS), EITHER


def replaced(words: tuple[str, ...], flag: str, text: str) -> tuple[str, ...]:
    """The words with a value of an option, in the place of another value if it has one."""
    if flag in words:
        at = words.index(flag)
        words = words[:at] + words[at + 2 :]
    return (*words, flag, text)


def one_option(draw: Draw) -> Case:
    """A usual command with one value that may be wrong."""
    path = draw.choice(list(USUAL))
    options = [item for item in parameters(path) if not item.is_flag]
    if not options:
        return misspelled(draw)
    option = draw.choice(options)
    flag = option.opts[0]
    text, known = value(draw, path, option)
    words = USUAL[path]
    if flag == "--group-by" and path not in ("fit properties", "fit potential") and text == "nofield":
        known = EITHER
    if flag == "--target" and known == RIGHT:
        words = replaced(words, "--hidden", "4x0e+2x1o")
    if flag == "--devices" and known != WRONG:
        text, known = "1", EITHER
    if path == "demo" and known != WRONG:
        text, known = "nope", EITHER if kind_of(option) == "text" else WRONG
        words = (*words, "--epochs", "0")
        known = WRONG
    if flag == "--detect":
        return Case("option", ("pattern", flag, text), known)
    if flag == "--nodes" and known != WRONG:
        text, known = "2", WRONG
    if path == "fit" and flag in ("--epochs", "--minutes") and known == EITHER:
        text = "1"
    if flag == "--protocol" and draw.random() < 0.2:
        return Case("option", ("evaluate", "runs/mols-1", flag, text), WRONG)
    return Case("option", replaced(words, flag, text), known)


def kind_of(option: Any) -> str:
    """ "integer", "float" or "text", as old and new versions of the parser say it."""
    descriptor = getattr(option, "type_descriptor", None)
    if descriptor is None:
        return str(option.type.name)
    return {int: "integer", float: "float"}.get(descriptor.annotation, "text")


def misspelled(draw: Draw) -> Case:
    """Commands, tasks and options with a letter too few, too many or exchanged, and words in wrong places."""
    path = draw.choice(list(USUAL))
    words = USUAL[path]
    flags = [item.opts[0] for item in parameters(path)]
    kind = draw.randrange(8)
    if kind == 0:
        name = mutated(draw, draw.choice([*COMMANDS, "fit"]))
        return Case("misspelled", (name, *words[1:]), EITHER if name in (*COMMANDS, "fit", "") else WRONG)
    if kind == 1:
        task = mutated(draw, draw.choice(list(FITS)))
        return Case("misspelled", ("fit", task, *FITS["properties"][2:]), WRONG if task not in FITS else EITHER)
    if kind == 2 and flags:
        flag = mutated(draw, draw.choice(flags))
        if flag in flags and path == "demo":  # not misspelled, and a demonstration takes minutes
            return Case("misspelled", (*words, flag, "none"), WRONG)
        return Case("misspelled", (*words, flag, "1"), WRONG if flag not in flags and path != "runs" else EITHER)
    if kind == 3 and flags:
        option = draw.choice([item.opts[0] for item in parameters(path) if not item.is_flag] or ["--nope"])
        return Case("misspelled", (*words, option), WRONG)
    if kind == 4:
        count = 2 if path in ("pattern", "evaluate", "audit") else 1
        return Case("misspelled", (*words, *["surplus"] * count), WRONG)
    if kind == 5:
        name = draw.choice(["evaluate", "predict", "audit", "basis"])
        return Case("misspelled", (name,), WRONG)
    if kind == 6 and path.startswith("fit "):
        return Case("misspelled", words[:2] + words[3:], WRONG)
    if kind == 6:
        return Case(
            "misspelled", (draw.choice(["-x", "---", "-h1", "--helpp", "-Vx", "--version=3", "-"]), *words), WRONG
        )
    flag = draw.choice(["--help", "-h"])
    return Case("help", (*path.split(), flag), RIGHT)


def mutated(draw: Draw, word: str) -> str:
    """A word with one change."""
    at = draw.randrange(len(word))
    letter = draw.choice("aeéxZ0-_ ")
    return draw.choice(
        [
            word[:at] + word[at + 1 :],
            word[:at] + letter + word[at:],
            word[:at] + letter + word[at + 1 :],
            word.upper(),
            word + "s",
        ]
    )


UNTOLD = {"--devices", "--nodes", "--detect", "--resume", "--cache", "--tensorboard"}
"""Options that `several_options` leaves out."""


def several_options(draw: Draw) -> Case:
    """A command with several odd values, duplicates and flags; of a repeated option the last value counts."""
    path = draw.choice([path for path in USUAL if path != "demo"])
    words, wrong = USUAL[path], dict[str, bool]()
    options = [item for item in parameters(path) if item.opts[0] not in UNTOLD]
    for option in draw.choices(options, k=draw.randint(2, 4)) if options else ():
        flag = option.opts[0]
        if option.is_flag:
            words = (*words, flag)
            continue
        text, told = value(draw, path, option)
        words = (*words, flag, text)
        wrong[flag] = told == WRONG and kind_of(option) in ("integer", "float") and text in NO_NUMBERS
    return Case("options", words, WRONG if any(wrong.values()) else EITHER)


def wrong_run(draw: Draw) -> Case:
    """A command that takes a checkpoint, with something else, or with data of another task."""
    name = draw.choice(["evaluate", "predict", "audit", "export"])
    others = (
        "nope",
        "runs",
        "classes",
        "mols.extxyz",
        "",
        "runs/mols-1/config.json",
        "é",
        "/",
        "/dev/null",
        "a" * 300,
        "model",
        "::",
    )
    if draw.random() < 0.2:
        name, task = draw.choice(["register", "keypoints", "sfm", "dock"]), draw.choice(list(RUNS))
        start = ("--start", "network") if name == "sfm" else ()
        run, known = draw.choice([(draw.choice(others), WRONG), (RUNS[task], EITHER if task == name else WRONG)])
        return Case("checkpoint", (*READERS[name][0], *start, "--checkpoint", run), known)
    if name == "export" or draw.random() < 0.5:
        rest = ("new.extxyz",) if name == "predict" else ()
        return Case("checkpoint", (name, draw.choice(others), *rest), WRONG)
    task = draw.choice(list(RUNS))
    data = [
        "nope",
        "",
        "model.py",
        "group.json",
        "/dev/null",
        "é",
        "runs",
        *(DATA[other] for other in DATA if other != task),
    ]
    wrong = draw.choice(data)
    readable = ({"classes", "parts", "shapes"}, {"photos", "views"}, {"mols.extxyz", "frames.extxyz"})
    known = EITHER if any({DATA[task], wrong} <= kind for kind in readable) else WRONG
    rest = ("--output", "a.csv") if name == "predict" else ("--samples", "2") if name == "audit" else ()
    return Case("data of another task", (name, RUNS[task], wrong, *rest), known)
