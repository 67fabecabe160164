"""Splits by group: conformers of one molecule, and scans of one object, stand in one part."""

from __future__ import annotations

from pathlib import Path

import pytest

from intertwine import tasks
from intertwine._errors import UsageError

HEAD = "Properties=species:S:1:pos:R:3 energy={energy} molecule={molecule}"


def prepare(task, **values):
    found = tasks.get(task)
    return found.prepare(found.options.from_values(task, values))


def parts_of(split):
    return [set(split[name]) for name in ("train", "validation", "test")]


def assert_together(split, groups):
    parts = parts_of(split)
    assert sum(map(len, parts)) == len(groups)
    assert all(parts)
    for group in set(groups):
        members = {index for index, found in enumerate(groups) if found == group}
        assert sum(bool(members & part) for part in parts) == 1


@pytest.fixture
def conformers(tmp_path, monkeypatch):
    """Twelve molecules H_n, n = 2 ... 13, of three conformers each; two of them stand side by side, one far away."""
    monkeypatch.chdir(tmp_path)
    numbers = [*(n for n in range(12) for _ in range(2)), *range(12)]
    frames = []
    for index, n in enumerate(numbers):
        atoms = "".join(f"H 0 {0.1 * (index % 7)} {k}\n" for k in range(n + 2))
        frames.append(f"{n + 2}\n{HEAD.format(energy=index, molecule=n // 2)}\n{atoms}")
    Path("mine.extxyz").write_text("".join(frames))
    return numbers


SMALL = {"data": "mine.extxyz", "target": "energy", "layers": 1, "hidden": "4x0e+2x1o", "validation": 6, "test": 6}


def test_structures_of_one_formula(conformers):
    job = prepare("properties", **SMALL, group_by="formula")
    assert_together(job.split, conformers)
    ungrouped = prepare("properties", **SMALL)
    with pytest.raises(AssertionError):
        assert_together(ungrouped.split, conformers)


def test_structures_with_one_number_in_a_field(conformers):
    job = prepare("properties", **SMALL, group_by="molecule")
    assert_together(job.split, [n // 2 for n in conformers])


FRAMES = {"data": "mine.extxyz", "layers": 1, "hidden": "4x0e+4x1o", "committee": 0, "lmax": 1, "body_order": 2}


def test_frames_of_one_formula(conformers):
    job = prepare("potential", **FRAMES, validation=6, test=6, group_by="formula")
    assert_together(job.split, conformers)
    ungrouped = prepare("potential", **FRAMES, validation=6, test=6)
    with pytest.raises(AssertionError):
        assert_together(ungrouped.split, conformers)


def test_frames_with_one_value_of_a_key(conformers):
    """The values are text, and two files are split as one."""
    text = Path("mine.extxyz").read_text().replace("molecule=", "molecule=name-")
    Path("mine.extxyz").write_text(text)
    frames = text.splitlines(keepends=True)
    half = sum(n + 4 for n in conformers[:18])
    Path("first.extxyz").write_text("".join(frames[:half]))
    Path("second.extxyz").write_text("".join(frames[half:]))
    options = {**FRAMES, "data": "first.extxyz", "more": ["second.extxyz"]}
    job = prepare("potential", **options, validation=6, test=6, group_by="molecule")
    assert_together(job.split, [n // 2 for n in conformers])


def test_frames_of_a_file_for_validation_need_no_group(conformers):
    Path("other.extxyz").write_text(Path("mine.extxyz").read_text().replace("molecule=", "batch="))
    job = prepare("potential", **FRAMES, validation="other.extxyz", test=6, group_by="molecule")
    own = [n // 2 for n in conformers]
    assert sorted(job.split["validation"]) == list(range(36, 72))
    assert len(job.split["test"]) == 6
    assert not {own[k] for k in job.split["test"]} & {own[k] for k in job.split["train"]}


@pytest.mark.parametrize(("pattern", "key", "members"), [("parent", 2, 3), (r"/(scan\d)", 1, 6), (r"scan\d", 1, 6)])
def test_scans_of_one_object(tmp_path, monkeypatch, write, pattern, key, members):
    """boxes/scan0 ... boxes/scan3 and tubes/scan0 ... tubes/scan3 with three files each."""
    monkeypatch.chdir(tmp_path)
    write(Path("flat"), each=12, points=20, kinds=("boxes", "tubes"))
    for path in sorted(Path("flat").rglob("*.xyz")):
        place = Path("scans", path.parent.name, f"scan{int(path.stem) // 3}")
        place.mkdir(parents=True, exist_ok=True)
        path.rename(place / path.name)
    options = {"points": 16, "layers": 1, "neighbors": 4, "hidden": "4x0e+4x1o", "validation": 6, "test": 6}
    job = prepare("classify", data="scans", **options, group_by=pattern)
    held_out = ["/".join(name.split("/")[-1 - key : -1]) for name in job.held_out.names]
    assert len(held_out) == 6
    assert all(held_out.count(group) == members for group in held_out)


@pytest.mark.parametrize(
    ("task", "values", "said"),
    [
        ("classify", {"data": ".", "group_by": "("}, "is not a regular expression"),
        ("properties", {**SMALL, "group_by": "nothing"}, "nothing"),
        ("properties", {**SMALL, "validation": 1, "test": 1, "group_by": "formula"}, "small enough"),
        ("potential", {**FRAMES, "validation": 6, "group_by": "nothing"}, 'has no "nothing"; name a key that every'),
        ("potential", {**FRAMES, "validation": 1, "group_by": "formula"}, "small enough for the validation set"),
        ("potential", {**FRAMES, "validation": "mine.extxyz", "group_by": "formula"}, "nothing is split"),
        ("properties", {"data": "qm9", "target": "gap", "group_by": "molecule"}, "only formula"),
    ],
)
def test_what_cannot_be_grouped(conformers, task, values, said):
    with pytest.raises(UsageError, match=said):
        prepare(task, **values)
