"""Every rule of the options of a task beside its default: one wrong value, one line."""

import dataclasses
import re

import pytest

from intertwine._errors import UsageError
from intertwine.tasks import get, names


@pytest.fixture
def make(tmp_path):
    """The options of a task on data that exist."""
    (tmp_path / "file.xyz").write_text("1\n\nH 0 0 0\n")

    def options(task, **changes):
        place = (
            tmp_path
            if task in ("classify", "segment", "images", "keypoints", "sfm", "weights")
            else tmp_path / "file.xyz"
        )
        more = {"target": ("energy",)} if task == "properties" else {}
        return get(task).options(**{"data": str(place), **more, **changes})

    return options


CASES = [
    ("classify", {"dropout": 1.0}, "--dropout expects a share below 1, got 1.0"),
    ("classify", {"smoothing": 1.0}, "--smoothing expects a share below 1, got 1.0"),
    ("classify", {"points": 10_001, "draws": 1000}, "--points 10001 times --draws 1000 may be at most 10,000,000"),
    ("classify", {"points": 15, "levels": 2}, "--levels 2 leaves less than one of --points 15"),
    ("classify", {"group_by": "("}, '--group-by "(" is not a regular expression'),
    ("classify", {"hidden": "5000x0e"}, "--hidden expects at most 4096 copies of each irrep, got 5000"),
    ("classify", {"hidden": "1x12e"}, "--hidden expects degrees up to 11, got 12"),
    ("classify", {"width": 8}, "--width means nothing to the encoder steerable; its size is given by --hidden"),
    ("classify", {"encoder": "egnn", "group": "SO3"}, "--group means nothing to the encoder egnn"),
    ("classify", {"data": "no such folder"}, "no such folder"),
    ("classify", {"devices": 10**6}, "--devices 1000000: this machine has"),
    ("classify", {"group_by": " "}, '--group-by expects a value, got " "'),
    ("classify", {"hidden": ""}, '--hidden expects a value, got ""'),
    ("potential", {"stress_key": ""}, '--stress-key expects a value, got ""'),
    ("classify", {"epochs": 0}, "--epochs expects at least 1, got 0"),
    ("segment", {"dropout": 1.0}, "--dropout expects a share below 1"),
    ("images", {"smoothing": 1.0}, "--smoothing expects a share below 1"),
    ("images", {"dropout": 1.5}, "--dropout expects a share below 1"),
    ("images", {"channels": 2}, "--channels expects 1 (gray) or 3 (colors), got 2"),
    ("images", {"model": "plain", "group": "C4"}, "--model plain has no symmetry; leave --group C4 out"),
    ("images", {"model": "harmonic", "group": "C4"}, "--model harmonic has the symmetry SO2 or O2, got --group C4"),
    ("images", {"group": "X9"}, "X9"),
    ("images", {"widths": "a"}, "--widths"),
    ("images", {"pool_after": "x"}, "--pool-after"),
    ("images", {"model": "resnet", "pool_after": "1"}, "--pool-after: resnet halves the resolution"),
    ("images", {"model": "plain", "restrict": "C1:1"}, "--restrict"),
    ("images", {"kernel_size": "4"}, "--kernel-size 4 is even"),
    ("images", {"augment": "spin"}, "spin"),
    ("images", {"data": "no such folder"}, "no such folder"),
    ("keypoints", {"crop": 400, "resolution": 399}, "--resolution 399 is less than --crop 400"),
    ("keypoints", {"data": "no such folder"}, "no such folder"),
    ("keypoints", {"detector": "no such run"}, "no such run"),
    ("dock", {"keypoints": 2}, "--keypoints expects at least 3, got 2"),
    ("dock", {}, "is a file; expected a folder of complexes"),
    ("register", {"hidden": "5000x0e"}, "--hidden expects at most 4096 copies"),
    ("register", {"superpoints": 65, "points": 64}, "--superpoints 65 are more than the --points 64 they are of"),
    ("register", {"data": "no such folder"}, "no such folder"),
    ("weights", {"dropout": 1.0}, "--dropout expects a share below 1"),
    ("weights", {"smoothing": 1.0}, "--smoothing expects a share below 1"),
    ("weights", {"augment": "spin"}, "spin"),
    ("weights", {"data": "no such folder"}, "no such folder"),
    ("properties", {"hidden": "5000x0e"}, "--hidden expects at most 4096 copies"),
    ("properties", {"target": ("v:5000x0e",)}, "expects at most 4096 copies of each irrep, got 5000"),
    ("properties", {"data": "no such file"}, "no such file"),
    ("potential", {"hidden": "5000x0e"}, "--hidden expects at most 4096 copies"),
    ("potential", {"committee": 1}, "--committee 1 has no deviation: give 2 or more, or 0 for none"),
    ("potential", {"energy_weight": 0.0, "forces_weight": 0.0}, "--energy-weight and --forces-weight are both 0"),
    ("potential", {"data": "no such file"}, "no such file"),
    ("potential", {"isolated_atoms": "no such file"}, "no such file"),
    (
        "potential",
        {"validation": "nothing"},
        "--validation expects a count such as 50, a fraction such as 5%",
    ),
    ("potential", {"test": "nothing"}, "--test expects a count such as 50"),
]


@pytest.mark.parametrize(("task", "changes", "line"), CASES)
def test_one_wrong_value_is_one_line(make, task, changes, line):
    with pytest.raises(UsageError, match=re.escape(line)) as caught:
        make(task, **changes).check()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("task", "changes"),
    [
        ("classify", {"points": 10_000, "draws": 1000, "dropout": 0.999, "smoothing": 0.999}),
        ("classify", {"points": 16, "levels": 2, "group_by": "(a)", "hidden": "4096x0e+1x11e"}),
        ("images", {"channels": 1}),
        ("images", {"channels": 3, "kernel_size": "5"}),
        ("potential", {"committee": 0, "energy_weight": 0.0}),
        ("potential", {"committee": 2, "forces_weight": 0.0}),
    ],
)
def test_the_last_values_that_are_taken(make, task, changes):
    make(task, **changes).check()


def test_the_same_file_twice(make, tmp_path):
    path = str(tmp_path / "file.xyz")
    with pytest.raises(UsageError, match=r"file\.xyz is given twice"):
        make("potential", more=(path,)).check()


def test_the_cases_are_of_every_task_with_rules_of_its_own():
    own = {name for name in names() if "check" in vars(get(name).options)}
    assert own - {case[0] for case in CASES} <= {"sfm"}
    assert all(dataclasses.is_dataclass(get(name).options) for name in names())
