from __future__ import annotations

import gc
import math
import tracemalloc

import numpy as np
import pytest
import torch
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from ase import Atoms
from intertwine._errors import UsageError
from intertwine.data import iter_structures, read_structures
from intertwine.data.readers import _structures
from intertwine.data.readers._structure_record import atoms_of_file
from intertwine.data.readers._xyz import read_xyz_frames

WATER = """3
Properties=species:S:1:pos:R:3 energy=-76.5 dipole="0.0 0.1 -0.7" tag=wet alpha="1 2 3 4 5 6 7 8 9" pbc="F F F"
O 0.0 0.0 0.1173
H 0.0 0.7572 -0.4692
H 0.0 -0.7572 -0.4692
"""
ATOM = """1
Properties=species:S:1:pos:R:3 energy=-13.5 dipole="0 0 0" alpha="1 0 0 0 1 0 0 0 1"
H 1.0 2.0 3.0
"""


@pytest.fixture
def file(tmp_path):
    def make(text, name="mine.extxyz"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return make


def test_positions_elements_targets_and_names(file, width):
    data = read_structures(file(WATER + ATOM), {"dipole": width(3), "energy": width(1), "alpha": width(9)})
    assert data.point_fields["numbers"].tolist() == [8, 1, 1, 1]
    assert data.positions.tolist() == [[0, 0, 0.1173], [0, 0.7572, -0.4692], [0, -0.7572, -0.4692], [1, 2, 3]]
    assert data.offsets.tolist() == [0, 3, 4]
    assert list(data.cloud_fields) == ["dipole", "energy", "alpha"]
    assert data.cloud_fields["energy"].tolist() == [[-76.5], [-13.5]]
    assert data.cloud_fields["dipole"].tolist() == [[0, 0.1, -0.7], [0, 0, 0]]
    assert data.cloud_fields["alpha"][0].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert data.names == ("mine.extxyz:1", "mine.extxyz:2")


def test_no_targets_for_prediction(file):
    for targets in ({}, None):
        assert read_structures(str(file(WATER)), targets).cloud_fields == {}


def test_plain_xyz_with_a_free_comment_blank_lines_and_windows_ends(file):
    text = "3\nit's water, from = somewhere\nO 0 0 0\nH 0 0 1\nH 0 1 0\n\n\n1\n\nhe 0 0 0\n\n"
    for content in (text.replace("it's", "its"), "\ufeff" + text.replace("it's", "its").replace("\n", "\r\n")):
        data = read_structures(file(content, "plain.XYZ"))
        assert data.point_fields["numbers"].tolist() == [8, 1, 1, 2]


def test_a_lattice_without_periodicity_is_a_molecule_in_a_box(file):
    text = WATER.replace("Properties", 'Lattice="50 0 0 0 50 0 0 0 50" Properties')
    assert len(read_structures(file(text))) == 1


def test_a_matrix_counts_as_nine_row_by_row(tmp_path, width):
    matrix = np.arange(9.0).reshape(3, 3)
    atoms = Atoms("HF", [[0, 0, 0], [0, 0, 0.9]], info={"alpha": matrix, "x": [[1.5, 2.5, 3.5]]})
    write(tmp_path / "m.extxyz", atoms)
    data = read_structures(tmp_path / "m.extxyz", {"alpha": width(9), "x": width(3)})
    assert data.cloud_fields["alpha"].tolist() == [list(range(9))]
    assert data.cloud_fields["x"].tolist() == [[1.5, 2.5, 3.5]]


def test_info_comes_before_results_and_nothing_is_calculated(tmp_path, width):
    class Lazy(SinglePointCalculator):
        def get_property(self, *args, **kwargs):
            raise AssertionError("calculated")

    from intertwine.data.readers._structure_targets import target_of

    atoms = Atoms("H", info={"energy": 1.0})
    atoms.calc = Lazy(atoms, energy=2.0, dipole=np.array([1.0, 2.0, 3.0]))
    assert target_of(atoms, "energy", width(1), "here").tolist() == [1.0]
    assert target_of(atoms, "dipole", width(3), "here").tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(UsageError, match='no target "magmom"'):
        target_of(atoms, "magmom", width(1), "here")


def test_other_formats_through_ase(tmp_path, width):
    frames = []
    for k in range(3):
        atoms = Atoms("OH", [[0, 0, 0], [0, 0, 0.9 + k]], info={"charge": -1})
        atoms.calc = SinglePointCalculator(atoms, energy=-5.0 - k)
        frames.append(atoms)
    write(tmp_path / "a@1.traj", frames)
    data = read_structures(tmp_path / "a@1.traj", {"energy": width(1), "charge": width(1)})
    assert data.cloud_fields["energy"].flatten().tolist() == [-5, -6, -7]
    assert data.cloud_fields["charge"].flatten().tolist() == [-1, -1, -1]
    assert data.names[2] == "a@1.traj:3"


def test_a_folder_in_the_order_of_its_names(tmp_path):
    for name in ("b.xyz", "a.extxyz", ".hidden.xyz", "notes.txt"):
        (tmp_path / name).write_text(ATOM if name.startswith("a") else WATER)
    data = read_structures(tmp_path)
    assert data.names == ("a.extxyz:1", "b.xyz:1")
    assert data.counts.tolist() == [1, 3]


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 100])
def test_chunks_are_the_whole(file, width, chunk):
    path = file((WATER + ATOM) * 4)
    whole = read_structures(path, {"energy": width(1)})
    parts = list(iter_structures(path, {"energy": width(1)}, chunk=chunk))
    assert [len(part) for part in parts] == [min(chunk, 8 - k) for k in range(0, 8, chunk)]
    assert torch.equal(torch.cat([part.positions for part in parts]), whole.positions)
    assert torch.equal(torch.cat([part.cloud_fields["energy"] for part in parts]), whole.cloud_fields["energy"])
    assert [name for part in parts for name in part.names] == list(whole.names)


