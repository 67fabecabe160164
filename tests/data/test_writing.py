from __future__ import annotations

import csv
import io

import ase.io
import numpy as np
import pytest
import torch

from intertwine._errors import UsageError
from intertwine.data import CHEMICAL_SYMBOLS, molecules, read_structures, write_csv, write_extxyz


@pytest.fixture
def predictions():
    generator = torch.Generator().manual_seed(1)
    return {
        "energy": torch.randn(3, generator=generator, dtype=torch.float64) / 3,
        "dipole": torch.randn(3, 3, generator=generator, dtype=torch.float64) * 1e-7,
        "alpha": torch.randn(3, 9, generator=generator, dtype=torch.float32),
        "odd name = 1": torch.randn(3, 1, generator=generator, dtype=torch.float32, requires_grad=True),
    }


@pytest.fixture
def data(make_structures):
    structures = make_structures([3, 1, 4])
    return molecules(
        structures.point_fields["numbers"],
        structures.positions,
        structures.offsets,
        {},
        ["a b", 'say "hi" \\ {x}', "mine.xyz:3"],
    )


def test_extxyz_is_read_back_by_ase_to_the_last_bit(tmp_path, data, predictions):
    write_extxyz(tmp_path / "out.extxyz", data, predictions)
    frames = ase.io.read(tmp_path / "out.extxyz", index=":")
    assert [frame.info["name"] for frame in frames] == list(data.names)
    assert not any(frame.pbc.any() for frame in frames)
    for k, frame in enumerate(frames):
        assert np.array_equal(frame.positions, data.select([k]).positions.numpy())
        assert np.array_equal(frame.numbers, data.select([k]).point_fields["numbers"].numpy())
        assert frame.calc.results["energy"] == predictions["energy"][k].item()
        assert np.array_equal(frame.calc.results["dipole"], predictions["dipole"][k].numpy())
        assert np.array_equal(frame.info["alpha"].astype(np.float32), predictions["alpha"][k].numpy())
        assert np.float32(frame.info["odd name = 1"]) == predictions["odd name = 1"][k].item()


def test_extxyz_is_read_back_by_us(tmp_path, data, predictions, width):
    write_extxyz(tmp_path / "out.extxyz", data, predictions)
    again = read_structures(tmp_path / "out.extxyz", {"energy": width(1), "dipole": width(3), "alpha": width(9)})
    assert torch.equal(again.positions, data.positions)
    assert torch.equal(again.cloud_fields["energy"][:, 0], predictions["energy"])
    assert torch.equal(again.cloud_fields["dipole"], predictions["dipole"])
    assert torch.equal(again.cloud_fields["alpha"].float(), predictions["alpha"])


def test_extxyz_appends_to_a_handle(tmp_path, data, predictions):
    whole = io.StringIO()
    write_extxyz(whole, data, predictions)
    parts = io.StringIO()
    for k in range(3):
        write_extxyz(parts, data.select([k]), {name: values[k : k + 1] for name, values in predictions.items()})
    assert parts.getvalue() == whole.getvalue()
    write_extxyz(tmp_path / "x.xyz", data, predictions)
    write_extxyz(tmp_path / "x.xyz", data, predictions)
    assert (tmp_path / "x.xyz").read_text() == whole.getvalue()


def test_csv(tmp_path, data, predictions):
    write_csv(tmp_path / "out.csv", data, predictions)
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == list(data.names)
    assert [row["atoms"] for row in rows] == ["3", "1", "4"]
    assert list(rows[0])[2:6] == ["energy", "dipole_0", "dipole_1", "dipole_2"]
    assert [float(row["energy"]) for row in rows] == predictions["energy"].tolist()
    assert [float(row["dipole_2"]) for row in rows] == predictions["dipole"][:, 2].tolist()
    assert [np.float32(row["alpha_8"]) for row in rows] == predictions["alpha"][:, 8].tolist()


def test_csv_in_chunks(data, predictions):
    whole, parts = io.StringIO(), io.StringIO()
    write_csv(whole, data, predictions)
    for k in range(3):
        part = {name: values[k : k + 1] for name, values in predictions.items()}
        write_csv(parts, data.select([k]), part, header=k == 0)
    assert parts.getvalue() == whole.getvalue()


def test_nothing_to_write(data):
    file = io.StringIO()
    write_csv(file, data.select([]), {"dipole": torch.zeros(0, 3)})
    assert file.getvalue() == "name,atoms,dipole_0,dipole_1,dipole_2\n"
    write_extxyz(file := io.StringIO(), data.select([]), {"dipole": torch.zeros(0, 3)})
    assert file.getvalue() == ""


def test_misuse(tmp_path, data):
    for write in (write_csv, write_extxyz):
        with pytest.raises(ValueError, match=r"prediction 'energy' must be \(3,\)"):
            write(io.StringIO(), data, {"energy": torch.zeros(2)})
        with pytest.raises(UsageError, match="cannot be written: No such file"):
            write(tmp_path / "nowhere" / "x", data, {})
    with pytest.raises(ValueError, match='"Lattice" has a meaning of its own'):
        write_extxyz(io.StringIO(), data, {"Lattice": torch.zeros(3, 9)})


def test_the_table_of_elements_is_ases():
    from ase.data import chemical_symbols

    assert list(CHEMICAL_SYMBOLS) == chemical_symbols
