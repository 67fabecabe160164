"""Bases are kept by value, in memory and in a folder; nobody can spoil them."""

import logging
from dataclasses import dataclass

import pytest
import torch

from intertwine.groups import SO3, Cyclic, Group, Lorentz
from intertwine.hom import _basis, intertwiners
from intertwine.hom._cache import BasisCache, basis_path


@pytest.fixture(autouse=True)
def _empty_memory():
    _basis.MEMORY.clear()
    yield
    _basis.MEMORY.clear()


def forbid(monkeypatch):
    def solved(*_):
        raise AssertionError("solved again")

    monkeypatch.setattr(_basis, "_solved", solved)


def test_asked_twice_solved_once_and_safe_from_the_caller(monkeypatch):
    V = SO3().vector
    first = intertwiners(V * V, V)
    kept = first.clone()
    first.zero_()
    forbid(monkeypatch)
    second = intertwiners(SO3().vector * SO3().vector, SO3().vector)  # by value
    assert torch.equal(second, kept)
    second.zero_()
    assert torch.equal(intertwiners(V * V, V), kept)


def test_memory_forgets_the_oldest():
    memory = BasisCache(entries=20)
    reps = [SO3().irrep(degree) for degree in range(4)]
    for rep in reps[:3]:
        memory.put(rep, rep, torch.ones(1, 3, 3))
    assert memory.get(reps[0], reps[0]) is None
    assert memory.get(reps[1], reps[1]) is not None
    memory.put(reps[3], reps[3], torch.ones(1, 3, 3))
    assert memory.get(reps[2], reps[2]) is None  # reps[1] was used since
    memory.put(reps[0], reps[0], torch.ones(3, 3, 3))
    assert memory.get(reps[0], reps[0]) is None  # too large to keep


def test_a_folder_keeps_bases_from_one_program_to_the_next(tmp_path, monkeypatch):
    V = Lorentz().vector
    basis = intertwiners(V * V, V * V, folder=tmp_path / "bases")
    (file,) = (tmp_path / "bases").iterdir()
    assert file == basis_path(tmp_path / "bases", V * V, V * V)
    _basis.MEMORY.clear()
    forbid(monkeypatch)
    assert torch.equal(intertwiners(V * V, V * V, folder=tmp_path / "bases"), basis)


def test_what_is_in_memory_reaches_the_folder(tmp_path, monkeypatch):
    V = Lorentz().vector
    basis = intertwiners(V, V)
    forbid(monkeypatch)
    assert torch.equal(intertwiners(V, V, folder=tmp_path), basis)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("damage", [b"", b"no archive", b"PK\x03\x04 cut"])
def test_a_damaged_file_is_solved_again(tmp_path, caplog, damage):
    V = Lorentz().vector
    basis = intertwiners(V, V, folder=tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage)
    _basis.MEMORY.clear()
    with caplog.at_level(logging.WARNING):
        assert torch.equal(intertwiners(V, V, folder=tmp_path), basis)
    assert "is damaged" in caplog.text
    _basis.MEMORY.clear()
    caplog.clear()
    intertwiners(V, V, folder=tmp_path)
    assert not caplog.text


def test_a_folder_that_refuses_costs_a_warning(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    V = Lorentz().vector
    with caplog.at_level(logging.WARNING):
        assert len(intertwiners(V, V, folder=tmp_path / "file")) == 1
    assert "could not write" in caplog.text


def test_a_group_of_the_same_name_is_another_value(tmp_path):
    @dataclass(frozen=True, repr=False)
    class WignerFactors(Group):
        n: int
        name = "turns"
        dimension = 2
        orthogonal = True

        @property
        def discrete_generators(self):
            return Cyclic(self.n).discrete_generators

        def _sample(self, count, generator):
            return Cyclic(self.n).sample(count, generator=generator)

        def contains(self, g, tolerance=1e-6):
            return Cyclic(self.n).contains(g, tolerance)

    two, three = WignerFactors(2).vector, WignerFactors(3).vector
    assert repr(two) == repr(three)
    assert basis_path(tmp_path, two, two) != basis_path(tmp_path, three, three)
    assert len(intertwiners(two, two, folder=tmp_path)) == 4
    assert len(intertwiners(three, three, folder=tmp_path)) == 2
