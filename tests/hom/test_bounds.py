"""What does not fit is refused by its size, in one line, before anything is allocated."""

import pytest
import torch

from intertwine._bounds import check_digits, check_entries, shorten, show_count
from intertwine._errors import UsageError
from intertwine.groups import SL, SO, SO3, Alternating, Cyclic, Dihedral, O, Sp, Symmetric, Translations
from intertwine.hom import hom_dimension, intertwiners, parse_hom, tabulate
from intertwine.reps import wigner_d


class Watch(torch.overrides.TorchFunctionMode):
    """The largest tensor that is made."""

    largest = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else [out]:
            if isinstance(tensor, torch.Tensor):
                self.largest = max(self.largest, tensor.numel())
        return out


FITS = r"entries|at most|elements|matrices|degree|takes"
REFUSED = [
    "C999999: regular -> regular",
    "D999999: regular -> regular",
    "C3000: regular -> regular",
    "S9: regular -> regular",
    "S8: regular -> regular",
    "SO(99999): vector -> vector",
    "SO(16000): V -> V",
    "SO(100): V -> V",
    "O(99999): V -> V",
    "SL(99999): V -> V",
    "SL(9999): V -> V",
    "Sp(99998): V -> V",
    "S99999: V -> V",
    "A99999: V -> V",
    "A9999: V -> V",
    "S99: V x V -> V",
    "S20: [10,10] -> [10,10]",
    "S40: [20,20] -> [40]",
    "SO3: V^99 -> V",
    "SO3: V^999999999 -> V",
    "SO3: V^9 -> V^9",
    "SO3: 100000 -> 100000",
    "SO3: 3000 -> 3000",
    "SO3: 300 x 300 -> 1",
    "SO3: 99999999999999999x(0 + 1) -> 1",
    "SO3: 99999999999999999999x1 -> 1",
    "SU2: 100000 -> 1",
    "SU2: 99 x 99 -> 99",
    "SE3: V^12 -> V",
    "Lorentz: V^9 -> V^9",
    "O3: (1o + 2e)^30 -> 1o",
    "C4: regular^12 -> 1",
    f"C{'9' * 5000}: V -> V",
    f"SO3: {'(' * 100}1{')' * 100} -> 1",
    f"SO3: {' + '.join(['1'] * 5000)} -> 1",
]


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:40])
def test_what_does_not_fit_is_refused_before_it_is_allocated(text):
    with Watch() as watch, pytest.raises(ValueError, match=FITS) as caught:
        tabulate(*parse_hom(text))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert watch.largest < 2**24


@pytest.mark.parametrize(
    ("text", "dimension"),
    [
        ("S99: V -> V", 2),
        ("S200: V -> V", 2),
        ("A99: V -> V", 2),
        ("S50: V x V -> V", 5),
        ("C999999: V -> V", 2),
        ("D999999: V -> V", 1),
        ("SO2: 99999 -> 99999", 2),
        ("SO3: 999999x1 -> 999999x1", 999999**2),
        ("SO(8): V -> V", 1),
        ("S33: [33] -> V", 1),
    ],
)
def test_what_is_cheap_is_answered_however_large_the_group(text, dimension):
    with Watch() as watch:
        assert tabulate(*parse_hom(text)).dimension == dimension
    assert watch.largest < 2**24


def test_python_refuses_the_same():
    for make in (
        lambda: SO(99999),
        lambda: O(99999),
        lambda: SL(99999),
        lambda: Sp(99998),
        lambda: Symmetric(99999),
        lambda: Alternating(99999),
        lambda: Translations(99999),
        lambda: SO(16000).lie_algebra,
        lambda: SL(1000).lie_algebra,
        lambda: Sp(1000).lie_algebra,
        lambda: Translations(1000).lie_algebra,
        lambda: Alternating(1000).discrete_generators,
        lambda: Cyclic(999999).elements,
        lambda: Dihedral(999999).elements,
        lambda: Cyclic(40000).multiplication_table,
        lambda: Cyclic(40000).regular.matrix(Cyclic(40000).identity),
        lambda: SO3().vector ** 1001,
        lambda: (10**6) * (SO3().vector + SO3().trivial),
        lambda: SO3().irrep(10**5),
        lambda: SO3().irrep("9" * 50),
        lambda: SO3().rep("9" * 50 + "x1"),
        lambda: SO3().irrep(201).generators,
        lambda: wigner_d(201, torch.eye(3)),
        lambda: (SO3().vector ** 10).decompose(),
        lambda: intertwiners(Cyclic(999999).regular, Cyclic(999999).regular),
        lambda: intertwiners(SO3().vector ** 9, SO3().vector ** 9),
    ):
        with Watch() as watch, pytest.raises(ValueError, match=FITS):
            make()
        assert watch.largest < 2**24


def test_sizes_within_the_bounds_are_as_before():
    assert Cyclic(999999).order == 999999
    assert Dihedral(999999).order == 1999998
    assert torch.equal(Cyclic(12).discrete_generators[0], Cyclic(12).elements[1])
    assert torch.equal(Dihedral(12).discrete_generators, Dihedral(12).elements[[1, 12]])
    assert torch.equal(Cyclic(1).discrete_generators[0], torch.eye(2, dtype=torch.float64))
    assert len(SO(16).lie_algebra) == 120
    assert SO3().irrep(60).generators.shape == (3, 121, 121)
    assert hom_dimension(Symmetric(32).vector, Symmetric(32).vector) == 2


def test_show_count_and_the_checks():
    assert [show_count(n) for n in (0, 99_999_999, 10**8, 3**999)] == ["0", "99,999,999", "1.0e+08", "4.4e+476"]
    check_entries(2**28, "the matrices")
    with pytest.raises(UsageError, match=r"the matrices have 2.7e\+08 entries, more than the 2.7e\+08 that fit"):
        check_entries(2**28 + 1, "the matrices")
    check_digits("1" * 18 + "x" + "2" * 18)
    with pytest.raises(UsageError, match="at most 18 digits"):
        check_digits("1" * 19)
    assert shorten("a" * 80) == "a" * 80
    assert shorten("a" * 81) == "a" * 78 + ".."
