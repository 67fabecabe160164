from __future__ import annotations

import csv
import logging
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import pytest
import torch

from intertwine._errors import UsageError
from intertwine._progress import no_progress
from intertwine.data import QM9_TARGETS, RECIPES, qm9
from intertwine.data.public import _qm9

COLUMNS = [
    *("XYZ_file", "Index", "SMILES", "InChi", "N_atoms", "Stoichiometry", "Elements", "XYZ_Ang", "Mulliken_pop"),
    *("Harmonic_Freq_cmi", "RotA_GHz", "RotB_GHz", "RotC_GHz"),
    *(info.column for info in QM9_TARGETS.values()),
]
MOLECULES = [
    ("C", "CHHHH", [[-0.0126981359, 1.0858041578, 0.0080009958], *[[0.1 * k, 1.0, -2e-5] for k in range(4)]]),
    ("N", "NHHH", [[0.5, 0.0, 1.25], [1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [-7.5, 8.0, -9.0]]),
    ("O", "OHH", [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
    ("C#N", "CNH", [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
    ("CF", "CF", [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]),
]
NUMBERS = {"H": 1, "C": 6, "N": 7, "O": 8, "F": 9}


def number(value):
    """As the package writes them: 0. and 1. without zeros, small ones with an exponent."""
    text = repr(float(value)).upper()
    return text[:-1] if text.endswith(".0") else text


def row(index, smiles, letters, coordinates):
    matrix = ",".join("[" + ",".join(number(x) for x in line) + "]" for line in coordinates)
    elements = ",".join(f"'{letter}'" for letter in letters)
    head = [f"dsgdb9nsd_{index:06d}.xyz", index, smiles, "InChI=1S/CH4/h1H4", len(letters), "[4,1,0,0,0]"]
    values = [index + 0.25 * k for k in range(len(QM9_TARGETS))]
    return [*head, f"[{elements}]", f"[{matrix}]", "[-0.5,0.1]", "[1341.307]", 1.0, 2.0, 3.0, *values]


def write_tables(folder: Path, rows=None) -> list[Path]:
    rows = [row(3 * k + 1, *molecule) for k, molecule in enumerate(MOLECULES)] if rows is None else rows
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"qm9_part{part}.csv" for part in (1, 2, 3)]
    for file, part in zip(files, (rows[:2], rows[2:3], rows[3:]), strict=True):
        with file.open("w", newline="") as handle:
            writer = csv.writer(handle, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(part)
    return files


@pytest.fixture
def package(tmp_path, monkeypatch, cache):
    """A package qm9pack of five molecules that must not be imported."""
    folder = tmp_path / "site" / "qm9pack"
    write_tables(folder / "data")
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(str(folder.parent))
    return folder


def check(data):
    assert len(data) == len(MOLECULES)
    assert data.point_fields["numbers"].tolist() == [
        NUMBERS[letter] for _, letters, _ in MOLECULES for letter in letters
    ]
    assert data.positions.tolist() == [line for _, _, coordinates in MOLECULES for line in coordinates]
    assert data.counts.tolist() == [5, 4, 3, 3, 2]
    assert data.names == [f"qm9/dsgdb9nsd_{3 * k + 1:06d}" for k in range(5)]
    for k, name in enumerate(QM9_TARGETS):
        assert data.cloud_fields[name].tolist() == [[3 * s + 1 + 0.25 * k] for s in range(5)]


@pytest.mark.parametrize("rows_at_once", [1, 2, 4000])
def test_parse_then_cache(package, cache, monkeypatch, rows_at_once):
    monkeypatch.setattr(_qm9, "_ROWS_AT_ONCE", rows_at_once)
    seen = []
    check(qm9(progress=lambda done, total: seen.append((done, total))))
    assert seen[-1][0] == seen[-1][1] == sum(file.stat().st_size for file in (package / "data").iterdir())
    assert seen == sorted(seen)
    assert [file.name for file in cache.iterdir()] == ["qm9.safetensors"]
    monkeypatch.setattr(_qm9, "_parse", None)
    check(qm9())
    check(RECIPES["qm9"].load(no_progress))


def test_chosen_targets_only(package):
    assert list(qm9(["gap", "u0"]).cloud_fields) == ["gap", "u0"]
    assert qm9([]).cloud_fields == {}


def test_unknown_target(package):
    with pytest.raises(UsageError, match=r'no target "polarizabilty"; did you mean "polarizability"\? Known: pol'):
        qm9(["polarizabilty"])


def test_new_tables_are_parsed_again_silently(package, caplog):
    qm9()
    write_tables(package / "data", [row(9, *MOLECULES[0])])
    assert qm9().names == ["qm9/dsgdb9nsd_000009"]
    assert not caplog.records


def test_a_damaged_cache_is_built_again_with_one_warning(package, cache, caplog):
    qm9()
    file = cache / "qm9.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    check(qm9())
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    check(qm9())
    assert len(caplog.records) == 1


def test_not_installed(monkeypatch, cache):
    monkeypatch.setattr(_qm9, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'qm9pack, which is not installed: pip install "intertwine\[atoms\]"'):
        qm9()


def test_half_installed(package):
    (package / "data" / "qm9_part2.csv").unlink()
    with pytest.raises(UsageError, match=r"lacks data/qm9_part2.csv"):
        qm9()


def damaged(column, value):
    broken = row(4, *MOLECULES[1])
    broken[COLUMNS.index(column)] = value
    return broken


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("XYZ_Ang", "[[0.,0.,zero]]", "not a number"),
        ("Polarizability_bohr3", "", "not a number"),
        ("XYZ_Ang", "[[0.,0.,1.]]", "disagree"),
        ("N_atoms", 7, "disagree"),
        ("Elements", "['N','H','H','Q']", "disagree"),
        ("Elements", "['N','H','H']", "disagree"),
    ],
)
def test_damaged_tables_are_named(package, cache, column, value, says):
    write_tables(package / "data", [row(1, *MOLECULES[0]), damaged(column, value), row(7, *MOLECULES[2])])
    with pytest.raises(UsageError, match=rf"qm9_part1.csv, row 1 or shortly after: .*{says}"):
        qm9()
    assert not cache.exists()


def test_cut_tables_are_named(package):
    file = package / "data" / "qm9_part3.csv"
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(UsageError, match=r"qm9_part3.csv: .* columns: is the file whole"):
        qm9()
    file.write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="no column Index"):
        qm9()
    write_tables(package / "data", [])
    with pytest.raises(UsageError, match="are empty"):
        qm9()


@pytest.mark.skipif(find_spec("qm9pack") is None, reason="qm9pack is not installed")
def test_the_real_table_begins_with_methane_ammonia_water(tmp_path):
    files = []
    for source in _qm9._source_files():
        files.append(tmp_path / source.name)
        with source.open() as whole, files[-1].open("w") as head:
            head.writelines(islice(whole, 21))
    data = _qm9._load(files, tmp_path / "cache", list(QM9_TARGETS))
    assert len(data) == 60
    assert data.cloud_fields["polarizability"][:3].flatten().tolist() == [13.21, 9.46, 6.31]
    assert data.cloud_fields["dipole_norm"][:3].flatten().tolist() == [0.0, 1.6256, 1.8511]
    assert data.cloud_fields["u0"][0].item() == -40.47893
    assert data.composition([1, 6, 7, 8, 9])[:3].tolist() == [[4, 1, 0, 0, 0], [3, 0, 1, 0, 0], [2, 0, 0, 1, 0]]
    gap = data.cloud_fields["lumo"] - data.cloud_fields["homo"]
    torch.testing.assert_close(data.cloud_fields["gap"], gap, atol=1.1e-4, rtol=0)
    bond = (data.positions[0] - data.positions[1]).norm()
    assert bond.item() == pytest.approx(1.092, abs=1e-3)
