from __future__ import annotations

import pickle

import pytest
import torch

from intertwine.data import Names, Structures

SIZES = [3, 1, 5, 2]


def pieces(structures, index):
    """One structure, the slow way."""
    a, b = structures.offsets[index].item(), structures.offsets[index + 1].item()
    return structures.numbers[a:b].tolist(), structures.positions[a:b].tolist(), structures.names[index]


@pytest.mark.parametrize("indices", [[2], [3, 0, 0, 1], [-1, -4], [], torch.tensor([1, 2])])
def test_select_is_the_loop(make_structures, indices):
    data = make_structures(SIZES)
    chosen = data.select(indices)
    plain = [int(i) % len(data) for i in indices]
    assert len(chosen) == len(plain)
    assert chosen.counts.tolist() == [SIZES[i] for i in plain]
    assert [pieces(chosen, k) for k in range(len(plain))] == [pieces(data, i) for i in plain]
    assert torch.equal(chosen.targets["dipole"], data.targets["dipole"][plain])


def test_select_takes_a_mask_and_refuses_what_is_not_there(make_structures):
    data = make_structures(SIZES)
    assert data.select(torch.tensor([True, False, False, True])).names == ("s0", "s3")
    with pytest.raises(IndexError, match=r"4 \.\.\. 4 for 4 structures"):
        data.select([4])
    with pytest.raises(IndexError):
        data.select([-5])
    with pytest.raises(IndexError, match="mask"):
        data.select([True, False])


def test_concatenate_undoes_select(make_structures):
    data = make_structures(SIZES)
    again = Structures.concatenate([data.select([0]), data.select([]), data.select([1, 2, 3])])
    assert torch.equal(again.positions, data.positions)
    assert torch.equal(again.offsets, data.offsets)
    assert torch.equal(again.targets["energy"], data.targets["energy"])
    assert again.names == data.names


def test_concatenate_refuses_different_targets(make_structures):
    data = make_structures(SIZES)
    bare = Structures(data.numbers, data.positions, data.offsets)
    with pytest.raises(ValueError, match="different targets"):
        Structures.concatenate([data, bare])
    with pytest.raises(ValueError, match="nothing to concatenate"):
        Structures.concatenate([])


def test_composition_counts_the_listed_elements(make_structures):
    data = make_structures(SIZES)
    elements = [8, 1, 6, 99]
    slow = [[pieces(data, s)[0].count(z) for z in elements] for s in range(len(data))]
    assert data.composition(elements).tolist() == slow
    assert data.composition(data.elements).sum(1).tolist() == SIZES
    assert data.elements == tuple(sorted(set(data.numbers.tolist())))
    assert data.composition([]).shape == (4, 0)


def test_batch_says_whose_atom_it_is(make_structures):
    assert make_structures(SIZES).batch.tolist() == [0, 0, 0, 1, 2, 2, 2, 2, 2, 3, 3]


def test_pickle(make_structures):
    data = make_structures(SIZES)
    again = pickle.loads(pickle.dumps(data))
    assert torch.equal(again.positions, data.positions)
    assert again.names == data.names


def good():
    return {
        "numbers": torch.tensor([6, 1, 1]),
        "positions": torch.zeros(3, 3, dtype=torch.float64),
        "offsets": torch.tensor([0, 1, 3]),
        "targets": {"energy": torch.zeros(2, 1, dtype=torch.float64)},
        "names": ("a", "b"),
    }


@pytest.mark.parametrize(
    ("part", "value", "error", "says"),
    [
        ("numbers", torch.tensor([6.0, 1.0, 1.0]), TypeError, "numbers must be torch.int64"),
        ("numbers", torch.tensor([6, 1]), ValueError, r"numbers \(N,\)"),
        ("numbers", torch.tensor([6, 1, -1]), ValueError, "not negative"),
        ("positions", torch.zeros(3, 3), TypeError, r"positions must be torch.float64.*\.to"),
        ("positions", [[0.0, 0.0, 0.0]], TypeError, "tensor"),
        (
            "positions",
            torch.tensor([[0.0, 0, 0], [0, float("nan"), 0], [0, 0, 0]]).double(),
            ValueError,
            "atom 1 is not",
        ),
        ("offsets", torch.tensor([0, 1, 4]), ValueError, "from 0 to the number of atoms, 3"),
        ("offsets", torch.tensor([1, 3]), ValueError, "from 0"),
        ("offsets", torch.tensor([0, 3, 3]), ValueError, "structure 1 has 0 atoms"),
        ("offsets", torch.tensor([0, 4, 3]), ValueError, "structure 1 has -1 atoms"),
        ("targets", {"energy": torch.zeros(2, dtype=torch.float64)}, ValueError, r"must be \(2, d\)"),
        ("targets", {"energy": torch.zeros(3, 1, dtype=torch.float64)}, ValueError, r"must be \(2, d\)"),
        ("targets", {"energy": torch.zeros(2, 1)}, TypeError, "target 'energy' must be torch.float64"),
        (
            "targets",
            {"energy": torch.tensor([[0.0], [float("inf")]]).double()},
            ValueError,
            "structure 1 is not finite",
        ),
        ("names", ("a",), ValueError, "1 names for 2 structures"),
    ],
)
def test_it_validates_itself(part, value, error, says):
    Structures(**good())
    with pytest.raises(error, match=says):
        Structures(**{**good(), part: value})


def test_names_are_lazy_and_behave_as_a_tuple():
    names = Names(torch.arange(1, 131).numpy(), prefix="qm9/dsgdb9nsd_", digits=6)
    assert (len(names), names[0], names[-1]) == (130, "qm9/dsgdb9nsd_000001", "qm9/dsgdb9nsd_000130")
    assert tuple(names[:2]) == names[:2] == ("qm9/dsgdb9nsd_000001", "qm9/dsgdb9nsd_000002")
    assert names != ("x",) * 130
    assert names != "x"
    assert "130 in all" in repr(names)
    assert hash(Names(["a"])) == hash(("a",))
    both = Names.concatenate([names[:1], Names(["x"])])
    assert both == ("qm9/dsgdb9nsd_000001", "x")
    assert Names.concatenate([names[:1], names[5:6]]).keys.dtype.kind == "i"