@pytest.fixture
def fast_collections():
    """Collections that look at new objects only: those of all imported modules are many, and stay."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("fast_collections")
def test_memory_does_not_grow_with_the_file(file):
    def once(path, chunk):
        tracemalloc.start()
        for _ in iter_structures(path, chunk=chunk):
            gc.collect()  # ase's atoms and their calculators hold each other
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    def peak(copies, chunk=20):
        path = file(ATOM * copies)
        return min(once(path, chunk) for _ in range(3))  # what other threads and caches take is not in every try

    few = peak(60)
    assert peak(600) < 1.3 * few
    assert peak(600, chunk=600) > 3 * few


def test_what_is_before_a_bad_frame_is_there_already(file):
    stream = iter_structures(file(ATOM * 5 + "nonsense\n"), chunk=2)
    assert [len(next(stream)), len(next(stream))] == [2, 2]
    with pytest.raises(UsageError, match="frame 6"):
        next(stream)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (KeyError("Qq"), r'frame 1: unknown element "Qq"$'),
        (KeyError("H"), r"frame 1: cannot be read: KeyError: 'H'$"),
        (KeyError(), r"frame 1: cannot be read: KeyError$"),
        (ValueError("Qq"), r"frame 1: cannot be read: ValueError: Qq$"),
        (ValueError("first\nsecond"), r"frame 1: cannot be read: ValueError: first$"),
        (ValueError("a" * 200), r"frame 1: cannot be read: ValueError: a{120}$"),
    ],
)
def test_an_error_of_ase_is_told_as_what_it_is(file, monkeypatch, error, says):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr("ase.io.read", fail)
    with pytest.raises(UsageError, match=says):
        read_structures(file(ATOM), {})


@pytest.mark.parametrize("suffix", [".extxyz", ".traj", ".frames"])
def test_the_progress_ends_at_the_size_of_the_file(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"mine{suffix}"
    frames = [Atoms("H2", [[0, 0, 0], [0, 0, 0.7]]), Atoms("O", [[0, 0, 1]])]
    if suffix == ".frames":  # known by its content: XYZ under another name
        monkeypatch.setattr("ase.io.formats.filetype", lambda name: "extxyz")
    write(path, frames, format="traj" if suffix == ".traj" else "extxyz")
    told = []
    assert len(list(atoms_of_file(path, told.append))) == 2
    assert told[-1] == path.stat().st_size
    assert told == sorted(told)


def test_a_frame_that_ase_cannot_read_is_named(tmp_path, monkeypatch):
    path = tmp_path / "mine.traj"
    write(path, [Atoms("H")] * 3)

    def two_frames(*arguments, **options):
        yield from [Atoms("H")] * 2
        raise ValueError("cut")

    monkeypatch.setattr("ase.io.iread", two_frames)
    with pytest.raises(UsageError, match=r"mine.traj, frame 3: ase cannot read this: ValueError: cut"):
        list(atoms_of_file(path, lambda size: None))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"mine.extxyz holds no structures: it is empty"),
        ("\n \n", r"mine.extxyz holds no structures: it is blank"),
        (
            ATOM + "nonsense here\n",
            r'frame 2: expected a line with the number of atoms, found "nonsense here"',
        ),
        (ATOM + WATER.replace("3\n", "2\n", 1), r"frame 3: expected a line with the number of atoms, found"),
        (ATOM + WATER.replace("3\n", "4\n", 1), r"frame 2: it says 4 atoms, but only 3 follow: is the file whole\?"),
        (ATOM + WATER.replace("3\n", "4\n", 1) + "\n\n" + ATOM, r"frame 2: it says 4 atoms, but only 3 follow"),
        (ATOM + "99999999999\n", r"frame 2: it says 99999999999 atoms, but only 0 follow"),
        (ATOM + f"{10**30}\n", r"frame 2: it says 10+ atoms, but only 0 follow"),
        (ATOM + "0\n\n", r"frame 2: a structure needs at least one atom, this one has 0"),
        (ATOM + "-3\n\n", r"frame 2: a structure needs at least one atom, this one has -3"),
        (
            ATOM + ATOM.replace("2.0", "two"),
            r'frame 2: line 6: expected a number in the column y, got "two": "H 1.0 two 3.0"',
        ),
        (
            ATOM + "\n" + ATOM.replace("H 1.0 2.0 3.0", "H 1.0 2.0"),
            r"frame 2: line 7: expected 4 columns \(symbol x y z, as Properties says\), got 3: "
            r'"H 1.0 2.0"; write the missing ones, or correct the line$',
        ),
        (
            "2\nplain\nO 0 0 0\nH 0 1\n",
            r'frame 1: line 4: expected 4 columns \(symbol x y z\), got 3: "H 0 1"; write the missing ones',
        ),
        (
            ATOM.replace("pos:R:3", "pos:R:3:forces:R:3:charge:R:1"),
            r"frame 1: line 3: expected 8 columns \(symbol x y z forces\[1\] forces\[2\] forces\[3\] charge, as",
        ),
        (
            ATOM.replace("pos:R:3", "pos:R:3:tag:I:1").replace("3.0", "3.0 x"),
            r"expected a whole number in the column tag",
        ),
        (WATER + ATOM.replace("2.0", "nan"), r"frame 2: the coordinates of atom 1 are not finite: 1 nan 3"),
        (WATER.replace("H 0.0 0.7572", "H -inf 0.7572"), r"frame 1: the coordinates of atom 2 are not finite: -inf"),
        (ATOM.replace("1.0", "1e400"), r"frame 1: the coordinates of atom 1 are not finite: inf 2 3"),
        (ATOM + ATOM.replace("H 1", "Xx 1"), r'frame 2: unknown element "Xx"'),
        (ATOM.replace("H 1", "X 1"), r'frame 1: unknown element "X" \(atom 1\)'),
        (ATOM.replace("species:S", "Z:I").replace("H 1", "300 1"), r"frame 1: "),
        (WATER.replace("pos:R", "xyz:R"), r"frame 1: every atom is at the origin"),
        (ATOM + WATER.replace("F F F", "T T T"), r'frame 2: it is periodic, and has no cell; .* pbc="F F F"'),
        (WATER.replace('pbc="F F F"', 'Lattice="9 0 0 0 9 0 9 9 0"'), r"frame 1: the lattice vectors .* independent"),
        (WATER.replace('pbc="F F F"', 'Lattice="9 0 0 0 nan 0 0 0 9"'), r"frame 1: "),
        ('2\nLattice="4 0 0 0 4 0 0 0 4"\nH 0 0.1 0\nH 4 0.1 8\n', r"frame 1: atom 2 is a periodic image of atom 1"),
        (ATOM + "VEC1 5 0 0\n", r"frame 1: periodic cells"),
        ("\x00\x01\x02", r"frame 1: expected a line with the number of atoms"),
    ],
)
def test_bad_files_say_where_and_what(file, text, says):
    with pytest.raises(UsageError, match=says) as caught:
        read_structures(file(text))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(file(text)))


@pytest.mark.parametrize(
    ("name", "dim", "text", "says"),
    [
        (
            "dipol",
            3,
            ATOM,
            r'frame 1: no target "dipol"; did you mean "dipole"\? this frame has alpha, dipole, energy$',
        ),
        ("gap", 1, WATER + "1\n\nH 0 0 0\n", r'frame 1: no target "gap"; this frame has alpha, dipole, energy, tag$'),
        ("energy", 1, WATER + "1\n\nH 0 0 0\n", r'frame 2: no target "energy"; this frame has none at all$'),
        ("energy", 3, WATER, r'frame 1: target "energy" as 3x0e has 3 components, the file has one number'),
        ("dipole", 1, WATER, r'target "dipole" as 1x0e has 1 component, the file has 3 numbers'),
        ("dipole", 3, WATER + ATOM.replace('"0 0 0"', '"0 0"'), r"frame 2: target .* the file has 2 numbers"),
        ("energy", 1, WATER + ATOM.replace("-13.5", "nan"), r'frame 2: target "energy" is not finite: nan'),
        ("dipole", 3, WATER.replace('-0.7"', 'inf"'), r'frame 1: target "dipole" is not finite: 0 0.1 inf'),
        ("tag", 1, WATER, r'target "tag" is not numeric: wet'),
        ("tag", 1, WATER.replace("wet", "T"), r'target "tag" is not numeric: True'),
    ],
)
def test_bad_targets_say_where_and_what(file, width, name, dim, text, says):
    with pytest.raises(UsageError, match=says):
        read_structures(file(text), {name: width(dim)})


@pytest.mark.parametrize("column", ["forces", "velocity"])
def test_per_atom_values_are_no_targets_even_when_nine_would_fit(file, width, column):
    text = (
        WATER.replace("pos:R:3", f"pos:R:3:{column}:R:3")
        .replace("0.1173", "0.1173 1 2 3")
        .replace("-0.4692", "-0.4 1 2 3")
    )
    with pytest.raises(UsageError, match=f'"{column}" is given per atom'):
        read_structures(file(text), {column: width(9)})


def test_many_keys_are_cut_short(file, width):
    keys = " ".join(f"k{k:02d}={k}" for k in range(20))
    with pytest.raises(UsageError, match=r"this frame has k00, .*, k11 and 8 more"):
        read_structures(file(f"1\n{keys}\nH 0 0 0\n"), {"zz": width(1)})


def test_paths_that_are_not_there(tmp_path):
    with pytest.raises(UsageError, match=r"absent.xyz: no such file or folder"):
        iter_structures(tmp_path / "absent.xyz")
    with pytest.raises(UsageError, match=r"this folder holds no file that ends in .xyz or .extxyz"):
        iter_structures(tmp_path)
    with pytest.raises(ValueError, match="at least one structure"):
        iter_structures(tmp_path, chunk=0)


def test_not_text_and_not_a_format(tmp_path):
    (tmp_path / "a.xyz").write_bytes(ATOM.encode() + b"1\n\xff\xfe\nH 0 0 0\n")
    with pytest.raises(UsageError, match=r"a.xyz, after frame [01]: this is not a text file"):
        read_structures(tmp_path / "a.xyz")
    (tmp_path / "b.whatever").write_text("once upon a time\n")
    with pytest.raises(UsageError, match=r"b.whatever: ase cannot read this: UnknownFileTypeError"):
        read_structures(tmp_path / "b.whatever")
    (tmp_path / "c.cif").write_text("")
    with pytest.raises(UsageError, match=r"c.cif holds no structures: it is empty"):
        read_structures(tmp_path / "c.cif")


def test_ase_is_missing(monkeypatch, file):
    monkeypatch.setattr(_structures, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'pip install "intertwine\[atoms\]"'):
        read_structures(file(ATOM))


def test_targets_are_real_representations_too(file):
    from intertwine.groups import O3

    data = read_structures(file(WATER), {"dipole": O3().rep("1x1o")})
    assert data.cloud_fields["dipole"].shape == (1, 3)
    with pytest.raises(UsageError, match="has 5 components"):
        read_structures(file(WATER), {"dipole": O3().rep("1x2e")})
    assert math.isfinite(data.cloud_fields["dipole"].sum())


def test_progress_is_told_in_bytes_while_files_are_read(tmp_path):
    for name in ("a.xyz", "b.xyz"):
        (tmp_path / name).write_text(WATER * 80)
    (tmp_path / "c.xyz").write_text("1\n\nH 0 0 0\n")
    total = sum(file.stat().st_size for file in tmp_path.iterdir())
    seen = []
    data = read_structures(tmp_path, progress=lambda done, of: seen.append((done, of)))
    assert seen[-1] == (total, total)
    assert seen == sorted(seen)
    assert {of for _, of in seen} == {total}
    assert any(0.2 * total < done < 0.8 * total for done, _ in seen)
    seen = []
    chunks = iter_structures(tmp_path, chunk=20, progress=lambda done, of: seen.append((done, of)))
    parts = [(len(part), len(seen)) for part in chunks]
    assert sum(size for size, _ in parts) == len(data)
    assert parts[0][1] < parts[-1][1]  # told as it goes, not at the end
    assert seen[-1] == (total, total)


def test_progress_of_other_formats_is_told_a_file_at_a_time(tmp_path):
    write(tmp_path / "a.traj", [Atoms("OH", [[0, 0, 0], [0, 0, 1.0]])])
    seen, size = [], (tmp_path / "a.traj").stat().st_size
    read_structures(tmp_path / "a.traj", progress=lambda done, of: seen.append((done, of)))
    assert seen == [(size, size)]


def test_xyz_without_its_ending_is_checked_as_xyz(file):
    assert len(read_structures(file(WATER + ATOM, "no_ending")).names) == 2
    with pytest.raises(UsageError, match=r"it says 999999999999999999 atoms, but only 1 follow"):
        read_structures(file("999999999999999999\n\nH 0 0 0\n", "no_ending"))


def test_the_lines_of_frames_are_counted_through_the_lines_after_qm9(tmp_path):
    frame = "1\ngdb 1\t" + "0.5 " * 15 + "\nC 1 0 0 -0.5\n13 17\nC C\nInChI=1S InChI=1S\n"
    path = tmp_path / "a.xyz"
    path.write_text(frame + "\n" + frame + frame)
    assert [found.line for found in read_xyz_frames(path, lambda _: None)] == [1, 8, 14]
