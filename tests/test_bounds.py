"""Bounds on sizes and digits, and numbers of any size in a few characters."""

import pytest

from intertwine._bounds import (
    LARGEST_DIMENSION,
    LARGEST_ENTRIES,
    MOST_DIGITS,
    check_digits,
    check_entries,
    shorten,
    show_count,
)
from intertwine._terms import read_spherical_terms, read_terms


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (-1234, "-1,234"),
        (10**8 - 1, "99,999,999"),
        (10**8, "1.0e+08"),
        (-(10**8), "-1.0e+08"),
        (10**300 - 10**290, "1.0e+300"),
        (25 * 10**299, "2.5e+300"),
        (3 * 10**400, "3.0e+400"),
    ],
)
def test_counts(count, text):
    assert show_count(count) == text


def test_texts_are_cut_to_their_length():
    assert shorten("a" * 80) == "a" * 80
    assert shorten("a" * 81) == "a" * 78 + ".."
    assert shorten("abcdef", 5) == "abc.."


def test_the_largest_tensor():
    assert (LARGEST_ENTRIES, LARGEST_DIMENSION, MOST_DIGITS) == (2**28, 16_384, 18)
    check_entries(LARGEST_ENTRIES, "the matrices of G")
    with pytest.raises(ValueError, match=r"the matrices of G have 2\.7e\+08 entries, more than the 2\.7e\+08 that fit"):
        check_entries(LARGEST_ENTRIES + 1, "the matrices of G")


def test_digits():
    check_digits("1" * 18 + "x" + "2" * 18)
    with pytest.raises(ValueError, match="expected numbers of at most 18 digits, got one of more"):
        check_digits("x" + "1" * 19)


def test_terms():
    assert list(read_terms("")) == list(read_terms("  ")) == []
    assert list(read_terms(" 8 x 0e+1o + 02xA1 ")) == [(8, "0e"), (1, "1o"), (2, "A1")]
    assert list(read_spherical_terms("3x12o")) == [(3, 12, "o")]
    for text, shown in (("1o +", ""), ("+1o", ""), ("8x0e + 4xx + 1o", "4xx"), ("0e 1o", "0e 1o"), ("1z", "1z")):
        with pytest.raises(ValueError, match="expected MULTIPLICITYxIRREP such as 4x1o") as refused:
            list(read_spherical_terms(text))
        assert str(refused.value).startswith(f'cannot read "{shown}')
