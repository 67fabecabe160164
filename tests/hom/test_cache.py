"""Bases are kept by value, in memory and in a folder; nobody can spoil them."""

import logging
import re
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from intertwine.groups import SE2, SO3, Cyclic, Group, Lorentz
from intertwine.hom import _basis, intertwiners
from intertwine.hom._cache import BasisCache, basis_path, store_basis
from intertwine.hom._verify import verify_basis


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


def test_memory_holds_as_many_entries_as_it_says():
    memory = BasisCache(entries=18)
    first, second = SO3().irrep(1), SO3().irrep(2)
    memory.put(first, first, torch.ones(2, 3, 3))  # exactly full
    assert memory.get(first, first) is not None
    memory.put(first, first, torch.ones(1, 3, 3))  # replaced, not added
    memory.put(second, second, torch.ones(1, 3, 3))
    assert memory.get(first, first).shape == (1, 3, 3)
    assert memory.get(second, second) is not None


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


def stored(tmp_path):
    """A stored basis, its file, and the reps."""
    V = Lorentz().vector
    basis = intertwiners(V * V, V * V, folder=tmp_path)
    (file,) = tmp_path.iterdir()
    _basis.MEMORY.clear()
    return V * V, basis, file


def rotated(basis):
    """The same maps as far as norms go, but one of them does not commute."""
    wrong = basis.clone()
    wrong[1] = torch.eye(basis.shape[-1], dtype=torch.float64).flip(0) / basis.shape[-1] ** 0.5
    return wrong


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda basis: basis[:2], "holds 2 maps, but characters count 4"),
        (lambda basis: torch.cat([basis, basis[:1]]), "holds 5 maps, but characters count 4"),
        (lambda basis: basis.to(torch.float32), "got torch.float32 of shape"),
        (lambda basis: basis.to(torch.complex128), "got torch.complex128 of shape"),
        (lambda basis: basis[0], "got torch.float64 of shape"),
        (lambda basis: basis[:, :, :9], r"got torch.float64 of shape \(4, 16, 9\)"),
        (lambda basis: basis.flatten(1).reshape(4, 8, 32), r"got torch.float64 of shape \(4, 8, 32\)"),
        (lambda basis: 1.01 * basis, "not orthonormal"),
        (lambda basis: torch.cat([basis[:3], basis[:1]]), "not orthonormal"),
        (lambda basis: basis * torch.nan, "not orthonormal"),
        (lambda basis: torch.linalg.qr(rotated(basis).flatten(1).T).Q.T.reshape(basis.shape), "do not commute"),
    ],
)
def test_a_basis_that_is_not_the_basis_is_solved_again(tmp_path, caplog, spoil, message):
    rep, basis, file = stored(tmp_path)
    store_basis(file, spoil(basis).contiguous())  # with a right checksum
    with caplog.at_level(logging.WARNING):
        assert torch.equal(intertwiners(rep, rep, folder=tmp_path), basis)
    assert "solving again" in caplog.text
    assert re.search(message, caplog.text)
    caplog.clear()
    _basis.MEMORY.clear()
    assert torch.equal(intertwiners(rep, rep, folder=tmp_path), basis)
    assert not caplog.text


def test_other_numbers_than_those_of_the_checksum_are_noticed(tmp_path, caplog):
    rep, basis, file = stored(tmp_path)
    with np.load(file) as content:
        checksum = content["checksum"]
    with file.open("wb") as stream:
        np.savez_compressed(stream, basis=-basis.numpy(), checksum=checksum)  # a basis, but not the one
    with caplog.at_level(logging.WARNING):
        assert torch.equal(intertwiners(rep, rep, folder=tmp_path), basis)
    assert "checksum" in caplog.text


def test_the_file_of_another_pair_is_noticed(tmp_path, caplog):
    V, W = SO3().rep("1x0 + 1x1"), SO3().rep("2x0 + 2x0")
    other, target = basis_path(tmp_path, V, V), basis_path(tmp_path, W, W)
    intertwiners(V, V, folder=tmp_path)
    other.rename(target)
    with caplog.at_level(logging.WARNING):
        assert len(intertwiners(W, W, folder=tmp_path)) == 16
    assert "checksum" in caplog.text


def test_a_true_basis_of_any_kind_is_accepted():
    G, C = SO3(), Cyclic(4)
    for rep_in, rep_out in [
        (G.rep("2x0 + 3x1"), G.rep("1x1 + 2x0 + 1x2")),
        (G.vector**2, 2 * G.vector + G.trivial),
        (2 * C.regular + C.vector, C.regular + 2 * C.vector),
        (Lorentz().vector + 2 * Lorentz().trivial, Lorentz().vector.dual),
        (SE2().vector, SE2().vector * SE2().vector),
        (G.rep("1x1"), G.rep("1x2")),
    ]:
        verify_basis(intertwiners(rep_in, rep_out), rep_in, rep_out)


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
